#include "config.h"

#include "handlers/openapi_form.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"

/* The words for a field's type and for its bounds; NULL: it has none. */
static const struct {
	const char	*type, *min, *max;
} words[] = {
	[FIELD_TEXT] = { "string", "minLength", "maxLength" },
	[FIELD_LONG_TEXT] = { "string", "minLength", "maxLength" },
	[FIELD_TEXTS] = { "array", "minItems", "maxItems" },
	[FIELD_INTEGER] = { "integer", "minimum", "maximum" },
	[FIELD_MONEY] = { "number", "minimum", "maximum" },
	[FIELD_BOOL] = { "boolean", NULL, NULL },
};

static void
put_text(struct buf *out, const char *text)
{
	json_write_string(out, text, strlen(text));
}

/* Null stands for absent or for none; routes differ about that of a bool. */
static bool
takes_null(const struct field *f)
{
	return !f->is_required && f->type != FIELD_BOOL;
}

/* The largest integer there is bounds nothing. */
static void
put_bounds(struct buf *out, const struct field *f)
{
	if (words[f->type].min == NULL)
		return;
	buf_printf(out, ",\"%s\":%" PRId64, words[f->type].min, f->min);
	if (f->max < INT64_MAX)
		buf_printf(out, ",\"%s\":%" PRId64, words[f->type].max,
		    f->max);
}

static void
put_property(struct buf *out, const struct field *f)
{
	const char *type = words[f->type].type;

	put_text(out, f->name);
	buf_printf(out, takes_null(f) ? ":{\"type\":[\"%s\",\"null\"]" :
	    ":{\"type\":\"%s\"", type);
	put_bounds(out, f);
	if (f->type == FIELD_TEXTS)
		buf_printf(out, ",\"items\":{\"type\":\"string\","
		    "\"minLength\":1,\"maxLength\":%d}", (int)FIELD_ITEM_MAX);
	buf_puts(out, "}");
}

static size_t
put_required(struct buf *out, const struct form *form)
{
	size_t	 n = 0;

	buf_puts(out, ",\"required\":[");
	for (size_t i = 0; i < form->count; i++)
		if (form->fields[i].is_required) {
			buf_puts(out, n++ > 0 ? "," : "");
			put_text(out, form->fields[i].name);
		}
	buf_puts(out, "]");
	return n;
}

void
openapi_form_put_body(struct buf *out, const struct form *form)
{
	size_t	 required;

	if (form == NULL)
		return;
	buf_puts(out, ",\"requestBody\":{\"content\":{\"application/json\":"
	    "{\"schema\":{\"type\":\"object\",\"properties\":{");
	for (size_t i = 0; i < form->count; i++) {
		buf_puts(out, i > 0 ? "," : "");
		put_property(out, &form->fields[i]);
	}
	buf_puts(out, "}");
	required = put_required(out, form);
	buf_printf(out, ",\"additionalProperties\":false}}},\"required\":%s}",
	    required > 0 ? "true" : "false");
}

void
openapi_form_put_query(struct buf *out, const struct route_query *query)
{
	const char *comma = "";

	if (query == NULL)
		return;
	buf_puts(out, ",\"parameters\":[");
	for (; query->name != NULL; query++, comma = ",") {
		buf_printf(out, "%s{\"in\":\"query\",\"name\":", comma);
		put_text(out, query->name);
		buf_puts(out, ",\"description\":");
		put_text(out, query->help);
		buf_puts(out, ",\"schema\":{\"type\":\"string\"}}");
	}
	buf_puts(out, "]");
}
