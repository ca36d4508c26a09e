/* show.c - the effective configuration as text. */
#include "config.h"

#include "conf/show.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/keys.h"

const char show_mask[9] = "********";

/* Where the text goes, and how deep it stands. */
struct show {
	FILE			*out;
	const struct conf	*conf;
	int			 depth;		/* tabs */
	const char		*group;		/* begins with the name of the group */
	size_t			 group_length;	/* 0 = in no group */
	bool			 changed;	/* only what is no default, nothing masked */
};

#define MEMBER(structure, offset, type) \
	((const type *)(const void *)((const char *)(structure) + (offset)))

typedef void show_fn(struct show *, const struct key *, const void *);

static show_fn *const showers[KEYS_TYPE__MAX];

static void show_group(struct show *, enum keys_scope, const void *structure);
static bool is_default(const struct key *, const void *structure);

static void
put_indent(struct show *s)
{
	for (int i = 0; i < s->depth; i++)
		putc('\t', s->out);
}

static void
put_string(struct show *s, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < ' ' || c == 0x7f)
			fprintf(s->out, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			fprintf(s->out, "\\%c", c);
		else
			putc(c, s->out);
	}
}

static void
show_string(struct show *s, const struct key *key, const void *structure)
{
	const char *text = *MEMBER(structure, key->offset, char *);
	size_t start = 0, user = 0;

	putc('"', s->out);
	if (text != NULL && !s->changed && key->value == values_proxy)
		user = values_userinfo(text, &start);
	if (text != NULL && ((key->secret && !s->changed) || user > 0)) {
		put_string(s, text, start);
		fprintf(s->out, "%s%s", show_mask, user > 0 ? "@" : "");
		if (user > 0)
			put_string(s, text + start + user,
			    strlen(text + start + user));
	} else if (text != NULL)
		put_string(s, text, strlen(text));
	putc('"', s->out);
}

static void
show_choice(struct show *s, const struct key *key, const void *structure)
{
	fprintf(s->out, "\"%s\"",
	    key->choices[*MEMBER(structure, key->offset, int)]);
}

static void
show_bool(struct show *s, const struct key *key, const void *structure)
{
	fputs(*MEMBER(structure, key->offset, bool) ? "true" : "false",
	    s->out);
}

/* 1500 is 1.5, and 2000 is 2.0: a float even to those who insist. */
static void
show_seconds(struct show *s, const struct key *key, const void *structure)
{
	unsigned ms = *MEMBER(structure, key->offset, unsigned);
	char text[32];
	int n = snprintf(text, sizeof(text), "%u.%03u", ms / 1000, ms % 1000);

	while (text[n - 1] == '0' && text[n - 2] != '.')
		n--;
	fprintf(s->out, "%.*s", n, text);
}

static void
show_unsigned(struct show *s, const struct key *key, const void *structure)
{
	fprintf(s->out, "%u", *MEMBER(structure, key->offset, unsigned));
}

static void
show_bytes(struct show *s, const struct key *key, const void *structure)
{
	uint64_t bytes = *MEMBER(structure, key->offset, uint64_t);

	fprintf(s->out, "%" PRIu64 "%s", bytes, bytes > INT_MAX ? "L" : "");
}

/* A point is in it: a float even to those who insist. */
static void
show_ratio(struct show *s, const struct key *key, const void *structure)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g",
	    *MEMBER(structure, key->offset, double));
	fprintf(s->out, "%s%s", text, strpbrk(text, ".e") == NULL ? ".0" : "");
}

static void
show_strings(struct show *s, const struct key *key, const void *structure)
{
	const char *const *list =
	    *MEMBER(structure, key->offset, char *const *);
	size_t n = *MEMBER(structure, key->count_offset, size_t);

	fputs("[", s->out);
	for (size_t i = 0; i < n; i++) {
		fputs(i == 0 ? " \"" : ", \"", s->out);
		put_string(s, list[i], strlen(list[i]));
		putc('"', s->out);
	}
	fputs(" ]", s->out);
}

/* True for a group that is written on one line: { name = "x"; } */
static bool
is_short(const struct show *s, enum keys_scope scope, const void *structure)
{
	for (const struct key *key = keys; s->changed && key->name != NULL;
	    key++)
		if (key->scope == scope && !is_default(key, structure) &&
		    (key->type == KEYS_GROUPS || strchr(key->name, '.')))
			return false;
	return s->changed;
}

static void
show_short(struct show *s, enum keys_scope scope, const void *structure)
{
	fputs("{ ", s->out);
	for (const struct key *key = keys; key->name != NULL; key++) {
		if (key->scope != scope || is_default(key, structure))
			continue;
		fprintf(s->out, "%s = ", key->name);
		showers[key->type](s, key, structure);
		fputs("; ", s->out);
	}
	putc('}', s->out);
}

static void
show_element(struct show *s, enum keys_scope scope, const void *structure)
{
	put_indent(s);
	if (is_short(s, scope, structure)) {
		show_short(s, scope, structure);
		return;
	}
	fputs("{\n", s->out);
	s->depth++;
	show_group(s, scope, structure);
	s->depth--;
	put_indent(s);
	putc('}', s->out);
}

static void
show_groups(struct show *s, const struct key *key, const void *structure)
{
	const char *list = *MEMBER(structure, key->offset, char *);
	size_t n = *MEMBER(structure, key->count_offset, size_t);

	fputs("(", s->out);
	s->depth++;
	for (size_t i = 0; i < n; i++) {
		fputs(i == 0 ? "\n" : ",\n", s->out);
		show_element(s, key->element,
		    list + i * keys_scope_size(key->element));
	}
	s->depth--;
	fputs(" )", s->out);
}

