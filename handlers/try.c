#include "config.h"

#include "handlers/try.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/metrics.h"
#include "handlers/body.h"
#include "handlers/estimate.h"
#include "handlers/route.h"

enum {
	FLAT_MAX_BYTES = 65535,		/* libcurl sends so much in one piece with its head */
	HOLD_TOKEN_EVENTS = 64,		/* that wait for a first token */
	PIECE_BYTES = 64 << 10		/* passed on at once */
};

/* ---- The head. ---- */

/* The first token, or what stands for it where there are none; an error is none. */
static void
note_token(struct try *t)
{
	if (t->record->first_token_us != 0 || t->sse.error_first)
		return;
	t->record->first_token_us = clock_now_us() - t->record->start_us;
	channel_note_token(t->step->target->channel, t->x->app->state,
	    t->step->pass);
	attempt_note_token(t->attempt);
}

static void
choose(struct try *t)
{
	if (!t->is_chosen) {
		t->is_chosen = true;
		t->owner->ready(t->owner->arg, t);
	}
}

static void
try_on_head(void *arg, struct attempt *a)
{
	struct try *t = arg;

	t->attempt = a;			/* libcurl may be this fast */
	t->record->status = a->status;
	try_read_head(t, a);
	t->held.max = try_hold_limit(t);
	if (a->status >= 300)
		attempt_note_token(a);	/* there are no tokens to wait for */
	else if (t->mode == TRY_HELD || t->mode == TRY_PLAIN)
		note_token(t);
	if (t->mode == TRY_PLAIN)
		choose(t);
}

/* ---- The body. ---- */

size_t
try_ready(const struct try *t)
{
	size_t	 n = buf_len(&t->held);

	if (!t->strips)
		return n;
	return t->sse.pending < n ? n - t->sse.pending : 0;
}

/* Pass on what is held. False: the client has enough for now, and some may be left. */
static bool
release(struct try *t)
{
	bool	 more = true;
	size_t	 n;

	while (more && (n = try_ready(t)) > 0) {
		n = n < PIECE_BYTES ? n : PIECE_BYTES;
		more = t->owner->pass(t->owner->arg, buf_data(&t->held), n);
		buf_consume(&t->held, n);
	}
	if (buf_len(&t->held) == 0)
		buf_fini(&t->held);
	try_count_held(t, buf_len(&t->held));
	return more;
}

/* Beyond the limit, when no more follow: the transfer is paused, or left. */
static void
hold_all_the_same(struct try *t, const char *bytes, size_t n)
{
	t->held.max += n;
	buf_append(&t->held, bytes, n);
}

/* An answer that outgrows the buffer is passed on like any other from then on. */
static bool
outgrow(struct try *t, const char *bytes, size_t n)
{
	if (t->order->whole_max != 0) {
		attempt_fail(t->attempt, ERR_LIST);
		return true;
	}
	if (t->mode == TRY_HELD) {
		meter_feed(&t->meter, buf_data(&t->held), buf_len(&t->held));
		meter_feed(&t->meter, bytes, n);
		if (try_is_error_so_far(t)) {
			attempt_fail(t->attempt, ERR_UPSTREAM_INVALID);
			return true;
		}
		t->is_json = true;
		t->mode = TRY_PLAIN;
	}
	choose(t);
	if (release(t))
		return t->owner->pass(t->owner->arg, bytes, n);
	hold_all_the_same(t, bytes, n);
	return false;
}

/* Is the first error event a reason to try elsewhere? Then the upstream is left. */
static void
judge_error(struct try *t, const char *data, size_t n)
{
	t->told = fault_of_event(data, n);
	if (t->is_chosen || try_kind_of_told(t) == RETRY_FINAL ||
	    !t->owner->has_more(t->owner->arg, t))
		return;
	t->is_left = true;
	if (!t->is_ending)
		attempt_fail(t->attempt, ERR_UPSTREAM_STREAM_ERROR);
}

/* The same of an error answer, when as much of it is here as can be held. */
static bool
leave_large_error(struct try *t)
{
	if (t->record->status < 400 || try_kind_of_status(t) == RETRY_FINAL ||
	    !t->owner->has_more(t->owner->arg, t))
		return false;
	attempt_fail(t->attempt, ERR_UPSTREAM_STATUS);
	return true;
}

/* Take the event out that ends here; it began here, or with what was pending. */
static void
strip_event(struct try *t)
{
	int64_t	 end = t->fed + (int64_t)t->sse.event_end;
	int64_t	 start = t->fed + (t->sse.event_is_whole ?
		    (int64_t)t->sse.event_start : -(int64_t)t->sse.pending);

	buf_remove(&t->held, (size_t)start, (size_t)(end - start));
	t->fed -= end - start;
}

