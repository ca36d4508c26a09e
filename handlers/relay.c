#include "config.h"

#include "handlers/relay.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "gateway/channel.h"
#include "gateway/retry.h"
#include "handlers/delivery.h"

enum { DRAINS_MAX = 64 };		/* of one process at once; beyond it upstreams are cancelled */

/* What a relay's timer waits for; several at once. */
enum wake { WAKE_RETRY, WAKE_HEDGE, WAKE_COMMENT, WAKE_DRAIN, WAKE__MAX };

struct relay {
	struct exchange	*x;
	struct relay_order order;
	struct try_owner owner;
	struct delivery	 delivery;
	struct try	*tries[RETRY_TRIES_MAX];
	unsigned	 try_count;
	struct try	*kept;		/* over; its answer is passed on if nothing better comes */
	struct try	*missing;	/* over; the first that says that there is no such model */
	unsigned	 missing_count;	/* so many say so */
	enum err	 first_err;	/* of a try that no answer came from */
	const char	*first_text;	/* what clients are told of it; NULL: as always */
	bool		 only_keys;	/* every try so far has failed by its key, or its model */
	unsigned	 same_tries, waits;
	uint64_t	 start_ms;	/* loop time */
	uint64_t	 wait_since_us;	/* 0 = a try is under way */
	struct try	*drained;	/* is read to its end, though the client has left */
	struct plan_step *retried;	/* what WAKE_RETRY is about */
	bool		 is_accounted;
	bool		 is_body_released;	/* the request's; nobody will ask for it again */
	uint64_t	 wakes[WAKE__MAX];	/* loop time; 0 = never */
	bool		 has_timer;
	uv_timer_t	 timer;
};

/* ---- The timer. ---- */

static void	relay_on_wake(struct relay *, enum wake);

static uint64_t
relay_now(const struct relay *relay)
{
	return uv_now(relay->x->app->loop);
}

static void relay_rearm(struct relay *);

static void
relay_on_timer(uv_timer_t *timer)
{
	struct relay *relay = timer->data;
	uint64_t now = relay_now(relay);

	for (enum wake w = 0; w < WAKE__MAX; w++) {
		if (relay->wakes[w] == 0 || relay->wakes[w] > now)
			continue;
		relay->wakes[w] = 0;
		relay_on_wake(relay, w);
	}
	relay_rearm(relay);
}

static void
relay_rearm(struct relay *relay)
{
	uint64_t first = UINT64_MAX, now = relay_now(relay);

	for (enum wake w = 0; w < WAKE__MAX; w++)
		if (relay->wakes[w] != 0 && relay->wakes[w] < first)
			first = relay->wakes[w];
	if (first == UINT64_MAX)
		return;
	if (!relay->has_timer) {
		uv_timer_init(relay->x->app->loop, &relay->timer);
		relay->timer.data = relay;
		relay->has_timer = true;
	}
	uv_timer_start(&relay->timer, relay_on_timer,
	    first > now ? first - now : 0, 0);
}

static void
relay_wake_in(struct relay *relay, enum wake wake, uint64_t ms)
{
	relay->wakes[wake] = relay_now(relay) + ms;
	relay_rearm(relay);
}

/* ---- What is known of the tries. ---- */

static uint64_t
relay_budget_ms(const struct relay *relay, const struct target *target)
{
	uint64_t spent = relay_now(relay) - relay->start_ms;

	return spent < target->timeouts.total_ms ?
	    target->timeouts.total_ms - spent : 0;
}

/* A try that is under way, other than EXCEPT. */
static struct try *
relay_find_running(const struct relay *relay, const struct try *except)
{
	for (unsigned i = 0; i < relay->try_count; i++)
		if (relay->tries[i] != except && !relay->tries[i]->is_over)
			return relay->tries[i];
	return NULL;
}

static bool
relay_has_more(void *arg, const struct try *t)
{
	struct relay *relay = arg;

	if (relay->order.is_final)
		return false;
	return relay_find_running(relay, t) != NULL ||
	    (relay->try_count < RETRY_TRIES_MAX &&
	    (plan_has_more(relay->order.plan) ||
	    relay->same_tries <= t->step->target->provider->retries));
}

/*
 * Once, before the request ends: what MAIN consumed (NULL: there is none) is
 * the call's, what others did their own.
 */
