#include "config.h"

#include "handlers/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/http.h"
#include "handlers/capture.h"
#include "handlers/reply.h"
#include "handlers/route.h"
#include "upstream/attempt.h"
#include "upstream/headers.h"
#include "upstream/sse.h"

enum { FLAT_MAX_BYTES = ATTEMPT_COPIED_MAX };

/* How the answer is passed on. */
enum relay_mode {
	RELAY_HELD,		/* a JSON answer: kept until complete or too large, so that a cut one can still become a 502 */
	RELAY_PLAIN,		/* each read at once */
	RELAY_SSE		/* each read at once; failures are told in-band */
};

struct relay {
	struct exchange		*x;
	struct relay_order	 order;
	struct attempt_request	 request;
	struct attempt		*attempt;
	enum relay_mode		 mode;
	bool			 close_delimited, body_released;
	bool			 holds, waits;	/* bytes, or the end, for relay_finish */
	enum err		 end;		/* how it ended, while that waits */
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
	if (relay->mode == RELAY_PLAIN)
		capture_drop_answer(relay->x);
	if (relay->mode != RELAY_SSE)
		attempt_note_token(a);	/* there are no tokens to wait for */
	reply_begin(relay->x, a->status);
	copy_fields(relay, a);
	if (relay->mode == RELAY_SSE) {
		response_field(r, "Cache-Control", "no-cache");
		response_field(r, "X-Accel-Buffering", "no");
	} else if (relay->mode == RELAY_PLAIN)
		response_field(r, "X-Accel-Buffering", "no");
	if (relay->mode != RELAY_SSE && a->content_length >= 0 &&
	    relay->order.finish == NULL) {
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

/* The one Content-Length of an answer that may still be changed. */
static void
tell_length(struct relay *relay)
{
	char	 length[24];

	snprintf(length, sizeof length, "%zu", buf_len(&relay->held));
	response_field(&relay->x->request->response, "Content-Length", length);
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

static bool relay_on_data(void *, const char *, size_t);

/* A JSON answer that outgrows the buffer is passed on like any other from then on. */
static bool
relay_hold(struct relay *relay, const char *bytes, size_t n)
{
	struct buf beginning = relay->held;

	if (buf_append(&relay->held, bytes, n) == ERR_NONE)
		return true;
	buf_init(&relay->held, relay->held.max);
	relay->mode = RELAY_PLAIN;
	if (relay->order.outgrown != NULL && relay->x->call.status == 200)
		relay->order.outgrown(relay->x, &beginning);
	relay_write(relay, buf_data(&beginning), buf_len(&beginning));
	buf_fini(&beginning);
	return relay_on_data(relay, bytes, n);
}

static bool
relay_pass(struct relay *relay, const char *bytes, size_t n)
{
	if (relay->mode == RELAY_SSE) {
		sse_feed(&relay->sse, bytes, n);
		if (relay->sse.token_seen)
			attempt_note_token(relay->attempt);
	}
	return relay_write(relay, bytes, n);
}

/* What was held while something it names was stored. */
static void
relay_release_held(struct relay *relay)
{
	if (!relay->holds)
		return;
	relay->holds = false;
	relay_pass(relay, buf_data(&relay->held), buf_len(&relay->held));
	buf_fini(&relay->held);
}

static bool
relay_on_data(void *arg, const char *bytes, size_t n)
{
	struct relay *relay = arg;

	if (relay->x->request->gone)
		return true;
	if (relay->mode == RELAY_HELD)
		return relay_hold(relay, bytes, n);
	if (relay->order.watch != NULL)
		relay->order.watch(relay->x, bytes, n);
	if (relay->x->background != NULL && buf_append(&relay->held, bytes,
	    n) == ERR_NONE) {
		relay->holds = true;	/* until relay_finish */
		return false;
	}
	return relay_pass(relay, bytes, n);
}

/*
 * DESIGN section 7.2: a failure after the head is told as an event of its own,
 * and no [DONE] follows. Anthropic's streams name their error events.
 */
static void
relay_end_in_band(struct relay *relay, enum err err)
{
	struct buf event;

	buf_init(&event, 8192);
	if (!relay->sse.at_boundary)
		buf_puts(&event, "\n\n");
	if (relay->x->route->is_anthropic)
		buf_puts(&event, "event: error\n");
	buf_puts(&event, "data: ");
	reply_format_error(&event, relay->x, err, NULL);
	buf_puts(&event, "\n\n");
	relay->x->call.outcome = err;
	request_end(relay->x->request, buf_data(&event), buf_len(&event));
	buf_fini(&event);
}

static void
relay_send_held(struct relay *relay)
{
	relay->x->call.first_byte_us = clock_now_us();
	request_end(relay->x->request, buf_data(&relay->held),
	    buf_len(&relay->held));
}

static void
relay_end_well(struct relay *relay)
{
	struct exchange *x = relay->x;

	if (relay->mode != RELAY_HELD)
		request_end(x->request, NULL, 0);
	else if (relay->order.finish != NULL && x->call.status == 200)
		relay->order.finish(x, &relay->held);
	else {
		if (relay->order.finish != NULL)
			tell_length(relay);
		relay_send_held(relay);
	}
}

static void
relay_end(struct relay *relay, enum err err)
{
	struct exchange *x = relay->x;

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

static void
relay_on_done(void *arg, enum err err)
{
	struct relay *relay = arg;
	struct exchange *x = relay->x;

	if (x->request->gone || x->request->response.state == RESPONSE_DONE)
		return;
	if (relay->mode != RELAY_HELD && x->background != NULL) {
		relay->waits = true;
		relay->end = err;
	} else
		relay_end(relay, err);
}

void
relay_finish(struct exchange *x)
{
	struct relay *relay = x->state;

	if (x->request->gone)
		return;
	if (relay->mode == RELAY_HELD) {
		tell_length(relay);
		relay_send_held(relay);
		return;
	}
	relay_release_held(relay);
	if (relay->waits)
		relay_end(relay, relay->end);
	else if (!response_is_full(&x->request->response))
		attempt_resume(relay->attempt);
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

/* ---- Starting. ---- */

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
	const struct splice *splice = &relay->order.body;

	r->has_body = true;
	r->body_len = splice->len;
	r->body_read = relay_read_body;
	r->body_arg = &relay->order.body;
	if (splice->len > FLAT_MAX_BYTES)
		return;
	if (splice->count == 0) {
		r->body = spool_memory(&relay->x->body);
		return;
	}
	relay->flat = malloc(splice->len);
	if (relay->flat != NULL && splice_read(splice, 0, relay->flat,
	    splice->len) == (ssize_t)splice->len)
		r->body = relay->flat;
}

static void
set_request(struct relay *relay)
{
	struct exchange *x = relay->x;
	const struct outgoing *o = &relay->order.outgoing;
	const struct conf_timeouts *timeouts = &o->target->timeouts;
	unsigned headers_ms = timeouts->headers_ms;

	if (headers_ms == 0 && x->call.stream)
		headers_ms = x->call.snapshot->conf->headers_default_ms;
	relay->request = (struct attempt_request){
		.method = relay->order.method,
		.url = relay->order.url != NULL ? relay->order.url :
		    outgoing_url(x, o),
		.proxy = o->target->provider->proxy,
		.http2 = o->target->provider->http2,
		.stream = x->call.stream,
		.headers = outgoing_fields(x, o),
		.connect_ms = timeouts->connect_ms,
		.headers_ms = headers_ms,
		.first_token_ms = timeouts->first_token_ms,
		.idle_ms = timeouts->idle_ms,
		.total_ms = timeouts->total_ms,
	};
	if (o->content_type != NULL)
		set_body(relay);
	else if (relay->order.method[0] == 'P') {	/* POST, PUT, PATCH */
		relay->request.has_body = true;	/* an empty one, with its length */
		relay->request.body = "";
	}
}

void
relay_start(struct exchange *x, const struct relay_order *order)
{
	struct relay *relay = arena_alloc(x->call.arena, sizeof *relay);
	const struct sink sink = {
		.head = relay_on_head, .data = relay_on_data,
		.done = relay_on_done, .arg = relay,
	};

	relay->x = x;
	relay->order = *order;
	x->call.target = order->outgoing.target;
	buf_init(&relay->held,
	    x->call.snapshot->conf->limits.client_buffer_bytes);
	sse_init(&relay->sse);
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