/* sse's event callback. */
static void
try_on_event(void *arg, const char *data, size_t n)
{
	struct try *t = arg;

	if (data != NULL)
		meter_event(&t->meter, data, n);
	else
		meter_event_end(&t->meter);
	if (t->x->route->dialect == ROUTE_DIALECT_RESPONSES)
		in_band_follow(&t->place, data, n);
	if (t->sse.error_seen && t->told == FAULT_NONE)
		judge_error(t, data != NULL ? data : t->sse.head,
		    data != NULL ? n : t->sse.head_len);
	if (t->strips && data != NULL && t->meter.usage_only && !t->is_ending)
		strip_event(t);
}

/* sse's piece callback. */
static void
try_on_piece(void *arg, const char *data, size_t n)
{
	struct try *t = arg;

	meter_event_piece(&t->meter, data, n);
}

static bool
may_go(struct try *t)
{
	if (t->step->target->release == CONF_RELEASE_END)
		return false;
	if (t->sse.token_seen || t->sse.events >= HOLD_TOKEN_EVENTS)
		return true;
	if (t->sse.contents == 0 && !t->sse.comment_seen)
		return false;		/* it may be nothing at all */
	return t->step->target->release == CONF_RELEASE_BYTE ||
	    !t->owner->has_more(t->owner->arg, t);
}

static bool
feed_held(struct try *t, const char *bytes, size_t n)
{
	bool	 fits;

	t->fed = (int64_t)buf_len(&t->held);
	fits = try_may_hold(t) && buf_append(&t->held, bytes, n) == ERR_NONE;
	try_count_held(t, buf_len(&t->held));
	if (!fits)
		t->strips = false;
	sse_feed(&t->sse, bytes, n);
	if (t->is_left) {
		if (!fits)
			hold_all_the_same(t, bytes, n);
		return true;
	}
	if (t->sse.token_seen)
		note_token(t);
	if (!fits)
		return outgrow(t, bytes, n);
	if (!t->is_chosen && may_go(t))
		choose(t);
	return !t->is_chosen || release(t);
}

static void
note_gap(struct try *t)
{
	uint64_t now = uv_now(t->x->app->loop), gap = now - t->last_read_ms;
	struct call *c = &t->x->call;
	unsigned i = 0;

	if (t->last_read_ms != 0 && t->is_chosen) {
		while (i < CALL_GAPS && gap > call_gap_bounds_ms[i])
			i++;
		c->gaps[i]++;
		c->gaps_sum_ms += gap;
	}
	t->last_read_ms = now;
}

static bool
try_on_sse(struct try *t, const char *bytes, size_t n)
{
	note_gap(t);
	if (t->sse.pending == 0 && buf_len(&t->held) == 0)
		t->strips = t->injects;
	if (!t->is_chosen || t->strips || buf_len(&t->held) > 0)
		return feed_held(t, bytes, n);
	sse_feed(&t->sse, bytes, n);
	if (t->sse.token_seen)
		note_token(t);
	return t->owner->pass(t->owner->arg, bytes, n);
}

static bool
pass_plain(struct try *t, const char *bytes, size_t n)
{
	meter_feed(&t->meter, bytes, n);
	return t->owner->pass(t->owner->arg, bytes, n);
}

/* N bytes from the body's first one on, N_HELD of them held before. */
static bool
begin_body(struct try *t, const char *bytes, size_t n)
{
	try_read_beginning(t, bytes, n);
	if (t->mode == TRY_SSE)
		return try_on_sse(t, bytes, n);
	if (t->mode == TRY_OPEN) {
		buf_append(&t->held, bytes, n);
		return true;
	}
	note_token(t);
	if (t->mode == TRY_HELD)
		return buf_append(&t->held, bytes, n) == ERR_NONE ||
		    outgrow(t, bytes, n);
	choose(t);
	return pass_plain(t, bytes, n);
}

/* White space may have come before what tells the body's kind. */
static bool
try_on_open(struct try *t, const char *bytes, size_t n)
{
	struct buf all;
	bool	 more;

	t->held.max = try_hold_limit(t);
	if (buf_len(&t->held) == 0)
		return begin_body(t, bytes, n);
	if (buf_append(&t->held, bytes, n) != ERR_NONE) {
		attempt_fail(t->attempt, ERR_UPSTREAM_INVALID);
		return true;
	}
	all = t->held;
	buf_init(&t->held, all.max);
	more = begin_body(t, buf_data(&all), buf_len(&all));
	buf_fini(&all);
	return more;
}