static void
relay_account(struct relay *relay, const struct try *main)
{
	if (relay->is_accounted)
		return;
	relay->is_accounted = true;
	relay->x->call.main = main == NULL ? NULL : main->record;
	for (unsigned i = 0; i < relay->try_count; i++)
		try_usage(relay->tries[i], relay->tries[i] == main ?
		    &relay->x->call.usage : &relay->tries[i]->record->usage);
	if (main != NULL && relay->x->request->gone && !try_is_whole(main))
		limit_charge_estimate(&relay->x->call);
}

/* ---- The owner's side of a try. ---- */

static void
relay_drop_others(struct relay *relay, const struct try *winner,
    enum err reason)
{
	for (unsigned i = 0; i < relay->try_count; i++)
		if (relay->tries[i] != winner)
			try_cancel(relay->tries[i], reason);
}

/* From here on no other try can follow. */
static void
relay_on_ready(void *arg, struct try *t)
{
	struct relay *relay = arg;

	relay->wakes[WAKE_HEDGE] = 0;
	relay_drop_others(relay, t, ERR_HEDGE_LOST);
	if (t->record->is_hedge)
		exchange_note_target(relay->x, t->step->target);
	if (!relay->x->request->gone)
		delivery_choose(&relay->delivery, t);
}

/*
 * The chosen answer has begun, so no other try will follow: the body goes as
 * soon as nobody reads it. Its readers are counted, whatever has happened
 * before: a try that has lost is one until libcurl has let go of it.
 */
static void
relay_release_body(struct relay *relay)
{
	unsigned readers = 0;

	for (unsigned i = 0; i < relay->try_count; i++)
		readers += try_reads_body(relay->tries[i]);
	if (readers > 0)
		return;
	for (unsigned i = 0; i < relay->try_count; i++)
		try_drop_copy(relay->tries[i]);
	spool_fini(&relay->x->body);
	relay->is_body_released = true;
}

static bool
relay_on_pass(void *arg, const char *bytes, size_t n)
{
	struct relay *relay = arg;

	if (relay->delivery.chosen == NULL)
		return true;		/* the client left first */
	if (!relay->is_body_released)
		relay_release_body(relay);
	return delivery_pass(&relay->delivery, bytes, n);
}

/* The client gets what is held of T, which is over, and the end. */
static void
relay_deliver(struct relay *relay, struct try *t)
{
	if (!t->is_chosen) {
		t->is_chosen = true;
		relay_on_ready(relay, t);
	}
	relay_account(relay, t);
	delivery_end(&relay->delivery, t->end);
}

static void
relay_give_up(struct relay *relay)
{
	bool	 only_keys = relay->only_keys;
	struct try *answer = relay->missing_count == relay->try_count ?
		    relay->missing : relay->kept;

	if (answer != NULL) {
		relay_deliver(relay, answer);
		return;
	}
	relay_account(relay, NULL);
	relay->x->call.target = relay->tries[0]->step->target;
	relay->x->call.target_model = relay->tries[0]->step->model;
	delivery_fail(&relay->delivery, only_keys ? ERR_UPSTREAM_CREDENTIALS :
	    relay->first_err, only_keys ? NULL : relay->first_text);
}

/* ---- Trying. ---- */

static double
jitter(void)
{
	return randombytes_random() / (double)UINT32_MAX;
}

static void
relay_plan_hedge(struct relay *relay, const struct plan_step *step)
{
	unsigned ms;

	if (relay->order.is_final || !plan_has_more(relay->order.plan))
		return;
	ms = channel_hedge_ms(step->target->channel, relay->x->call.stream,
	    step->target->hedge);
	if (ms > 0)
		relay_wake_in(relay, WAKE_HEDGE, ms);
}

static void	relay_on_over(void *arg, struct try *);

static void
relay_try(struct relay *relay, struct plan_step *step, bool is_hedge)
{
	struct try *t;

	if (!is_hedge)
		exchange_note_target(relay->x, step->target);
	t = try_start(relay->x, step, &relay->order.ask, &relay->owner,
	    relay_budget_ms(relay, step->target), is_hedge);
	relay->tries[relay->try_count++] = t;
	if (t->is_over)
		relay_on_over(relay, t);
	else if (!is_hedge)
		relay_plan_hedge(relay, step);
}

static void
relay_next(struct relay *relay)
{
	struct plan_step *step = plan_take(relay->order.plan,
	    relay->x->app->state, clock_wall_us() / 1000);

	if (step == NULL) {
		relay_give_up(relay);
		return;
	}
	relay->same_tries = 1;
	relay_try(relay, step, false);
}

