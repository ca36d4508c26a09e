#include "config.h"

#include "gateway/limit.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "gateway/call.h"
#include "gateway/cost.h"

enum { SECOND_US = 1000000, MINUTE_S = 60, DAY_S = 86400 };
enum { AMOUNT_SIZE = 40 };

_Static_assert((int)KEYS_PERIODS == (int)LIMITS__PERIODS,
    "a key has a budget for each period that is counted");

static const char *const period_names[LIMITS__PERIODS] = {
	[LIMITS_DAY] = "day", [LIMITS_WEEK] = "week", [LIMITS_MONTH] = "month",
};

/* ---- The account. ---- */

/* Of what is held in another file nothing is left. */
static bool
is_current(const struct state *s, const struct limit *l)
{
	return l->account != 0 && l->generation == state_generation(s);
}

static uint32_t
find_account(struct state *s, const struct call *c)
{
	return is_current(s, &c->limit) ? c->limit.account :
	    limits_find(s, c->key->id);
}

static void
open_account(struct state *s, struct call *c)
{
	c->limit = (struct limit){
		.account = limits_find(s, c->key->id),
		.generation = state_generation(s),
	};
}

/* ---- Refusing. ---- */

static uint64_t
seconds_up(uint64_t us)
{
	return us <= SECOND_US ? 1 : (us + SECOND_US - 1) / SECOND_US;
}

/* Add to the sentence what was asked for; returns ERR. */
static enum err
name_estimate(struct call *c, const struct limit_ask *ask, enum err err)
{
	uint64_t tokens = ask->input_tokens + ask->output_tokens;

	if (tokens > 0)
		c->limit.text = arena_printf(c->arena, "%s This request is "
		    "estimated at %" PRIu64 " tokens (%" PRIu64 " of input, %"
		    PRIu64 " of output).", c->limit.text, tokens,
		    ask->input_tokens, ask->output_tokens);
	return err;
}

static enum err
refuse_rate(struct call *c, const char *what, uint64_t limit, uint64_t wait_us)
{
	c->limit.text = arena_printf(c->arena, "This API key's limit of %"
	    PRIu64 " %s is reached. Try again in %" PRIu64 " s.", limit, what,
	    seconds_up(wait_us));
	c->limit.retry_after_s = seconds_up(wait_us);
	return ERR_RATE_LIMIT;
}

/* A budget, and how it stands. */
struct budget {
	enum limits_period period;
	bool		 is_cost;
	uint64_t	 most;		/* 0: there is none */
	uint64_t	 spent, reserved;
};

static void
format_amount(const struct budget *b, char text[AMOUNT_SIZE])
{
	struct buf buf;

	buf_init(&buf, AMOUNT_SIZE);
	if (b->is_cost)
		cost_put(&buf, b->most);
	else
		buf_put_number(&buf, b->most);
	snprintf(text, AMOUNT_SIZE, "%.*s%s", (int)buf_len(&buf),
	    buf_data(&buf), b->is_cost ? "" : " tokens");
	buf_fini(&buf);
}

static uint64_t
period_left_s(enum limits_period period, int64_t now_s)
{
	int64_t	 from_s, to_s;

	limits_period_bounds(period, now_s / DAY_S, &from_s, &to_s);
	return to_s > now_s ? (uint64_t)(to_s - now_s) : 1;
}

/* IS_WAITING: it is others' requests that are under way which leave no room. */
static enum err
refuse_quota(struct call *c, const struct budget *b, int64_t now_s,
    bool is_waiting)
{
	char	 amount[AMOUNT_SIZE];

	format_amount(b, amount);
	c->limit.text = arena_printf(c->arena,
	    "This API key's budget of %s for this %s is %s.", amount,
	    period_names[b->period], is_waiting ?
	    "reserved by requests that are under way" : b->spent < b->most ?
	    "too far spent for this request" : "spent");
	c->limit.retry_after_s = is_waiting ? 1 :
	    period_left_s(b->period, now_s);
	return ERR_QUOTA;
}

/* ---- Budgets. ---- */