static bool
try_on_data(void *arg, const char *bytes, size_t n)
{
	struct try *t = arg;

	switch (t->mode) {
	case TRY_OPEN:
		return try_on_open(t, bytes, n);
	case TRY_SSE:
		return try_on_sse(t, bytes, n);
	case TRY_HELD:
		return buf_append(&t->held, bytes, n) == ERR_NONE ||
		    leave_large_error(t) || outgrow(t, bytes, n);
	default:
		return pass_plain(t, bytes, n);
	}
}

/* ---- The end. ---- */

/* The record is complete, and the channel learns of it. */
static void
leave(struct try *t, enum err end)
{
	struct call_attempt *r = t->record;
	struct channel_end ce;

	t->is_over = true;
	t->end = end;
	r->outcome = end == ERR_NONE && r->status >= 400 ?
	    ERR_UPSTREAM_STATUS : end;
	r->end_us = clock_now_us();
	try_note_failure(t);
	metrics_note_try(t->x->app->state, t->step->target, -1);
	ce = (struct channel_end){
		.verdict = try_verdict(t), .pass = t->step->pass,
		.client = t->x->call.client,
		.stream = t->x->call.stream,
		.first_token_ms = r->first_token_us == 0 ? 0 :
		    r->first_token_us / 1000 + 1,
		.total_ms = (r->end_us - r->start_us) / 1000,
		.retry_after_ms = t->retry_after_ms,
	};
	r->is_failure = ce.verdict != CHANNEL_WELL &&
	    ce.verdict != CHANNEL_UNKNOWN;
	channel_leave(t->step->target->channel, t->x->app->state,
	    t->x->call.snapshot->conf, clock_wall_us() / 1000, &ce);
}

static void
try_on_done(void *arg, enum err err)
{
	struct try *t = arg;

	t->is_ending = true;
	if (t->mode == TRY_SSE)
		sse_end(&t->sse);
	if (t->mode == TRY_HELD)
		meter_feed(&t->meter, buf_data(&t->held), buf_len(&t->held));
	leave(t, try_judge(t, err));
	t->owner->over(t->owner->arg, t);
}

void
try_cancel(struct try *t, enum err reason)
{
	if (t == NULL || t->is_over)
		return;
	attempt_cancel(t->attempt);
	leave(t, reason);
}

void
try_resume(struct try *t)
{
	if (!t->is_over && (!t->is_chosen || release(t)))
		attempt_resume(t->attempt);
}

void
try_forget_answer(struct try *t)
{
	try_count_held(t, 0);
	buf_fini(&t->held);
}

/* Errors and what is no answer at all cost nothing, whatever the status says. */
static bool
is_no_answer(const struct try *t)
{
	return t->is_error || t->sse.error_first || try_has_no_content(t) ||
	    t->end == ERR_UPSTREAM_INVALID || t->end == ERR_UPSTREAM_REDIRECT;
}

void
try_usage(const struct try *t, struct usage *usage)
{
	bool	 sent = t->attempt != NULL && attempt_is_asked(t->attempt) &&
		    attempt_has_sent(t->attempt);

	if (is_no_answer(t)) {
		*usage = (struct usage){ .source = USAGE_NONE };
		return;
	}
	meter_usage(&t->meter, t->order->body == NULL ? 0 :
	    estimate_input(t->order->body, t->body.len),
	    t->order->counts && sent && t->record->status < 400, usage);
}

bool
try_is_whole(const struct try *t)
{
	return (t->is_over && t->end == ERR_NONE) || t->sse.done_seen;
}

bool
try_reads_body(const struct try *t)
{
	return t->attempt != NULL && attempt_reads_body(t->attempt);
}

void
try_drop_copy(struct try *t)
{
	free(t->flat);
	t->flat = NULL;
}

void
try_free(struct try *t)
{
	if (t == NULL)
		return;
	attempt_free(t->attempt);
	free(t->flat);
	sse_fini(&t->sse);
	meter_fini(&t->meter);
	try_count_held(t, 0);
	buf_fini(&t->held);
}

/* ---- The start. ---- */

static ssize_t
try_read_body(void *arg, uint64_t offset, void *out, size_t n)
{
	return splice_read(arg, offset, out, n);
}