static void
relay_end_wait(struct relay *relay)
{
	if (relay->wait_since_us != 0)
		relay->x->call.wait_us += clock_now_us() -
		    relay->wait_since_us;
	relay->wait_since_us = 0;
}

static void
relay_again(struct relay *relay)
{
	struct plan_step *step = relay->retried;

	relay_end_wait(relay);
	plan_retake(relay->order.plan, step, relay->x->app->state,
	    clock_wall_us() / 1000);
	relay->same_tries++;
	relay_try(relay, step, false);
}

/* That there is no such model is the first one's word, if all of them say so. */
static void
relay_note_missing(struct relay *relay, struct try *t)
{
	relay->missing_count++;
	if (relay->missing == NULL)
		relay->missing = t;
	else
		try_forget_answer(t);
}

/*
 * Remember what the client gets if nothing better comes: the first channel's
 * last answer.
 */
static void
relay_remember(struct relay *relay, struct try *t, enum retry_kind kind)
{
	bool	 has_answer = t->end == ERR_NONE ||
		    t->end == ERR_UPSTREAM_STREAM_ERROR;

	if (kind == RETRY_MODEL) {
		relay_note_missing(relay, t);
		return;
	}
	if (kind != RETRY_KEY && has_answer && (relay->kept == NULL ||
	    relay->kept->step == t->step)) {
		if (relay->kept != NULL)
			try_forget_answer(relay->kept);
		relay->kept = t;
	} else
		try_forget_answer(t);
	if (kind == RETRY_KEY)
		return;
	relay->only_keys = false;
	if (!has_answer && (relay->first_err == ERR_NONE ||
	    relay->tries[0]->step == t->step)) {
		relay->first_err = t->end;
		relay->first_text = t->text;
	}
}

static void
relay_decide(struct relay *relay, const struct try *t, enum retry_kind kind)
{
	struct retry_state s = {
		.kind = kind,
		.retry_after_ms = t->retry_after_ms,
		.tries = relay->order.is_final ? RETRY_TRIES_MAX :
		    relay->try_count,
		.same_tries = relay->same_tries,
		.retries = t->step->target->provider->retries,
		.waits = relay->waits,
		.budget_ms = relay_budget_ms(relay, t->step->target),
	};
	unsigned wait_ms;

	if (kind == RETRY_CONTEXT && t->step->model != NULL)
		plan_drop_model(relay->order.plan, t->step->model);
	s.others_left = plan_has_more(relay->order.plan);
	switch (retry_decide(&s, jitter(), &wait_ms)) {
	case RETRY_SAME:
		relay->waits++;
		relay->wait_since_us = clock_now_us();
		relay->retried = t->step;
		relay_wake_in(relay, WAKE_RETRY, wait_ms);
		break;
	case RETRY_NEXT:
		relay_next(relay);
		break;
	default:
		relay_give_up(relay);
	}
}

static void
relay_end_drain(struct relay *relay)
{
	struct try *drained = relay->drained;

	relay->drained = NULL;
	relay->x->app->drains--;
	relay_account(relay, drained);
	try_cancel(drained, ERR_CLIENT_GONE);
	request_abort(relay->x->request);
}

static void
relay_on_over(void *arg, struct try *t)
{
	struct relay *relay = arg;
	enum retry_kind kind = try_kind(t);

	if (relay->drained != NULL) {
		relay_end_drain(relay);
		return;
	}
	if (relay->x->request->gone ||
	    relay->x->request->response.state == RESPONSE_DONE)
		return;
	if (t->is_chosen || (kind == RETRY_FINAL && (t->end == ERR_NONE ||
	    t->end == ERR_UPSTREAM_STREAM_ERROR))) {
		relay_deliver(relay, t);
		return;
	}
	relay_remember(relay, t, relay->order.is_final ? RETRY_FINAL : kind);
	if (relay_find_running(relay, NULL) != NULL)
		return;			/* the other one of a pair goes on */
	relay->wakes[WAKE_HEDGE] = 0;
	relay_decide(relay, t, kind);
}

/* ---- Waking. ---- */

static void
relay_hedge(struct relay *relay)
{
	struct plan_step *step;

	if (relay->delivery.chosen != NULL ||
	    relay->try_count >= RETRY_TRIES_MAX)
		return;
	step = plan_take(relay->order.plan, relay->x->app->state,
	    clock_wall_us() / 1000);
	if (step != NULL)
		relay_try(relay, step, true);
}

