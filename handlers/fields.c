#include "config.h"

#include "handlers/fields.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "base/tree.h"

enum { NAME_MAX_BYTES = 64, NANO = 1000000000 };

/* One body on its way. */
struct reading {
	struct arena	*arena;
	struct field_problem *problem;
};

static enum err
fail(struct reading *r, enum err err, const char *name, const char *text)
{
	r->problem->name = arena_strdup(r->arena, name);
	r->problem->text = text;
	return err;
}

/* ---- One value. ---- */

/* yajl has checked the JSON, but takes more for UTF-8 than there is. */
static bool
is_text(const char *text, bool has_lines)
{
	size_t	 n = strlen(text);

	return has_lines ? text_is_lines(text, n) : text_is_line(text, n);
}

static enum err
read_text(struct reading *r, struct field_value *v, const struct field *f,
    yajl_val value)
{
	const char *text = YAJL_GET_STRING(value);
	size_t	 n = text == NULL ? 0 : strlen(text);

	if (text == NULL || n < (size_t)f->min || n > (size_t)f->max ||
	    !is_text(text, f->type == FIELD_LONG_TEXT))
		return fail(r, ERR_FIELD_VALUE, f->name,
		    arena_printf(r->arena, "'%s' must be a string of %" PRId64
		    " to %" PRId64 " bytes without control characters.",
		    f->name, f->min, f->max));
	v->text = arena_strdup(r->arena, text);
	return ERR_NONE;
}

static enum err
read_texts(struct reading *r, struct field_value *v, const struct field *f,
    yajl_val value)
{
	size_t	 n = YAJL_IS_ARRAY(value) ? value->u.array.len : 0;
	bool	 ok = YAJL_IS_ARRAY(value) && n >= (size_t)f->min &&
		    n <= (size_t)f->max;

	v->texts = arena_alloc(r->arena, (n + 1) * sizeof *v->texts);
	for (size_t i = 0; ok && i < n; i++) {
		const char *text = YAJL_GET_STRING(value->u.array.values[i]);

		ok = text != NULL && *text != '\0' &&
		    strlen(text) <= FIELD_ITEM_MAX && is_text(text, false);
		v->texts[v->text_count++] = arena_strdup(r->arena, text);
	}
	return ok ? ERR_NONE : fail(r, ERR_FIELD_VALUE, f->name,
	    arena_printf(r->arena, "'%s' must be an array of %" PRId64 " to %"
	    PRId64 " strings of 1 to %d bytes.", f->name, f->min, f->max,
	    (int)FIELD_ITEM_MAX));
}

static enum err
read_integer(struct reading *r, struct field_value *v, const struct field *f,
    yajl_val value)
{
	if (!YAJL_IS_INTEGER(value) || value->u.number.i < f->min ||
	    value->u.number.i > f->max)
		return fail(r, ERR_FIELD_VALUE, f->name,
		    arena_printf(r->arena, "'%s' must be an integer from %"
		    PRId64 " to %" PRId64 ".", f->name, f->min, f->max));
	v->integer = value->u.number.i;
	return ERR_NONE;
}

static enum err
read_money(struct reading *r, struct field_value *v, const struct field *f,
    yajl_val value)
{
	double	 number = YAJL_IS_DOUBLE(value) ? value->u.number.d : -1;

	if (!(number >= 0 && number <= (double)f->max))
		return fail(r, ERR_FIELD_VALUE, f->name,
		    arena_printf(r->arena, "'%s' must be a number from 0 to %"
		    PRId64 ".", f->name, f->max));
	v->integer = (int64_t)llround(number * NANO);
	return ERR_NONE;
}

static enum err
read_bool(struct reading *r, struct field_value *v, const struct field *f,
    yajl_val value)
{
	if (!YAJL_IS_TRUE(value) && !YAJL_IS_FALSE(value))
		return fail(r, ERR_FIELD_VALUE, f->name,
		    arena_printf(r->arena, "'%s' must be true or false.",
		    f->name));
	v->boolean = YAJL_IS_TRUE(value);
	return ERR_NONE;
}

static enum err (*const readers[])(struct reading *, struct field_value *,
    const struct field *, yajl_val) = {
	[FIELD_TEXT] = read_text, [FIELD_LONG_TEXT] = read_text,
	[FIELD_TEXTS] = read_texts, [FIELD_INTEGER] = read_integer,
	[FIELD_MONEY] = read_money, [FIELD_BOOL] = read_bool,
};

/* ---- All of them. ---- */

static enum err
read_member(struct reading *r, struct field_value *values,
    const struct field *fields, size_t count, const char *name,
    yajl_val value)
{
	size_t	 i = 0;

	while (i < count && strcmp(fields[i].name, name) != 0)
		i++;
	if (i == count)
		return fail(r, ERR_FIELD_UNKNOWN,
		    arena_strndup(r->arena, name, strnlen(name,
		    NAME_MAX_BYTES)), arena_printf(r->arena,
		    "Unknown member '%.*s'.", (int)NAME_MAX_BYTES, name));
	if (values[i].is_set || values[i].is_null)
		return fail(r, ERR_JSON_DUPLICATE, name, arena_printf(r->arena,
		    "The member '%s' appears twice.", fields[i].name));
	values[i].is_null = YAJL_IS_NULL(value);
	values[i].is_set = !values[i].is_null;
	return values[i].is_null ? ERR_NONE :
	    readers[fields[i].type](r, &values[i], &fields[i], value);
}

static enum err
check_required(struct reading *r, const struct field_value *values,
    const struct field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fields[i].is_required && !values[i].is_set)
			return fail(r, ERR_FIELD_VALUE, fields[i].name,
			    arena_printf(r->arena, "'%s' is required.",
			    fields[i].name));
	return ERR_NONE;
}

static enum err
read_object(struct reading *r, struct field_value *values,
    const struct field *fields, size_t count, yajl_val tree)
{
	enum err err = YAJL_IS_OBJECT(tree) ? ERR_NONE : fail(r,
		    ERR_JSON_SYNTAX, NULL,
		    "The request body must be a JSON object.");

	for (size_t i = 0; err == ERR_NONE && i < tree->u.object.len; i++)
		err = read_member(r, values, fields, count,
		    tree->u.object.keys[i], tree->u.object.values[i]);
	return err == ERR_NONE ?
	    check_required(r, values, fields, count) : err;
}

/* A backslash that another one escapes begins nothing. */
static bool
has_nul_escape(const char *json)
{
	for (const char *p = json; (p = strchr(p, '\\')) != NULL &&
	    p[1] != '\0'; p += 2)
		if (strncmp(p + 1, "u0000", 5) == 0)
			return true;
	return false;
}

enum err
fields_read(struct field_value *values, const struct field *fields,
    size_t count, struct arena *arena, const char *json, size_t n,
    struct field_problem *problem)
{
	struct reading r = { .arena = arena, .problem = problem };
	const char *text = n == 0 ? "{}" : arena_strndup(arena, json, n);
	yajl_val tree;
	enum err err;

	memset(values, 0, count * sizeof *values);
	if (strlen(text) < n || has_nul_escape(text))
		return fail(&r, ERR_JSON_SYNTAX, NULL,
		    "The request body must not contain NUL characters.");
	tree = tree_parse(text, strlen(text));
	err = read_object(&r, values, fields, count, tree);
	yajl_tree_free(tree);
	return err;
}