static bool
has_budgets(const struct keys_limits *k)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < LIMITS__PERIODS; i++)
		any |= k->tokens[i] | k->cost_nano[i];
	return any != 0;
}

/* The INDEXth of a key's budgets: of tokens, then of money. */
static struct budget
get_budget(const struct keys_limits *k, const struct limits_spent *s,
    unsigned index)
{
	unsigned i = index % LIMITS__PERIODS;

	if (index < LIMITS__PERIODS)
		return (struct budget){ (enum limits_period)i, false,
		    k->tokens[i], s->periods[i].tokens, s->reserved.tokens };
	return (struct budget){ (enum limits_period)i, true, k->cost_nano[i],
	    s->periods[i].cost_nano, s->reserved.cost_nano };
}

static enum err
check_spent(struct state *s, struct call *c, int64_t now_s)
{
	const struct keys_limits *k = &c->key->limits;
	struct limits_spent spent;

	if (!has_budgets(k))
		return ERR_NONE;
	limits_read(s, c->limit.account, now_s, &spent);
	for (unsigned i = 0; i < 2 * LIMITS__PERIODS; i++) {
		struct budget b = get_budget(k, &spent, i);

		if (b.most != 0 && b.spent >= b.most)
			return refuse_quota(c, &b, now_s, false);
	}
	return ERR_NONE;
}

/* What must be left of a budget for who may come to spend MINE of it. */
static uint64_t
find_need(const struct budget *b, uint64_t mine)
{
	uint64_t half = b->most - b->most / 2;

	return mine < half ? mine : half;
}

/*
 * What was reserved is in b.reserved already. Sums of a key stay far below 2^64.
 * Who asks for nothing of a budget is not kept waiting by others; who asks for
 * more than half of it, by an estimate, needs half.
 */
static enum err
check_reserved(struct state *s, struct call *c, int64_t now_s)
{
	const struct limits_sum *own = &c->limit.reserved;
	struct limits_spent spent;

	limits_read(s, c->limit.account, now_s, &spent);
	for (unsigned i = 0; i < 2 * LIMITS__PERIODS; i++) {
		struct budget b = get_budget(&c->key->limits, &spent, i);
		uint64_t mine = b.is_cost ? own->cost_nano : own->tokens;

		uint64_t others = b.reserved > mine ? b.reserved - mine : 0;
		uint64_t need = find_need(&b, mine);

		if (b.most == 0 || mine == 0 ||
		    b.spent + others + need <= b.most)
			continue;
		return refuse_quota(c, &b, now_s, b.spent + need <= b.most);
	}
	return ERR_NONE;
}

static enum err
reserve_budgets(struct state *s, struct call *c, const struct limit_ask *ask)
{
	const struct usage usage = { .source = USAGE_ESTIMATED,
		.input_tokens = ask->input_tokens,
		.output_tokens = ask->output_tokens };
	struct limit *l = &c->limit;
	enum err err;

	if (!has_budgets(&c->key->limits))
		return ERR_NONE;
	l->reserved.tokens = ask->input_tokens + ask->output_tokens;
	if (ask->prices != NULL)
		cost_find(ask->prices, &usage, &l->reserved.cost_nano);
	limits_reserve(s, l->account, &l->reserved);
	err = check_reserved(s, c, (int64_t)(clock_wall_us() / SECOND_US));
	if (err == ERR_NONE)
		return ERR_NONE;
	limits_release(s, l->account, &l->reserved);
	l->reserved = (struct limits_sum){ 0 };
	return name_estimate(c, ask, err);
}

/* ---- A call's way. ---- */

enum err
limit_admit(struct state *s, struct call *c)
{
	const struct keys_limits *k;
	struct limits_left left;
	enum err err;

	if (c->key == NULL || !c->key->is_limited)
		return ERR_NONE;
	k = &c->key->limits;
	open_account(s, c);
	err = check_spent(s, c, (int64_t)(c->start_wall_us / SECOND_US));
	if (err != ERR_NONE)
		return err;
	if (!limits_enter(s, c->limit.account, (uint32_t)k->concurrency))
		return refuse_rate(c, "requests at the same time",
		    k->concurrency, 0);
	c->limit.is_in_flight = true;
	if (limits_take(s, c->limit.account, LIMITS_REQUESTS, 1, k->rpm,
	    c->start_wall_us, &left))
		return ERR_NONE;
	limits_leave(s, c->limit.account);
	c->limit.is_in_flight = false;
	return refuse_rate(c, "requests a minute", k->rpm, left.wait_us);
}

