/* manual.c - the key table as text for people. */
#include "config.h"

#include "conf/manual.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "conf/keys.h"

static const struct {
	const char	*title;
	const char	*text;		/* may be NULL */
} sections[] = {
	[KEYS_MAIN] = { "KEYS OF SLUICE.CONF", NULL },
	[KEYS_PROVIDER] = { "KEYS OF A PROVIDER FILE", NULL },
	[KEYS_HEADER] = { "KEYS OF A GROUP IN HEADERS",
	    "One of value and value_env is required." },
	[KEYS_MODEL] = { "KEYS OF A GROUP IN MODELS", NULL },
	[KEYS_ENDPOINT] = { "KEYS OF A GROUP IN ENDPOINTS", NULL },
};

static bool
is_string(const struct key *key)
{
	return key->type == KEYS_STRING || key->type == KEYS_PATH ||
	    key->type == KEYS_URL || key->type == KEYS_CHOICE;
}

static bool
is_number(const struct key *key)
{
	return key->type == KEYS_SECONDS || key->type == KEYS_BYTES ||
	    key->type == KEYS_MILLISECONDS || key->type == KEYS_COUNT ||
	    key->type == KEYS_RATIO;
}

static void
put_default(FILE *out, const struct key *key)
{
	if (key->required)
		fputs("required", out);
	else if (is_string(key))
		fprintf(out, "\"%s\"", key->fallback);
	else
		fputs(key->fallback[0] == '\0' ? "-" : key->fallback, out);
}

/* What a value may be, beyond its type. False: nothing to say. */
static bool
put_range(FILE *out, const struct key *key)
{
	if (is_number(key))
		fprintf(out, "%.15g to %.15g", key->min, key->max);
	else if (key->type == KEYS_CHOICE)
		for (int i = 0; keys_words(key)[i] != NULL; i++)
			fprintf(out, "%s%s", i == 0 ? "" : ", ",
			    keys_words(key)[i]);
	else
		return false;
	return true;
}

void
manual_list(FILE *out)
{
	for (const struct key *key = keys; key->name != NULL; key++) {
		fprintf(out, "%s\t%s\t%s\t", keys_scope_name(key->scope),
		    key->name, keys_type_text(key->type));
		put_default(out, key);
		putc('\t', out);
		if (!put_range(out, key))
			putc('-', out);
		fprintf(out, "\t%s\n", key->help);
	}
}

/* TEXT with what roff would take for its own escaped. */
static void
put_roff(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text != '\0'; text++)
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			putc(*text, out);
}

/* TEXT as a sentence on a line of its own. */
static void
put_sentence(FILE *out, const char *text)
{
	char first[2] = { (char)toupper((unsigned char)text[0]), '\0' };

	put_roff(out, first);
	put_roff(out, text + 1);
	fputs(".\n", out);
}

static void
put_entry(FILE *out, const struct key *key)
{
	fprintf(out, ".It Ic %s\n", key->name);
	put_sentence(out, key->help);
	fputs(".br\n", out);
	put_roff(out, keys_type_text(key->type));
	if (is_number(key) || key->type == KEYS_CHOICE) {
		fputs(key->type == KEYS_CHOICE ? ": " : ", ", out);
		put_range(out, key);
	}
	if (key->required)
		fputs("; required", out);
	else if (key->fallback[0] != '\0') {
		fputs("; default ", out);
		put_default(out, key);
	}
	if (key->restart)
		fputs("; a change takes effect at the next start", out);
	fputs(".\n", out);
}

void
manual_page(FILE *out)
{
	for (int scope = 0; scope < KEYS_SCOPE__MAX; scope++) {
		fprintf(out, ".Sh %s\n", sections[scope].title);
		if (sections[scope].text != NULL)
			fprintf(out, "%s\n", sections[scope].text);
		fputs(".Bl -tag -width Ds\n", out);
		for (const struct key *key = keys; key->name != NULL; key++)
			if ((int)key->scope == scope)
				put_entry(out, key);
		fputs(".El\n", out);
	}
}
