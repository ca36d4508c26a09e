/* reader.c - from a libconfig tree to a struct, by the key table. */
#include "config.h"

#include "conf/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "conf/source.h"

enum { NAME_MAX_BYTES = 128 };

/* The member of STRUCTURE at OFFSET. */
#define MEMBER(structure, offset, type) \
	((type *)(void *)((char *)(structure) + (offset)))

static void read_group(struct reader *, enum keys_scope, const char *prefix,
    const config_setting_t *, void *structure);

void
reader_report(struct reader *r, unsigned line, const char *fmt, ...)
{
	struct err_at at = { .line = line };
	va_list ap;

	r->problems++;
	if (r->report == NULL)
		return;
	snprintf(at.file, sizeof(at.file), "%s", r->file);
	for (char *p = at.file; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	va_start(ap, fmt);
	vsnprintf(at.text, sizeof(at.text), fmt, ap);
	va_end(ap);
	r->report(r->arg, &at);
}

enum err
reader_open(struct reader *r, const struct source *source)
{
	const char *why;
	unsigned line = source_check(source, &why);

	if (line != 0) {
		reader_report(r, line, "%s", why);
		return ERR_INTERNAL;
	}
	config_init(&r->tree);
	if (config_read_string(&r->tree, source->text))
		return ERR_NONE;
	line = (unsigned)config_error_line(&r->tree);
	reader_report(r, line, "%s", config_error_text(&r->tree));
	config_destroy(&r->tree);
	return ERR_INTERNAL;
}

void
reader_close(struct reader *r)
{
	config_destroy(&r->tree);
}

unsigned
reader_line(const struct reader *r, const char *fmt, ...)
{
	char path[NAME_MAX_BYTES];
	config_setting_t *s;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	s = config_lookup(&r->tree, path);
	return s == NULL ? 0 : config_setting_source_line(s);
}

static unsigned
line_of(const config_setting_t *s)
{
	return config_setting_source_line(s);
}

static void
expect(struct reader *r, const struct key *key, const config_setting_t *s)
{
	reader_report(r, line_of(s), "%s: expected %s", key->name,
	    keys_type_text(key->type));
}

const char *
reader_string_problem(const struct key *key, const char *value, bool needed)
{
	size_t n = strlen(value);

	if (n == 0)
		return needed ? "expected a string that is not empty" : NULL;
	if (n > key->max)
		return "expected a shorter string";
	if (!values_is_text(value, n))
		return "expected a string of UTF-8 without control characters";
	return key->value == NULL ? NULL : key->value(value);
}

/* The string of S when it is a value of KEY; NULL (reported) otherwise. */
static const char *
get_string(struct reader *r, const struct key *key, const config_setting_t *s,
    bool needed)
{
	const char *value = config_setting_get_string(s), *problem;

	if (value == NULL) {
		expect(r, key, s);
		return NULL;
	}
	problem = reader_string_problem(key, value, needed);
	if (problem == NULL)
		return value;
	reader_report(r, line_of(s), "%s: %s", key->name, problem);
	return NULL;
}

static char *
path_absolute(struct reader *r, const char *path)
{
	const char *slash = strrchr(r->file, '/');
	int n = slash == NULL ? 0 : (int)(slash - r->file) + 1;

	if (path[0] == '/')
		return arena_strdup(r->arena, path);
	return arena_printf(r->arena, "%.*s%s", n, r->file, path);
}

/* VALUE is good. */
static void
store_string(struct reader *r, const struct key *key, const char *value,
    void *structure)
{
	const char **member = MEMBER(structure, key->offset, const char *);
	size_t n = strlen(value);

	if (key->type == KEYS_URL)
		while (n > 0 && value[n - 1] == '/')
			n--;
	if (n == 0)
		*member = NULL;
	else if (key->type == KEYS_PATH)
		*member = path_absolute(r, value);
	else
		*member = arena_strndup(r->arena, value, n);
}

static void
read_string(struct reader *r, const struct key *key, const config_setting_t *s,
    void *structure)
{
	const char *value = get_string(r, key, s, key->required);

	if (value != NULL)
		store_string(r, key, value[0] == '\0' ? key->fallback : value,
		    structure);
}

static void
read_choice(struct reader *r, const struct key *key, const config_setting_t *s,
    void *structure)
{
	const char *value = config_setting_get_string(s);
	const char *const *words = keys_words(key);
	int i = value == NULL ? -1 : keys_find_choice(key, value);
	char list[128] = "";

	if (i >= 0) {
		*MEMBER(structure, key->offset, int) = i;
		return;
	}
	for (i = 0; words[i] != NULL; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
		    "%s\"%s\"", i == 0 ? "" : ", ", words[i]);
	reader_report(r, line_of(s), "%s: expected one of %s", key->name, list);
}

static void
read_bool(struct reader *r, const struct key *key, const config_setting_t *s,
    void *structure)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		expect(r, key, s);
	else
		*MEMBER(structure, key->offset, bool) =
		    config_setting_get_bool(s);
}

