#include "config.h"

#include "handlers/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/http.h"
#include "gateway/plan.h"
#include "gateway/splice.h"
#include "handlers/outgoing.h"
#include "handlers/reply.h"
#include "upstream/attempt.h"
#include "upstream/headers.h"
#include "upstream/sse.h"

enum {
	MODEL_MAX_BYTES = 256,
	FLAT_MAX_BYTES = 65536,		/* libcurl sends a body of this size with its head */
};

/* How the answer is passed on. */
enum relay_mode {
	RELAY_HELD,		/* a JSON answer: kept until complete or too large, so that a cut one can still become a 502 */
	RELAY_PLAIN,		/* each read at once */
	RELAY_SSE		/* each read at once; failures are told in-band */
};

struct relay {
	struct exchange		*x;
	struct plan_step	 step;
	struct splice		 splice;
	struct attempt_request	 request;
	struct attempt		*attempt;
	enum relay_mode		 mode;
	bool			 close_delimited, body_released;
	char			*flat;		/* the spliced body, where it is small */
	struct buf		 held;
	struct sse		 sse;
};

/* ---- The answer. ---- */

static bool
text_begins(const char *text, size_t n, const char *beginning)
{
	size_t	 len = strlen(beginning);

	return n >= len && strncasecmp(text, beginning, len) == 0;
}

static enum relay_mode
mode_of(const char *content_type, size_t n)
{
	if (text_begins(content_type, n, "text/event-stream"))
		return RELAY_SSE;
	if (text_begins(content_type, n, "application/json") ||
	    text_begins(content_type, n, "application/problem+json"))
		return RELAY_HELD;
	return RELAY_PLAIN;
}

static bool
name_is(const char *name, size_t n, const char *wanted)
{
	return strlen(wanted) == n && strncasecmp(name, wanted, n) == 0;
}

static enum relay_mode
find_mode(const struct attempt *a)
{
	const char *name, *value;
	size_t	 at = 0, name_len, value_len;

	while (attempt_next_field(a, &at, &name, &name_len, &value,
	    &value_len))
		if (name_is(name, name_len, "content-type"))
			return mode_of(value, value_len);
	return RELAY_PLAIN;
}

/* The provider's fields, filtered by table; its request id under another name. */
static void
copy_fields(struct relay *relay, const struct attempt *a)
{
	struct response *r = &relay->x->request->response;
	const char *name, *value;
	size_t	 at = 0, name_len, value_len;
	char	 name_copy[128];
	struct arena *arena = relay->x->call.arena;

	while (attempt_next_field(a, &at, &name, &name_len, &value,
	    &value_len)) {
		if (name_is(name, name_len, "x-request-id")) {
			name = "x-upstream-request-id";
			name_len = strlen(name);
		} else if (!headers_pass_response(name, name_len) ||
		    (relay->mode == RELAY_SSE &&
		    name_is(name, name_len, "cache-control")))
			continue;
		if (name_len >= sizeof name_copy ||
		    !http_is_token(name, name_len) ||
		    !http_is_field_value(value, value_len))
			continue;
		memcpy(name_copy, name, name_len);
		name_copy[name_len] = '\0';
		response_field(r, name_copy,
		    arena_strndup(arena, value, value_len));
	}
}

static void
relay_on_head(void *arg, struct attempt *a)
{
	struct relay *relay = arg;
	struct response *r = &relay->x->request->response;
	char	 length[24];

	if (relay->x->request->gone)
		return;
	relay->mode = find_mode(a);
	relay->close_delimited = a->close_delimited;
	if (relay->mode != RELAY_SSE)
		attempt_note_token(a);	/* there are no tokens to wait for */
	reply_begin(relay->x, a->status);
	copy_fields(relay, a);
	if (relay->mode == RELAY_SSE) {
		response_field(r, "Cache-Control", "no-cache");
		response_field(r, "X-Accel-Buffering", "no");
	} else if (a->content_length >= 0) {
		snprintf(length, sizeof length, "%lld",
		    (long long)a->content_length);
		response_field(r, "Content-Length", length);
	}
}

/* From the first answer byte on no other try can follow: the request body may go. */
static void
relay_release_body(struct relay *relay)
{
	if (relay->body_released || !attempt_has_sent(relay->attempt))
		return;
	relay->body_released = true;
	free(relay->flat);
	relay->flat = NULL;
	spool_fini(&relay->x->body);
}

static bool
relay_write(struct relay *relay, const char *bytes, size_t n)
{
	struct exchange *x = relay->x;

	if (x->call.first_byte_us == 0)
		x->call.first_byte_us = clock_now_us();
	relay_release_body(relay);
	request_write(x->request, bytes, n);
	return !response_is_full(&x->request->response);
}

