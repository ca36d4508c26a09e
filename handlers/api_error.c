#include "config.h"

#include "handlers/api_error.h"

#include <string.h>

#include "base/json.h"
#include "base/tree.h"

/* ---- Writing. ---- */

struct api_error
api_error_of(enum err err, const char *text)
{
	const struct err_info *info = err_get(err);

	return (struct api_error){
		.status = info->status,
		.message = text != NULL ? text : info->text,
		.type = info->type, .param = info->param, .code = info->code,
	};
}

static void
put_text(struct buf *out, const char *text)
{
	if (text == NULL)
		buf_puts(out, "null");
	else
		json_write_string(out, text, strlen(text));
}

void
api_error_put_members(struct buf *out, const struct api_error *e)
{
	buf_puts(out, "{\"message\":");
	put_text(out, e->message);
	buf_puts(out, ",\"type\":");
	put_text(out, e->type);
	buf_puts(out, ",\"param\":");
	put_text(out, e->param);
	buf_puts(out, ",\"code\":");
	put_text(out, e->code);
	buf_puts(out, "}");
}

enum err
api_error_put_openai(struct buf *out, const struct api_error *e)
{
	buf_puts(out, "{\"error\":");
	api_error_put_members(out, e);
	return buf_puts(out, "}");
}

static const struct { int status; const char *type; } anthropic_types[] = {
	{ 400, "invalid_request_error" }, { 401, "authentication_error" },
	{ 402, "billing_error" }, { 403, "permission_error" },
	{ 404, "not_found_error" }, { 405, "invalid_request_error" },
	{ 408, "timeout_error" }, { 413, "request_too_large" },
	{ 415, "invalid_request_error" }, { 426, "invalid_request_error" },
	{ 429, "rate_limit_error" }, { 431, "invalid_request_error" },
	{ 504, "timeout_error" }, { 529, "overloaded_error" },
};

static const char *
anthropic_type(int status)
{
	for (size_t i = 0; i < sizeof anthropic_types /
	    sizeof *anthropic_types; i++)
		if (anthropic_types[i].status == status)
			return anthropic_types[i].type;
	return "api_error";
}

enum err
api_error_put_anthropic(struct buf *out, const struct api_error *e,
    const char *request_id)
{
	buf_printf(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\","
	    "\"message\":", anthropic_type(e->status));
	put_text(out, e->message);
	buf_puts(out, "},\"request_id\":");
	put_text(out, request_id);
	return buf_puts(out, "}");
}

/* ---- Reading. ---- */

/* The string called NAME, or the number as it is written; NULL: neither. */
static const char *
find_text(yajl_val object, const char *name)
{
	yajl_val value = tree_find(object, name);

	if (YAJL_IS_NUMBER(value))
		return YAJL_GET_NUMBER(value);
	return YAJL_GET_STRING(value);
}

/* What OBJECT does not say, or says with no text, stays as it is. */
static void
read_members(struct api_error *e, struct arena *arena, yajl_val object)
{
	const struct { const char *name, **field; } members[] = {
		{ "detail", &e->message },	/* FastAPI */
		{ "message", &e->message }, { "type", &e->type },
		{ "param", &e->param }, { "code", &e->code },
	};
	const char *text;

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		text = find_text(object, members[i].name);
		if (text != NULL && *text != '\0')
			*members[i].field = arena_strdup(arena, text);
	}
}

static enum api_error_shape
read_tree(struct api_error *e, struct arena *arena, yajl_val tree)
{
	yajl_val error = tree_find(tree, "error");
	const char *type = find_text(tree, "type");

	if (error == NULL || YAJL_IS_NULL(error)) {
		read_members(e, arena, tree);
		return API_ERROR_NONE;
	}
	if (YAJL_IS_STRING(error) && *YAJL_GET_STRING(error) != '\0')
		e->message = arena_strdup(arena, YAJL_GET_STRING(error));
	if (!YAJL_IS_OBJECT(error))
		return API_ERROR_OPENAI;
	e->code = NULL;			/* the provider's own may be null */
	read_members(e, arena, error);
	return type != NULL && strcmp(type, "error") == 0 ?
	    API_ERROR_ANTHROPIC : API_ERROR_OPENAI;
}

enum api_error_shape
api_error_read(struct api_error *e, struct arena *arena, int status,
    const char *body)
{
	yajl_val tree = tree_parse(body, strlen(body));
	enum api_error_shape shape = API_ERROR_NONE;

	*e = api_error_of(ERR_UPSTREAM_STATUS, arena_printf(arena,
	    "The provider answered with status %d.", status));
	e->status = status;
	if (tree != NULL)
		shape = read_tree(e, arena, tree);
	yajl_tree_free(tree);
	return shape;
}
