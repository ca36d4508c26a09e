/* import_env.c - the old system's environment, whatever it was written in. */
#include "config.h"

#include "conf/import_env.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/import.h"

enum { VARIABLES_MAX = 1000 };

#define NAME_BYTES \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz0123456789"

static bool
is_escape(const char *p, char quote)
{
	return p[0] == '\\' && quote == '"' && (p[1] == '"' || p[1] == '\\');
}

/* The value between two quotes at P, which stands on the first. NULL: no end. */
static char *
take_quoted(struct import *im, const char **p)
{
	char quote = *(*p)++, *value, *out;
	const char *end = *p;

	for (; *end != quote; end++)
		if (*end == '\0')
			return NULL;
		else if (is_escape(end, quote))
			end++;
	out = value = arena_alloc(&im->arena, (size_t)(end - *p) + 1);
	for (; *p < end; (*p)++) {
		if (is_escape(*p, quote))
			(*p)++;
		*out++ = **p;
	}
	(*p)++;
	return value;
}

/* The rest of the line without comment and spaces around it. */
static char *
take_bare(struct import *im, const char **p)
{
	size_t n = strcspn(*p, "\n"), len = n;
	const char *start = *p;

	for (size_t i = 1; i < len; i++)
		if (start[i] == '#' && (start[i - 1] == ' ' ||
		    start[i - 1] == '\t'))
			len = i;
	while (len > 0 && strchr(" \t\r", start[len - 1]) != NULL)
		len--;
	*p += n;
	return arena_strndup(&im->arena, start, len);
}

static void
set(struct import *im, const char *name, size_t n, const char *value)
{
	for (size_t i = 0; i < im->old_count; i++)
		if (strlen(im->old[i].name) == n &&
		    strncmp(im->old[i].name, name, n) == 0) {
			im->old[i].value = value;
			return;
		}
	if (im->old_count == VARIABLES_MAX)
		return;
	im->old = import_grow(im, im->old, im->old_count,
	    sizeof(struct keyfile_variable));
	im->old[im->old_count++] = (struct keyfile_variable){
		.name = arena_strndup(&im->arena, name, n), .value = value
	};
}

/* P stands at a line's start; it goes no further than the line's end, or that
 * of a quoted value. */
static void
take_line(struct import *im, const char **p)
{
	const char *name = *p, *q;
	const char *value;
	size_t n;

	if (strncmp(name, "export ", 7) == 0)
		name += 7 + strspn(name + 7, " \t");
	n = strspn(name, NAME_BYTES);
	q = name + n + strspn(name + n, " \t");
	if (n == 0 || q[0] != '=' || q[1] == '=')
		return;
	q += 1 + strspn(q + 1, " \t");
	value = *q == '"' || *q == '\'' ? take_quoted(im, &q) :
	    take_bare(im, &q);
	if (value == NULL)
		return;
	set(im, name, n, value);
	*p = q;
}

void
import_env_take(struct import *im, const char *text)
{
	im->has_old = true;
	while (*text != '\0') {
		take_line(im, &text);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
}

bool
import_env_load(struct import *im, const char *path)
{
	struct source source;

	if (!import_load(im, &source, path))
		return false;
	import_env_take(im, source.text);
	source_fini(&source);
	return true;
}

const char *
import_env_get(const struct import *im, const char *name)
{
	const char *value = im->has_old ? NULL : getenv(name);

	for (size_t i = 0; i < im->old_count; i++)
		if (strcmp(im->old[i].name, name) == 0)
			value = im->old[i].value;
	return value == NULL || value[0] == '\0' ? NULL : value;
}

void
import_env_take_level(struct import *im, const char *name)
{
	static const struct {
		const char	*word;
		enum log_level	 level;
	} levels[] = {
		{ "NOTSET", LOG_LEVEL_DEBUG }, { "DEBUG", LOG_LEVEL_DEBUG },
		{ "INFO", LOG_LEVEL_INFO }, { "WARN", LOG_LEVEL_WARN },
		{ "WARNING", LOG_LEVEL_WARN }, { "ERROR", LOG_LEVEL_ERROR },
		{ "CRITICAL", LOG_LEVEL_ERROR }, { "FATAL", LOG_LEVEL_ERROR },
	};
	const char *value = import_env_get(im, name);

	if (value == NULL)
		return;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcasecmp(value, levels[i].word) == 0) {
			im->conf.log.level = levels[i].level;
			return;
		}
	import_note(im, "%s: \"%.20s\" is no level; log.level stays info",
	    name, value);
}

void
import_env_note(struct import *im, const char *const *words)
{
	for (; *words != NULL; words++) {
		char *name = arena_strndup(&im->arena, *words,
		    strcspn(*words, ":"));

		if (import_env_get(im, name) != NULL)
			import_note(im, "%s", *words);
	}
}