/* A JSON answer that outgrows the buffer is passed on like any other from then on. */
static bool
relay_hold(struct relay *relay, const char *bytes, size_t n)
{
	bool	 more;

	if (buf_append(&relay->held, bytes, n) == ERR_NONE)
		return true;
	relay->mode = RELAY_PLAIN;
	relay_write(relay, buf_data(&relay->held), buf_len(&relay->held));
	more = relay_write(relay, bytes, n);
	buf_fini(&relay->held);
	return more;
}

static bool
relay_on_data(void *arg, const char *bytes, size_t n)
{
	struct relay *relay = arg;

	if (relay->x->request->gone)
		return true;
	if (relay->mode == RELAY_HELD)
		return relay_hold(relay, bytes, n);
	if (relay->mode == RELAY_SSE) {
		sse_feed(&relay->sse, bytes, n);
		if (relay->sse.token_seen)
			attempt_note_token(relay->attempt);
	}
	return relay_write(relay, bytes, n);
}

/* DESIGN section 7.2: a failure after the head is told as an event of its own, and no [DONE] follows. */
static void
relay_end_in_band(struct relay *relay, enum err err)
{
	struct buf event;

	buf_init(&event, 8192);
	if (!relay->sse.at_boundary)
		buf_puts(&event, "\n\n");
	buf_puts(&event, "data: ");
	reply_format_error(&event, err, NULL);
	buf_puts(&event, "\n\n");
	relay->x->call.outcome = err;
	request_end(relay->x->request, buf_data(&event), buf_len(&event));
	buf_fini(&event);
}

static void
relay_end_well(struct relay *relay)
{
	struct exchange *x = relay->x;

	if (relay->mode == RELAY_HELD) {
		x->call.first_byte_us = clock_now_us();
		request_end(x->request, buf_data(&relay->held),
		    buf_len(&relay->held));
	} else
		request_end(x->request, NULL, 0);
}

static void
relay_on_done(void *arg, enum err err)
{
	struct relay *relay = arg;
	struct exchange *x = relay->x;

	if (x->request->gone || x->request->response.state == RESPONSE_DONE)
		return;
	if (relay->mode == RELAY_SSE && relay->sse.done_seen)
		err = ERR_NONE;		/* what came after the last event is of no interest */
	else if (relay->mode == RELAY_SSE && err == ERR_NONE &&
	    relay->close_delimited && x->call.status == 200)
		err = ERR_UPSTREAM_CUT;	/* an end that nothing announced */
	if (err == ERR_NONE)
		relay_end_well(relay);
	else if (relay->mode == RELAY_SSE &&
	    x->request->response.state == RESPONSE_BODY)
		relay_end_in_band(relay, err);
	else
		reply_error(x, err, NULL);
}

/* ---- The exchange's side. ---- */

static void
relay_writable(struct exchange *x)
{
	struct relay *relay = x->state;

	attempt_resume(relay->attempt);
}

static void
relay_cancel(struct exchange *x)
{
	struct relay *relay = x->state;

	attempt_cancel(relay->attempt);
}

static void
relay_release(struct exchange *x)
{
	struct relay *relay = x->state;

	attempt_free(relay->attempt);
	free(relay->flat);
	sse_fini(&relay->sse);
	buf_fini(&relay->held);
}

/* ---- The request. ---- */

/* What the body says, read back from the spool: "model" and "stream". */
static enum err
read_members(struct exchange *x)
{
	const struct json_range *model = &x->scan->ranges[MEMBER_MODEL];
	const struct json_range *stream = &x->scan->ranges[MEMBER_STREAM];
	char	 raw[6 * MODEL_MAX_BYTES], name[MODEL_MAX_BYTES + 1];
	size_t	 n = (size_t)(model->end - model->start);
	int	 len;

	if (stream->kind == JSON_TRUE)
		x->call.stream = true;
	else if (stream->kind != JSON_FALSE && stream->kind != JSON_ABSENT &&
	    stream->kind != JSON_NULL)
		return ERR_STREAM_TYPE;
	if (model->kind == JSON_ABSENT) {
		x->call.model = x->call.snapshot->default_model;
		return x->call.model == NULL ? ERR_MODEL_MISSING : ERR_NONE;
	}
	if (model->kind != JSON_STRING || n > sizeof raw ||
	    spool_read(&x->body, model->start, raw, n) != (ssize_t)n)
		return ERR_MODEL_TYPE;
	len = json_string_decode(raw, n, name, sizeof name);
	if (len <= 0)
		return ERR_MODEL_TYPE;
	x->call.model = arena_strndup(x->call.arena, name, (size_t)len);
	return ERR_NONE;
}

