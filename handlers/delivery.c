#include "config.h"

#include "handlers/delivery.h"

#include <string.h>

#include "base/clock.h"
#include "base/http.h"
#include "handlers/as_chunks.h"
#include "handlers/body.h"
#include "handlers/capture.h"
#include "handlers/in_band.h"
#include "handlers/reply.h"
#include "handlers/route.h"
#include "upstream/headers.h"

enum {
	EVENT_MAX_BYTES = 8192,
	BOXES = 18			/* times that a provider's text may stand in events: three, all of it escaped */
};

void
delivery_init(struct delivery *d, struct exchange *x,
    const struct relay_order *order)
{
	*d = (struct delivery){ .x = x, .order = order,
		.last_ms = uv_now(x->app->loop) };
	buf_init(&d->kept, x->call.snapshot->conf->limits.client_buffer_bytes);
}

void
delivery_fini(struct delivery *d)
{
	buf_fini(&d->kept);
}

static bool
is_success(int status)
{
	return status >= 200 && status < 300;
}

/* ---- The head. ---- */

/* What a stream says of itself, whatever its provider says. */
static bool
is_stream_field(const struct try *t, const char *name, size_t n)
{
	return http_is_name(name, n, "cache-control") ||
	    (t->type != ANSWER_FORM_EVENTS &&
	    http_is_name(name, n, "content-type"));
}