static unsigned
relay_keepalive_ms(const struct relay *relay)
{
	return relay->x->call.stream ?
	    relay->x->call.snapshot->conf->stream.keepalive_ms : 0;
}

static void
relay_comment(struct relay *relay)
{
	uint64_t ms = relay_keepalive_ms(relay), now = relay_now(relay);
	uint64_t due = relay->delivery.last_ms + ms;

	if (relay->x->request->gone ||
	    relay->x->request->response.state == RESPONSE_DONE)
		return;
	if (due <= now) {
		delivery_comment(&relay->delivery);
		due = now + ms;
	}
	relay->wakes[WAKE_COMMENT] = due;
}

static void
relay_on_wake(struct relay *relay, enum wake wake)
{
	switch (wake) {
	case WAKE_RETRY:
		relay_again(relay);
		break;
	case WAKE_HEDGE:
		relay_hedge(relay);
		break;
	case WAKE_COMMENT:
		relay_comment(relay);
		break;
	default:
		if (relay->drained != NULL)
			relay_end_drain(relay);
	}
}

/* ---- The exchange's side. ---- */

void
relay_finish(struct exchange *x)
{
	struct relay *relay = x->state;

	if (!x->request->gone && delivery_finish(&relay->delivery))
		try_resume(relay->delivery.chosen);
}

bool
relay_repeat(struct exchange *x, const char *query)
{
	struct relay *relay = x->state;
	struct try *t = relay->delivery.chosen;

	if (x->request->gone || relay->try_count == RETRY_TRIES_MAX)
		return false;
	try_forget_answer(t);
	delivery_take_back(&relay->delivery);
	relay->is_accounted = false;
	relay->order.ask.outgoing.query = query;
	relay->retried = t->step;
	relay_again(relay);
	return true;
}

static void
relay_writable(struct exchange *x)
{
	struct relay *relay = x->state;

	if (relay->delivery.chosen != NULL)
		try_resume(relay->delivery.chosen);
}

/* Is the upstream worth reading for MS without a client? */
static struct try *
relay_find_drain(const struct relay *relay, unsigned *ms)
{
	struct try *t = relay->delivery.chosen != NULL ?
		    relay->delivery.chosen : relay_find_running(relay, NULL);

	*ms = t == NULL || relay->x->app->drains >= DRAINS_MAX ? 0 :
	    try_drain_ms(t);
	return *ms > 0 ? t : NULL;
}

/* The client has left: stop, or drain; then the request ends later. */
static void
relay_cancel(struct exchange *x)
{
	struct relay *relay = x->state;
	unsigned ms;
	struct try *drained = relay_find_drain(relay, &ms);

	memset(relay->wakes, 0, sizeof relay->wakes);
	relay_end_wait(relay);
	if (drained == NULL) {
		relay_account(relay, relay->delivery.chosen != NULL ?
		    relay->delivery.chosen : relay_find_running(relay, NULL));
		relay_drop_others(relay, NULL, ERR_CLIENT_GONE);
		return;
	}
	relay_drop_others(relay, drained, ERR_HEDGE_LOST);
	relay->drained = drained;
	x->drains = true;
	x->app->drains++;
	relay_wake_in(relay, WAKE_DRAIN, ms);
	try_resume(drained);
}

static void
relay_on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
relay_release(struct exchange *x)
{
	struct relay *relay = x->state;

	for (unsigned i = 0; i < relay->try_count; i++)
		try_free(relay->tries[i]);
	delivery_fini(&relay->delivery);
	if (relay->has_timer)
		uv_close((uv_handle_t *)&relay->timer, relay_on_closed);
	else
		free(relay);
}

/* ---- Starting. ---- */

void
relay_start(struct exchange *x, const struct relay_order *order)
{
	struct relay *relay = calloc(1, sizeof *relay);

	if (relay == NULL)
		abort();
	*relay = (struct relay){
		.x = x, .order = *order, .only_keys = true,
		.start_ms = uv_now(x->app->loop),
		.owner = { .ready = relay_on_ready, .pass = relay_on_pass,
		    .over = relay_on_over, .has_more = relay_has_more,
		    .arg = relay },
	};
	x->call.ready_us = clock_now_us();
	delivery_init(&relay->delivery, x, &relay->order);
	x->state = relay;
	x->writable = relay_writable;
	x->cancel = relay_cancel;
	x->release = relay_release;
	if (relay_keepalive_ms(relay) > 0)
		relay_wake_in(relay, WAKE_COMMENT, relay_keepalive_ms(relay));
	relay_next(relay);
}