/* Put the target's name where the client's was; equal names leave the bytes alone. */
static void
splice_model(struct relay *relay)
{
	struct exchange *x = relay->x;
	const struct json_range *range = &x->scan->ranges[MEMBER_MODEL];
	uint64_t start = range->start, end = range->end;
	struct buf text;
	const char *copy;

	splice_init(&relay->splice, &x->body);
	if (range->kind != JSON_ABSENT &&
	    strcmp(x->call.model, relay->step.model) == 0)
		return;
	buf_init(&text, 8 * MODEL_MAX_BYTES);
	if (range->kind == JSON_ABSENT) {
		start = end = x->scan->object_start + 1;
		buf_puts(&text, "\"model\":");
	}
	json_write_string(&text, relay->step.model,
	    strlen(relay->step.model));
	if (range->kind == JSON_ABSENT && x->scan->has_members)
		buf_puts(&text, ",");
	copy = arena_strndup(x->call.arena, buf_data(&text), buf_len(&text));
	splice_replace(&relay->splice, start, end, copy, buf_len(&text));
	buf_fini(&text);
}

static ssize_t
relay_read_body(void *arg, uint64_t offset, void *out, size_t n)
{
	return splice_read(arg, offset, out, n);
}

/* Small bodies go to libcurl as one piece; larger ones it fetches. */
static void
set_body(struct relay *relay)
{
	struct attempt_request *r = &relay->request;

	r->body_len = relay->splice.len;
	r->body_read = relay_read_body;
	r->body_arg = &relay->splice;
	if (relay->splice.len > FLAT_MAX_BYTES)
		return;
	if (relay->splice.count == 0) {
		r->body = spool_memory(&relay->x->body);
		return;
	}
	relay->flat = malloc(relay->splice.len);
	if (relay->flat == NULL)
		return;
	splice_read(&relay->splice, 0, relay->flat, relay->splice.len);
	r->body = relay->flat;
}

/* base_url + "/" + what the client put behind /v1/, query included. */
static const char *
make_url(struct exchange *x, const struct target *t)
{
	const char *raw = x->path.raw, *query = raw + x->path.raw_len;
	size_t	 len = x->path.raw_len;

	raw += strlen("/v1/");
	len -= strlen("/v1/");
	if (len > 0 && raw[len - 1] == '/')
		len--;
	return arena_concat(x->call.arena, t->base_url, "/",
	    arena_strndup(x->call.arena, raw, len),
	    arena_strndup(x->call.arena, query, strcspn(query, "#")), NULL);
}

static void
set_request(struct relay *relay)
{
	struct exchange *x = relay->x;
	const struct target *t = relay->step.target;
	const struct conf *conf = x->call.snapshot->conf;
	unsigned headers_ms = t->timeouts.headers_ms;

	if (headers_ms == 0 && x->call.stream)
		headers_ms = conf->headers_default_ms;
	relay->request = (struct attempt_request){
		.method = "POST",
		.url = make_url(x, t),
		.proxy = t->provider->proxy,
		.http2 = t->provider->http2,
		.stream = x->call.stream,
		.headers = outgoing_fields(x, t, true),
		.connect_ms = t->timeouts.connect_ms,
		.headers_ms = headers_ms,
		.first_token_ms = t->timeouts.first_token_ms,
		.idle_ms = t->timeouts.idle_ms,
		.total_ms = t->timeouts.total_ms,
	};
	set_body(relay);
}

static void
relay_start(struct exchange *x, const struct plan *plan)
{
	struct relay *relay = arena_alloc(x->call.arena, sizeof *relay);
	const struct sink sink = {
		.head = relay_on_head, .data = relay_on_data,
		.done = relay_on_done, .arg = relay,
	};

	relay->x = x;
	relay->step = plan->steps[0];
	x->call.target = relay->step.target;
	x->call.target_model = relay->step.model;
	buf_init(&relay->held,
	    x->call.snapshot->conf->limits.client_buffer_bytes);
	sse_init(&relay->sse);
	splice_model(relay);
	set_request(relay);
	x->state = relay;
	x->writable = relay_writable;
	x->cancel = relay_cancel;
	x->release = relay_release;
	relay->attempt = attempt_start(&x->app->client, &relay->request,
	    &sink);
	if (relay->attempt == NULL)
		reply_error(x, ERR_INTERNAL, NULL);
}

void
relay_handle(struct exchange *x)
{
	struct plan plan;
	enum err err = read_members(x);

	if (err == ERR_NONE)
		err = plan_make(&plan, x->call.arena, x->call.snapshot,
		    x->call.model, x->call.path + strlen("/v1/"));
	if (err == ERR_MODEL_NOT_FOUND)
		reply_error(x, err, arena_printf(x->call.arena,
		    "The model '%s' does not exist, or is not served here.",
		    x->call.model));
	else if (err != ERR_NONE)
		reply_error(x, err, NULL);
	else
		relay_start(x, &plan);
	free(x->scan);
	x->scan = NULL;
}