enum err
limit_reserve(struct state *s, struct call *c, const struct limit_ask *ask)
{
	struct limit *l = &c->limit;
	uint64_t now_us, tokens = ask->input_tokens + ask->output_tokens, tpm;
	struct limits_left left;
	enum err err;

	if (l->account == 0)
		return ERR_NONE;
	if (!is_current(s, l))
		open_account(s, c);
	now_us = clock_wall_us();
	tpm = c->key->limits.tpm;
	if (!limits_take_estimate(s, l->account, LIMITS_TOKENS, tokens, tpm,
	    now_us, &left, &l->taken))
		return name_estimate(c, ask, refuse_rate(c, "tokens a minute",
		    tpm, left.wait_us));
	err = reserve_budgets(s, c, ask);
	l->input_tokens = ask->input_tokens;
	l->output_tokens = ask->output_tokens;
	if (err != ERR_NONE) {
		limits_correct(s, l->account, LIMITS_TOKENS,
		    (int64_t)l->taken, tpm, now_us);
		l->taken = 0;
	}
	return err;
}

void
limit_charge_estimate(struct call *c)
{
	const struct limit *l = &c->limit;
	struct usage *u = &c->usage;

	if (l->account == 0 || u->source != USAGE_ESTIMATED)
		return;
	if (u->input_tokens < l->input_tokens)
		u->input_tokens = l->input_tokens;
	if (u->output_tokens < l->output_tokens)
		u->output_tokens = l->output_tokens;
}

void
limit_spend(struct state *s, const struct call *c)
{
	struct limits_sum sum = { .tokens = call_count_tokens(c) };

	if (c->limit.account == 0)
		return;
	call_find_cost(c, &sum.cost_nano);
	if (sum.tokens != 0 || sum.cost_nano != 0)
		limits_spend(s, find_account(s, c),
		    (int64_t)(c->start_wall_us / SECOND_US), &sum);
}

void
limit_end(struct state *s, const struct call *c)
{
	const struct limit *l = &c->limit;

	if (!is_current(s, l))
		return;
	limits_release(s, l->account, &l->reserved);
	if (l->is_in_flight)
		limits_leave(s, l->account);
	limits_correct(s, l->account, LIMITS_TOKENS, (int64_t)l->taken -
	    (int64_t)call_count_tokens(c), c->key->limits.tpm,
	    clock_wall_us());
}

/* ---- What is told. ---- */

bool
limit_is_told(const struct call *c)
{
	return c->limit.account != 0 && (c->key->limits.rpm != 0 ||
	    c->key->limits.tpm != 0);
}

bool
limit_find_left(struct state *s, const struct call *c,
    enum limits_bucket bucket, uint64_t *per_minute, struct limits_left *left)
{
	if (c->limit.account == 0)
		return false;
	*per_minute = bucket == LIMITS_REQUESTS ? c->key->limits.rpm :
	    c->key->limits.tpm;
	if (*per_minute == 0)
		return false;
	limits_look(s, find_account(s, c), bucket, *per_minute,
	    clock_wall_us(), left);
	return true;
}

void
limit_format_duration(uint64_t us, char text[LIMIT_DURATION_SIZE])
{
	uint64_t ms = (us + 999) / 1000, s = (us + SECOND_US - 1) / SECOND_US;

	if (ms > 0 && ms < 1000)
		snprintf(text, LIMIT_DURATION_SIZE, "%" PRIu64 "ms", ms);
	else if (s < MINUTE_S)
		snprintf(text, LIMIT_DURATION_SIZE, "%" PRIu64 "s", s);
	else
		snprintf(text, LIMIT_DURATION_SIZE, "%" PRIu64 "m%" PRIu64
		    "s", s / MINUTE_S, s % MINUTE_S);
}
