/* keyfile.c - writing the lines of an env_file. */
#include "config.h"

#include "conf/keyfile.h"

#include <string.h>

#include "conf/values.h"

/* The quotes that VALUE needs: none (0), one of both kinds, or -1 if neither will do. */
static int
quote_for(const char *value)
{
	size_t n = strlen(value);

	if (n == 0 || (strchr("\"' \t", value[0]) == NULL &&
	    strchr(" \t", value[n - 1]) == NULL))
		return 0;
	if (strchr(value, '"') == NULL)
		return '"';
	return strchr(value, '\'') == NULL ? '\'' : -1;
}

bool
keyfile_can_hold(const char *value)
{
	return values_is_text(value, strlen(value)) && quote_for(value) >= 0;
}

/* True when LINE (N bytes) sets NAME. */
static bool
line_sets(const char *line, size_t n, const char *name)
{
	const char *end = line + n;
	size_t len = strlen(name);

	while (line < end && (*line == ' ' || *line == '\t'))
		line++;
	if (end - line > 7 && strncmp(line, "export ", 7) == 0)
		for (line += 7; line < end && (*line == ' ' || *line == '\t');)
			line++;
	if ((size_t)(end - line) <= len || strncmp(line, name, len) != 0)
		return false;
	for (line += len; line < end && (*line == ' ' || *line == '\t');)
		line++;
	return line < end && *line == '=';
}

static void
write_old(FILE *out, const char *old, const struct keyfile_variable *variables,
    size_t count)
{
	while (*old != '\0') {
		size_t n = strcspn(old, "\n");
		bool replaced = false;

		for (size_t i = 0; i < count && !replaced; i++)
			replaced = line_sets(old, n, variables[i].name);
		if (!replaced)
			fprintf(out, "%.*s\n", (int)n, old);
		old += n + (old[n] == '\n');
	}
}

void
keyfile_write(FILE *out, const char *old,
    const struct keyfile_variable *variables, size_t count)
{
	if (old != NULL)
		write_old(out, old, variables, count);
	for (size_t i = 0; i < count; i++) {
		const char *value = variables[i].value;
		int quote = value == NULL ? 0 : quote_for(value);

		fprintf(out, "%s=", variables[i].name);
		if (quote > 0)
			fprintf(out, "%c%s%c", quote, value, quote);
		else
			fputs(value == NULL ? "" : value, out);
		putc('\n', out);
	}
}