static show_fn *const showers[KEYS_TYPE__MAX] = {
	[KEYS_STRING] = show_string,
	[KEYS_PATH] = show_string,
	[KEYS_URL] = show_string,
	[KEYS_CHOICE] = show_choice,
	[KEYS_BOOL] = show_bool,
	[KEYS_SECONDS] = show_seconds,
	[KEYS_MILLISECONDS] = show_unsigned,
	[KEYS_BYTES] = show_bytes,
	[KEYS_COUNT] = show_unsigned,
	[KEYS_RATIO] = show_ratio,
	[KEYS_STRINGS] = show_strings,
	[KEYS_GROUPS] = show_groups,
};

/* What stands behind a setting that names a variable. */
static void
show_variable(struct show *s, const struct key *key, const void *structure)
{
	const char *name;

	if (key->value != values_env || s->changed)
		return;
	name = *MEMBER(structure, key->offset, char *);
	if (name != NULL)
		fprintf(s->out, "\t# %s", conf_getenv(s->conf, name) != NULL ?
		    "set" : "not set");
}

bool
show_is_unset(const struct key *key, const void *structure)
{
	if (key->type == KEYS_RATIO)
		return *MEMBER(structure, key->offset, double) < 0;
	return key->type == KEYS_SECONDS && key->min > 0 &&
	    *MEMBER(structure, key->offset, unsigned) == 0;
}

static bool
is_same_number(const struct key *key, const void *structure)
{
	double fallback = keys_number(key);

	if (key->type == KEYS_BYTES)
		return *MEMBER(structure, key->offset, uint64_t) ==
		    (uint64_t)fallback;
	if (key->type == KEYS_RATIO)
		return *MEMBER(structure, key->offset, double) == fallback;
	if (key->type == KEYS_SECONDS)
		fallback = fallback * 1000.0 + 0.5;
	return *MEMBER(structure, key->offset, unsigned) == (unsigned)fallback;
}

/* True when the member says what a file without this key would say. */
static bool
is_default(const struct key *key, const void *structure)
{
	const char *text;

	switch (key->type) {
	case KEYS_STRING:
	case KEYS_PATH:
	case KEYS_URL:
		text = *MEMBER(structure, key->offset, char *);
		return strcmp(text == NULL ? "" : text, key->fallback) == 0;
	case KEYS_CHOICE:
		return strcmp(key->choices[*MEMBER(structure, key->offset,
		    int)], key->fallback) == 0;
	case KEYS_BOOL:
		return *MEMBER(structure, key->offset, bool) ==
		    (strcmp(key->fallback, "true") == 0);
	case KEYS_STRINGS:
	case KEYS_GROUPS:
		return *MEMBER(structure, key->count_offset, size_t) == 0;
	default:
		return is_same_number(key, structure);
	}
}

/* NAME is the key's name without its group. */
static void
show_key(struct show *s, const struct key *key, const char *name,
    const void *structure)
{
	put_indent(s);
	if (show_is_unset(key, structure)) {
		fprintf(s->out, "# %s = %s;\n", name, key->fallback);
		return;
	}
	fprintf(s->out, "%s = ", name);
	showers[key->type](s, key, structure);
	putc(';', s->out);
	show_variable(s, key, structure);
	putc('\n', s->out);
}

/*
 * Leave the group that the text is in and enter that of the key NAME, unless
 * they are the same. The keys of one group stand together in the table.
 */
static void
enter_group(struct show *s, const char *name)
{
	const char *dot = strchr(name, '.');
	size_t n = dot == NULL ? 0 : (size_t)(dot - name);

	if (n == s->group_length && strncmp(s->group, name, n) == 0)
		return;
	if (s->group_length > 0) {
		s->depth--;
		put_indent(s);
		fputs("};\n", s->out);
	}
	if (n > 0) {
		put_indent(s);
		fprintf(s->out, "%.*s: {\n", (int)n, name);
		s->depth++;
	}
	s->group = name;
	s->group_length = n;
}

static void
show_group(struct show *s, enum keys_scope scope, const void *structure)
{
	for (const struct key *key = keys; key->name != NULL; key++) {
		if (key->scope != scope ||
		    (show_is_unset(key, structure) && key->fallback[0] == '\0') ||
		    (s->changed && is_default(key, structure)))
			continue;
		enter_group(s, key->name);
		show_key(s, key, key->name + (s->group_length > 0 ?
		    s->group_length + 1 : 0), structure);
	}
	enter_group(s, "");
}

void
show_main(FILE *out, const struct conf *conf)
{
	struct show s = { .out = out, .conf = conf, .group = "" };

	show_group(&s, KEYS_MAIN, conf);
}

void
show_provider(FILE *out, const struct conf *conf, const struct conf_provider *p)
{
	struct show s = { .out = out, .conf = conf, .group = "" };

	show_group(&s, KEYS_PROVIDER, p);
}

void
show_changed_main(FILE *out, const struct conf *conf)
{
	struct show s = { .out = out, .group = "", .changed = true };

	show_group(&s, KEYS_MAIN, conf);
}

void
show_changed_provider(FILE *out, const struct conf_provider *p)
{
	struct show s = { .out = out, .group = "", .changed = true };

	show_group(&s, KEYS_PROVIDER, p);
}