/* Put a number in the file's unit into the member. */
static void
store_number(const struct key *key, double value, void *structure)
{
	if (key->type == KEYS_BYTES)
		*MEMBER(structure, key->offset, uint64_t) = (uint64_t)value;
	else if (key->type == KEYS_RATIO)
		*MEMBER(structure, key->offset, double) = value;
	else if (key->type == KEYS_SECONDS)
		*MEMBER(structure, key->offset, unsigned) =
		    (unsigned)(value * 1000.0 + 0.5);
	else
		*MEMBER(structure, key->offset, unsigned) = (unsigned)value;
}

/* Bounds are far below 2^53, so a double holds every whole number among them. */
static void
read_number(struct reader *r, const struct key *key, const config_setting_t *s,
    void *structure)
{
	double value;

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
		value = config_setting_get_int(s);
		break;
	case CONFIG_TYPE_INT64:
		value = (double)config_setting_get_int64(s);
		break;
	case CONFIG_TYPE_FLOAT:
		value = config_setting_get_float(s);
		if (key->type == KEYS_SECONDS || key->type == KEYS_RATIO)
			break;
		/* FALLTHROUGH */
	default:
		expect(r, key, s);
		return;
	}
	if (value >= key->min && value <= key->max)
		store_number(key, value, structure);
	else
		reader_report(r, line_of(s), "%s: expected %s between %.15g "
		    "and %.15g", key->name, keys_type_text(key->type),
		    key->min, key->max);
}

/* The length of the list S, or -1 (reported) when it is none or too long. */
static int
list_length(struct reader *r, const struct key *key, const config_setting_t *s)
{
	bool fits = config_setting_type(s) == CONFIG_TYPE_LIST ||
	    (config_setting_type(s) == CONFIG_TYPE_ARRAY &&
	    (key->type == KEYS_STRINGS || config_setting_length(s) == 0));

	if (!fits) {
		expect(r, key, s);
		return -1;
	}
	if (config_setting_length(s) <= key->max)
		return config_setting_length(s);
	reader_report(r, line_of(s), "%s: more than %.0f elements", key->name,
	    key->max);
	return -1;
}

static void
read_strings(struct reader *r, const struct key *key, const config_setting_t *s,
    void *structure)
{
	static const size_t element_max = 1024;
	struct key element = *key;
	const char **list;
	size_t count = 0;
	int n = list_length(r, key, s);

	if (n < 0)
		return;
	element.type = KEYS_STRING;
	element.max = element_max;
	list = arena_alloc(r->arena, ((size_t)n + 1) * sizeof(*list));
	for (int i = 0; i < n; i++) {
		const char *value = get_string(r, &element,
		    config_setting_get_elem(s, (unsigned)i), true);

		if (value != NULL)
			list[count++] = arena_strdup(r->arena, value);
	}
	*MEMBER(structure, key->offset, const char **) = list;
	*MEMBER(structure, key->count_offset, size_t) = count;
}

/* Every required key of SCOPE that the group S does not hold. */
static void
report_missing(struct reader *r, enum keys_scope scope,
    const config_setting_t *s)
{
	for (const struct key *key = keys; key->name != NULL; key++)
		if (key->scope == scope && key->required &&
		    config_setting_get_member(s, key->name) == NULL)
			reader_report(r, line_of(s), "%s is missing",
			    key->name);
}

static void
read_element(struct reader *r, const struct key *key, config_setting_t *s,
    void *structure)
{
	if (!config_setting_is_group(s)) {
		expect(r, key, s);
		return;
	}
	read_group(r, key->element, "", s, structure);
	report_missing(r, key->element, s);
}