/* The provider's fields, filtered by table; its request id under another name. */
static void
copy_fields(struct delivery *d, const struct try *t)
{
	struct response *r = &d->x->request->response;
	const char *name, *value;
	size_t	 at = 0, name_len, value_len;
	char	 name_copy[128];
	struct arena *arena = d->x->call.arena;

	while (attempt_next_field(t->attempt, &at, &name, &name_len, &value,
	    &value_len)) {
		if (http_is_name(name, name_len, "x-request-id")) {
			name = "x-upstream-request-id";
			name_len = strlen(name);
		} else if (!headers_pass_response(name, name_len) ||
		    reply_owns_field(d->x, name, name_len) ||
		    (t->mode == TRY_SSE && is_stream_field(t, name, name_len)))
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
begin_head(struct delivery *d, const struct try *t)
{
	struct response *r = &d->x->request->response;

	reply_begin(d->x, t->record->status);
	reply_provider(d->x);
	copy_fields(d, t);
	if (t->mode == TRY_SSE)
		response_field(r, "Cache-Control", "no-cache");
	if (t->mode == TRY_SSE && t->type != ANSWER_FORM_EVENTS)
		response_field(r, "Content-Type", "text/event-stream");
	if (t->mode != TRY_HELD)
		response_field(r, "X-Accel-Buffering", "no");
	if (t->attempt->content_length >= 0 && (t->mode == TRY_PLAIN ||
	    (t->mode == TRY_HELD && d->order->finish == NULL)))
		response_length(r, (uint64_t)t->attempt->content_length);
}

void
delivery_choose(struct delivery *d, struct try *t)
{
	struct exchange *x = d->x;

	d->chosen = t;
	x->call.target = t->step->target;
	x->call.target_model = t->step->model;
	d->is_outgrown = t->mode == TRY_PLAIN && buf_len(&t->held) > 0;
	if (t->mode == TRY_PLAIN && !d->is_outgrown)
		capture_drop_answer(x);
	if (!d->is_early)
		begin_head(d, t);
	attempt_drop_fields(t->attempt);
	if (d->is_outgrown && d->order->outgrown != NULL &&
	    is_success(t->record->status)) {
		d->seen = buf_len(&t->held);
		d->order->outgrown(x, &t->held);
	}
}

/* ---- The body. ---- */

/* After an early head only events can follow. */
static bool
is_boxed(const struct delivery *d)
{
	return d->is_early && d->chosen->mode != TRY_SSE;
}

static void
box(struct delivery *d, const char *bytes, size_t n)
{
	d->is_spilt = d->is_spilt || buf_append(&d->kept, bytes, n) != ERR_NONE;
}

static bool
write_bytes(struct delivery *d, const char *bytes, size_t n)
{
	struct exchange *x = d->x;

	exchange_note_byte(x);
	d->last_ms = uv_now(x->app->loop);
	request_write(x->request, bytes, n);
	return !response_is_full(&x->request->response);
}

/*
 * Write N bytes of the chosen answer, LEFT more are held. A client may leave
 * with a stream's last event, before the upstream ends it.
 */
static bool
pass_on(struct delivery *d, const char *bytes, size_t n, size_t left)
{
	const struct try *t = d->chosen;

	if (t->mode == TRY_SSE && t->sse.done_seen && t->sse.at_boundary &&
	    left == 0)
		response_expect(&d->x->request->response, n);
	return write_bytes(d, bytes, n);
}

bool
delivery_pass(struct delivery *d, const char *bytes, size_t n)
{
	struct exchange *x = d->x;
	size_t	 held = buf_len(&d->chosen->held);

	if (x->request->gone)
		return true;
	if (is_boxed(d)) {
		box(d, bytes, n);
		return true;
	}
	if (d->seen > 0) {
		d->seen -= n < d->seen ? n : d->seen;
		return write_bytes(d, bytes, n);
	}
	if (d->order->watch != NULL && (d->chosen->mode == TRY_SSE ||
	    d->is_outgrown))
		d->order->watch(x, bytes, n);
	if (x->background != NULL && buf_append(&d->kept, bytes, n) ==
	    ERR_NONE) {
		d->holds = true;	/* until delivery_finish */
		return false;
	}
	return pass_on(d, bytes, n, held > n ? held - n : 0);
}

/* ---- The end. ---- */

static void
end_bytes(struct delivery *d, const char *bytes, size_t n)
{
	exchange_note_byte(d->x);
	request_end(d->x->request, bytes, n);
}

/* How far the client's stream has come; nowhere while nothing was chosen. */
static const struct in_band_place *
place_of(const struct delivery *d)
{
	static const struct in_band_place start;

	return d->chosen == NULL ? &start : &d->chosen->place;
}

/*
 * DESIGN section 7.2: a failure after the head is told as an event of its own,
 * and no [DONE] follows.
 */
static void
end_in_band(struct delivery *d, enum err err, const char *text)
{
	struct try *t = d->chosen;
	const struct api_error e = api_error_of(err, text);
	struct buf event;

	buf_init(&event, EVENT_MAX_BYTES);
	if (t != NULL && t->mode == TRY_SSE) {
		write_bytes(d, buf_data(&t->held), try_ready(t));
		if (!t->sse.at_boundary)
			buf_puts(&event, "\n\n");
	}
	in_band_put_error(&event, d->x, place_of(d), &e);
	d->x->call.outcome = err;
	end_bytes(d, buf_data(&event), buf_len(&event));
	buf_fini(&event);
}

/*
 * Make one line of JSON: line ends are white space between its tokens and cannot
 * be in its strings. False: it is no object.
 */
static bool
flatten(struct buf *text)
{
	char	*p = text->data + text->start;

	for (size_t i = 0; i < buf_len(text); i++)
		if (p[i] == '\n' || p[i] == '\r')
			p[i] = ' ';
	while (buf_len(text) > 0 && memchr(" \t", *buf_data(text), 2) != NULL)
		buf_consume(text, 1);
	return buf_len(text) > 0 && *buf_data(text) == '{';
}

/* The answer, an error, as events. TEXT: all of it if it is an object, or "". */
static void
end_boxed_error(struct delivery *d, const char *text)
{
	struct buf event;

	buf_init(&event, BOXES * d->kept.max + EVENT_MAX_BYTES);
	d->x->call.outcome = ERR_UPSTREAM_STATUS;
	in_band_put_answer(&event, d->x, place_of(d), d->chosen->record->status,
	    text);
	end_bytes(d, buf_data(&event), buf_len(&event));
	buf_fini(&event);
}

/*
 * The answer, an object and no error, as events that the route's clients read;
 * where there are none, the client is told. What has no stream of its own is one
 * event.
 */
static void
end_boxed_answer(struct delivery *d)
{
	const struct body *body = d->order->ask.body;
	enum answer_kind kind = d->order->ask.answer;
	struct buf events;

	buf_init(&events, BOXES * d->kept.max + EVENT_MAX_BYTES);
	if (kind == ANSWER_CHAT && as_chunks_put(&events, buf_data(&d->kept),
	    buf_len(&d->kept) - 1, body != NULL && body->asks_usage))
		end_bytes(d, buf_data(&events), buf_len(&events));
	else if (answer_has_end(kind))
		end_in_band(d, ERR_UPSTREAM_INVALID, "The provider answered "
		    "with no stream, though one was asked for.");
	else {
		write_bytes(d, "data: ", strlen("data: "));
		write_bytes(d, buf_data(&d->kept), buf_len(&d->kept) - 1);
		end_bytes(d, "\n\n", 2);
	}
	buf_fini(&events);
}

/* An answer that is no stream, as events. */
static void
end_boxed(struct delivery *d, enum err how)
{
	bool	 is_object;

	box(d, "", 1);			/* makes a text of it */
	is_object = !d->is_spilt && flatten(&d->kept);
	if (how != ERR_NONE)
		end_in_band(d, how, d->chosen->text);
	else if (d->chosen->record->status >= 400)
		end_boxed_error(d, is_object ? buf_data(&d->kept) : "");
	else if (!is_object)
		end_in_band(d, ERR_UPSTREAM_GARBAGE, NULL);
	else
		end_boxed_answer(d);
}

static void
end_well(struct delivery *d)
{
	struct exchange *x = d->x;
	struct try *t = d->chosen;

	if (t->mode == TRY_HELD && d->order->finish != NULL) {
		if (is_success(x->call.status)) {
			d->is_finishing = true;
			d->order->finish(x, &t->held);
			return;
		}
		response_length(&x->request->response, buf_len(&t->held));
	}
	end_bytes(d, buf_data(&t->held), buf_len(&t->held));
}

/* What has become an event is an answer like any other to who looks at it. */
static void
end_box(struct delivery *d, enum err how)
{
	box(d, buf_data(&d->chosen->held), buf_len(&d->chosen->held));
	if (how == ERR_NONE && !d->is_spilt && d->order->finish != NULL &&
	    is_success(d->chosen->record->status)) {
		d->is_finishing = true;
		d->order->finish(d->x, &d->kept);
	} else
		end_boxed(d, how);
}

static void
end_now(struct delivery *d, enum err how)
{
	struct exchange *x = d->x;
	struct try *t = d->chosen;

	if (is_boxed(d))
		end_box(d, how);
	else if (how == ERR_NONE)
		end_well(d);
	else if (how == ERR_UPSTREAM_STREAM_ERROR) {
		x->call.outcome = how;	/* the stream has told it itself */
		end_bytes(d, buf_data(&t->held), buf_len(&t->held));
	} else if (t->mode == TRY_SSE &&
	    x->request->response.state == RESPONSE_BODY)
		end_in_band(d, how, t->text);
	else
		reply_error(x, how, t->text);
}

void
delivery_end(struct delivery *d, enum err how)
{
	struct buf *held = &d->chosen->held;

	if (d->x->request->response.state == RESPONSE_DONE)
		return;
	if (d->chosen->mode == TRY_SSE && d->order->watch != NULL &&
	    buf_len(held) > 0)
		d->order->watch(d->x, buf_data(held), buf_len(held));
	if (d->chosen->mode != TRY_HELD && !is_boxed(d) &&
	    d->order->end != NULL)
		d->order->end(d->x);
	if (d->chosen->mode != TRY_HELD && d->x->background != NULL) {
		d->waits = true;
		d->end = how;
	} else
		end_now(d, how);
}

void
delivery_take_back(struct delivery *d)
{
	response_reset(&d->x->request->response);
	d->chosen = NULL;
	d->is_finishing = false;
}

void
delivery_fail(struct delivery *d, enum err err, const char *text)
{
	if (d->is_early)
		end_in_band(d, err, text);
	else
		reply_error(d->x, err, text);
}

bool
delivery_finish(struct delivery *d)
{
	struct exchange *x = d->x;
	struct try *t = d->chosen;

	if (d->is_finishing) {
		if (is_boxed(d)) {
			end_boxed(d, ERR_NONE);
			return false;
		}
		response_length(&x->request->response, buf_len(&t->held));
		end_bytes(d, buf_data(&t->held), buf_len(&t->held));
		return false;
	}
	if (d->holds) {
		d->holds = false;
		pass_on(d, buf_data(&d->kept), buf_len(&d->kept),
		    buf_len(&t->held));
		buf_fini(&d->kept);
	}
	if (d->waits)
		end_now(d, d->end);
	return !d->waits && !response_is_full(&x->request->response);
}

/* ---- Silence. ---- */

static void
begin_early(struct delivery *d)
{
	struct response *r = &d->x->request->response;

	d->is_early = true;
	reply_begin(d->x, 200);
	response_field(r, "Content-Type", "text/event-stream");
	response_field(r, "Cache-Control", "no-cache");
	response_field(r, "X-Accel-Buffering", "no");
}

void
delivery_comment(struct delivery *d)
{
	const struct try *t = d->chosen;
	struct response *r = &d->x->request->response;

	if (d->x->request->gone || d->holds || response_is_full(r))
		return;
	if (t == NULL) {
		if (r->state == RESPONSE_HEAD)
			begin_early(d);
	} else if (t->mode != TRY_SSE || try_ready(t) > 0 ||
	    (!t->strips && !t->sse.at_boundary))
		return;
	write_bytes(d, in_band_ping(d->x), strlen(in_band_ping(d->x)));
}
