#include "config.h"

#include "handlers/model_call.h"

#include <stdlib.h>
#include <string.h>

#include "base/http.h"
#include "base/json.h"
#include "base/multipart.h"
#include "gateway/plan.h"
#include "handlers/reply.h"

enum { MODEL_MAX_BYTES = 256 };

bool
model_call_has_model(const struct exchange *x)
{
	return x->multipart != NULL ?
	    x->multipart->ranges[MEMBER_MODEL].found :
	    x->scan != NULL &&
	    x->scan->ranges[MEMBER_MODEL].kind != JSON_ABSENT;
}

/* ---- What the body says, read back from the spool. ---- */

static enum err
read_json_model(struct exchange *x)
{
	const struct json_range *model = &x->scan->ranges[MEMBER_MODEL];
	char	 raw[6 * MODEL_MAX_BYTES], name[MODEL_MAX_BYTES + 1];
	size_t	 n = (size_t)(model->end - model->start);
	int	 len;

	if (model->kind != JSON_STRING || n > sizeof raw ||
	    spool_read(&x->body, model->start, raw, n) != (ssize_t)n)
		return ERR_MODEL_TYPE;
	len = json_string_decode(raw, n, name, sizeof name);
	if (len <= 0)
		return ERR_MODEL_TYPE;
	x->call.model = arena_strndup(x->call.arena, name, (size_t)len);
	return ERR_NONE;
}

static enum err
read_json_stream(struct exchange *x)
{
	switch (x->scan->ranges[MEMBER_STREAM].kind) {
	case JSON_TRUE:
		x->call.stream = true;
		return ERR_NONE;
	case JSON_FALSE:
	case JSON_NULL:
	case JSON_ABSENT:
		return ERR_NONE;
	default:
		return ERR_STREAM_TYPE;
	}
}

/* A form field of up to MODEL_MAX_BYTES as text, or NULL. */
static const char *
read_field(struct exchange *x, enum member member)
{
	const struct multipart_range *range = &x->multipart->ranges[member];
	char	 text[MODEL_MAX_BYTES];
	size_t	 n = (size_t)(range->end - range->start);

	if (!range->found || n == 0 || n > sizeof text ||
	    spool_read(&x->body, range->start, text, n) != (ssize_t)n ||
	    memchr(text, '\0', n) != NULL || !http_is_field_value(text, n))
		return NULL;
	return arena_strndup(x->call.arena, text, n);
}

static enum err
read_fields(struct exchange *x)
{
	const char *stream = read_field(x, MEMBER_STREAM);

	x->call.stream = stream != NULL && strcmp(stream, "true") == 0;
	x->call.model = read_field(x, MEMBER_MODEL);
	return x->call.model == NULL ? ERR_MODEL_TYPE : ERR_NONE;
}

static enum err
read_body(struct exchange *x)
{
	enum err err = x->scan == NULL ? ERR_NONE : read_json_stream(x);

	if (err != ERR_NONE)
		return err;
	if (!model_call_has_model(x)) {
		x->call.model = x->call.snapshot->default_model;
		return x->call.model == NULL ? ERR_MODEL_MISSING : ERR_NONE;
	}
	return x->multipart != NULL ? read_fields(x) : read_json_model(x);
}

/* ---- Putting the target's name where the client's was. ---- */

static void
splice_text(struct exchange *x, struct splice *s, uint64_t start, uint64_t end,
    struct buf *text)
{
	splice_replace(s, start, end, arena_strndup(x->call.arena,
	    buf_data(text), buf_len(text)), buf_len(text));
}

static void
splice_json(struct exchange *x, struct splice *s, const char *model)
{
	const struct json_range *range = &x->scan->ranges[MEMBER_MODEL];
	uint64_t start = range->start, end = range->end;
	struct buf text;

	buf_init(&text, 8 * MODEL_MAX_BYTES);
	if (range->kind == JSON_ABSENT) {
		start = end = x->scan->object_start + 1;
		buf_puts(&text, "\"model\":");
	}
	json_write_string(&text, model, strlen(model));
	if (range->kind == JSON_ABSENT && x->scan->has_members)
		buf_puts(&text, ",");
	splice_text(x, s, start, end, &text);
	buf_fini(&text);
}

/* A form without the field gets it as its first part; the first line is the delimiter. */
static enum err
splice_new_part(struct exchange *x, struct splice *s, const char *model)
{
	char	 line[MULTIPART_BOUNDARY_MAX + 4];
	ssize_t	 n = spool_read(&x->body, 0, line, sizeof line);
	const char *end = n < 0 ? NULL : memchr(line, '\r', (size_t)n);
	struct buf text;

	if (end == NULL || line[0] != '-' || line[1] != '-')
		return ERR_MODEL_MISSING;
	buf_init(&text, 4 * MODEL_MAX_BYTES);
	buf_append(&text, line, (size_t)(end - line));
	buf_puts(&text, "\r\nContent-Disposition: form-data; name=\"model\""
	    "\r\n\r\n");
	buf_puts(&text, model);
	buf_puts(&text, "\r\n");
	splice_text(x, s, 0, 0, &text);
	buf_fini(&text);
	return ERR_NONE;
}

/* Equal names leave the bytes alone. */
static enum err
splice_model(struct exchange *x, struct splice *s, const char *model)
{
	const struct multipart_range *range;

	splice_init(s, &x->body);
	if (model_call_has_model(x) && strcmp(x->call.model, model) == 0)
		return ERR_NONE;
	if (x->multipart == NULL) {
		splice_json(x, s, model);
		return ERR_NONE;
	}
	range = &x->multipart->ranges[MEMBER_MODEL];
	if (!range->found)
		return splice_new_part(x, s, model);
	splice_replace(s, range->start, range->end, model, strlen(model));
	return ERR_NONE;
}

/* ---- The call. ---- */

static const char *
content_type_of(const struct exchange *x)
{
	return x->multipart == NULL ? outgoing_json_type(x) :
	    params_get(&x->request->params, "CONTENT_TYPE");
}

static enum err
fill_order(struct exchange *x, struct relay_order *order)
{
	struct plan plan;
	enum err err = read_body(x);

	if (err == ERR_NONE)
		err = plan_make(&plan, x->call.arena, x->call.snapshot,
		    x->call.model, x->call.path + strlen("/v1/"));
	if (err == ERR_NONE)
		err = splice_model(x, &order->body, plan.steps[0].model);
	if (err != ERR_NONE)
		return err;
	x->call.target_model = plan.steps[0].model;
	order->method = x->call.method;
	order->outgoing = (struct outgoing){
		.target = plan.steps[0].target,
		.deployment = plan.steps[0].deployment,
		.path = outgoing_client_path(x),
		.query = outgoing_client_query(x),
		.content_type = content_type_of(x),
	};
	return ERR_NONE;
}

void
model_call_start(struct exchange *x, const struct relay_order *extras)
{
	struct relay_order order = *extras;
	enum err err = fill_order(x, &order);

	if (err == ERR_MODEL_NOT_FOUND)
		reply_error(x, err, arena_printf(x->call.arena,
		    "The model '%s' does not exist, or is not served here.",
		    x->call.model));
	else if (err != ERR_NONE)
		reply_error(x, err, NULL);
	else
		relay_start(x, &order);
	exchange_forget_scan(x);
}

void
model_call_handle(struct exchange *x)
{
	static const struct relay_order plain;

	model_call_start(x, &plain);
}