static void
read_groups(struct reader *r, const struct key *key, const config_setting_t *s,
    void *structure)
{
	size_t size = keys_scope_size(key->element);
	int n = list_length(r, key, s);
	char *list;

	if (n < 0)
		return;
	list = arena_alloc(r->arena, ((size_t)n + 1) * size);
	for (int i = 0; i < n; i++) {
		void *element = list + (size_t)i * size;

		reader_set_defaults(r, key->element, element);
		read_element(r, key, config_setting_get_elem(s, (unsigned)i),
		    element);
	}
	*MEMBER(structure, key->offset, void *) = list;
	*MEMBER(structure, key->count_offset, size_t) = (size_t)n;
}

typedef void read_fn(struct reader *, const struct key *,
    const config_setting_t *, void *structure);

static read_fn *const readers[] = {
	[KEYS_STRING] = read_string,
	[KEYS_PATH] = read_string,
	[KEYS_URL] = read_string,
	[KEYS_CHOICE] = read_choice,
	[KEYS_BOOL] = read_bool,
	[KEYS_SECONDS] = read_number,
	[KEYS_MILLISECONDS] = read_number,
	[KEYS_BYTES] = read_number,
	[KEYS_COUNT] = read_number,
	[KEYS_RATIO] = read_number,
	[KEYS_STRINGS] = read_strings,
	[KEYS_GROUPS] = read_groups,
};

static void
report_unknown(struct reader *r, enum keys_scope scope, const char *name,
    const config_setting_t *s)
{
	enum keys_scope other = keys_find_scope(name);

	if (other == KEYS_SCOPE__MAX || other == scope)
		reader_report(r, line_of(s), "%s: unknown key", name);
	else
		reader_report(r, line_of(s), "%s: unknown key here; it belongs "
		    "in %s", name, keys_scope_text(other));
}

/* One setting of a group, whose full name is NAME. */
static void
read_setting(struct reader *r, enum keys_scope scope, const char *name,
    const config_setting_t *s, void *structure)
{
	const struct key *key = keys_find(scope, name);

	if (key != NULL)
		readers[key->type](r, key, s, structure);
	else if (!keys_is_group(scope, name))
		report_unknown(r, scope, name, s);
	else if (config_setting_is_group(s))
		read_group(r, scope, name, s, structure);
	else
		reader_report(r, line_of(s), "%s: expected a group: { ... }",
		    name);
}

static void
read_group(struct reader *r, enum keys_scope scope, const char *prefix,
    const config_setting_t *group, void *structure)
{
	int n = config_setting_length(group);
	char name[NAME_MAX_BYTES];

	for (int i = 0; i < n; i++) {
		const config_setting_t *s =
		    config_setting_get_elem(group, (unsigned)i);

		snprintf(name, sizeof(name), "%s%s%s", prefix,
		    prefix[0] == '\0' ? "" : ".", config_setting_name(s));
		read_setting(r, scope, name, s, structure);
	}
}

static void
set_default(struct reader *r, const struct key *key, void *structure)
{
	switch (key->type) {
	case KEYS_STRING:
	case KEYS_PATH:
	case KEYS_URL:
		store_string(r, key, key->fallback, structure);
		break;
	case KEYS_CHOICE:
		*MEMBER(structure, key->offset, int) =
		    keys_find_choice(key, key->fallback);
		break;
	case KEYS_BOOL:
		*MEMBER(structure, key->offset, bool) =
		    strcmp(key->fallback, "true") == 0;
		break;
	case KEYS_SECONDS:
	case KEYS_MILLISECONDS:
	case KEYS_BYTES:
	case KEYS_COUNT:
	case KEYS_RATIO:
		store_number(key, keys_number(key), structure);
		break;
	case KEYS_STRINGS:
	case KEYS_GROUPS:	/* arena_alloc zeroes: empty */
	case KEYS_TYPE__MAX:
		break;
	}
}

void
reader_set_defaults(struct reader *r, enum keys_scope scope, void *structure)
{
	for (const struct key *key = keys; key->name != NULL; key++)
		if (key->scope == scope)
			set_default(r, key, structure);
}

void
reader_read(struct reader *r, enum keys_scope scope, void *structure)
{
	const config_setting_t *root = config_root_setting(&r->tree);

	read_group(r, scope, "", root, structure);
	report_missing(r, scope, root);
}