/* Small bodies go to libcurl as one piece; larger ones it fetches. */
static void
set_body(struct try *t)
{
	struct attempt_request *r = &t->request;

	r->has_body = true;
	r->body_len = t->body.len;
	r->body_read = try_read_body;
	r->body_arg = &t->body;
	if (t->body.len > FLAT_MAX_BYTES || r->http2)
		return;
	if (t->body.count == 0) {
		r->body = spool_memory(&t->x->body);
		return;
	}
	t->flat = malloc(t->body.len);
	if (t->flat != NULL && splice_read(&t->body, 0, t->flat,
	    t->body.len) == (ssize_t)t->body.len)
		r->body = t->flat;
}

static unsigned
lesser(unsigned ms, uint64_t limit_ms)
{
	return ms < limit_ms ? ms : (unsigned)limit_ms;
}

static void
set_request(struct try *t, uint64_t budget_ms)
{
	struct exchange *x = t->x;
	const struct target *target = t->step->target;
	const struct conf_timeouts *timeouts = &target->timeouts;
	struct outgoing o = t->order->outgoing;
	unsigned headers_ms = timeouts->headers_ms;

	if (headers_ms == 0 && x->call.stream)
		headers_ms = x->call.snapshot->conf->headers_default_ms;
	o.target = target;
	o.deployment = t->step->deployment;
	t->request = (struct attempt_request){
		.method = t->order->method,
		.url = t->order->url != NULL ? t->order->url :
		    outgoing_url(x->call.arena, &o),
		.proxy = target->provider->proxy,
		.ca_text = target->provider->ca_text,
		.ca_text_bytes = target->provider->ca_text_bytes,
		.http2 = target->provider->http2,
		.stream = x->call.stream,
		.headers = outgoing_fields(x->call.arena,
		    x->call.snapshot->conf, x, &o),
		.connect_ms = timeouts->connect_ms,
		.headers_ms = headers_ms,
		.first_token_ms = timeouts->first_token_ms,
		.idle_ms = timeouts->idle_ms,
		.total_ms = lesser(timeouts->total_ms, budget_ms),
	};
	if (o.content_type != NULL)
		set_body(t);
	else if (t->order->method[0] == 'P') {	/* POST, PUT, PATCH */
		t->request.has_body = true;	/* an empty one, with its length */
		t->request.body = "";
	}
}

static bool
asks_for_usage(const struct try *t)
{
	const struct body *b = t->order->body;

	return b != NULL && b->is_stream && !b->is_form && !b->asks_usage &&
	    t->step->target->provider->usage == CONF_USAGE_INJECT &&
	    t->x->route->has_usage_chunk;
}

static enum err
prepare(struct try *t, uint64_t budget_ms)
{
	enum err err = ERR_NONE;

	t->strips = t->injects = asks_for_usage(t);
	if (t->order->body != NULL)
		err = body_splice(t->x, t->order->body, t->step,
		    t->injects, &t->body);
	else
		splice_init(&t->body, &t->x->body);
	if (err == ERR_NONE)
		set_request(t, budget_ms);
	return err;
}

static struct call_attempt *
make_record(struct try *t, bool is_hedge)
{
	struct call *c = &t->x->call;
	struct call_attempt *r = arena_alloc(c->arena, sizeof *r);

	*r = (struct call_attempt){
		.target = t->step->target, .model = t->step->model,
		.is_hedge = is_hedge, .start_us = clock_now_us(),
	};
	return c->attempts[c->attempt_count++] = r;
}

struct try *
try_start(struct exchange *x, struct plan_step *step,
    const struct try_order *order, const struct try_owner *owner,
    uint64_t budget_ms, bool is_hedge)
{
	struct try *t = arena_alloc(x->call.arena, sizeof *t);
	const struct sink sink = {
		.head = try_on_head, .data = try_on_data,
		.done = try_on_done, .arg = t,
	};
	enum err err;

	*t = (struct try){ .x = x, .step = step, .order = order,
		.owner = owner, .retry_after_ms = -1 };
	t->record = make_record(t, is_hedge);
	metrics_note_try(x->app->state, step->target, 1);
	buf_init(&t->held, 0);
	sse_init(&t->sse);
	t->sse.event = try_on_event;
	t->sse.piece = try_on_piece;
	t->sse.arg = t;
	meter_init(&t->meter);
	err = prepare(t, budget_ms);
	if (err == ERR_NONE) {
		t->attempt = attempt_start(&x->app->client, &t->request,
		    &sink);
		if (t->attempt == NULL)
			err = ERR_INTERNAL;
	}
	if (err != ERR_NONE)
		leave(t, err);
	return t;
}
