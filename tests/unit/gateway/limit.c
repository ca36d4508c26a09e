/* What a key's limits refuse, and what each way of ending leaves of it. */
#include "config.h"

#include "gateway/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/call.h"
#include "gateway/cost.h"

enum { CALLS = 8 };

struct fixture {
	char		 dir[64];
	struct state	*state;
	struct arena	 arena;
	struct key	 key;
	struct target	 target;
	struct call	 calls[CALLS];
	struct call_attempt attempts[CALLS];
};

static const struct cost_prices prices = { .input = 1000000,
	.cache_read = 1000000, .cache_write = 1000000, .output = 1000000 };

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	log_open(NULL, LOG_LEVEL_ERROR);
	strcpy(x->dir, "/tmp/sluice-limit.XXXXXX");
	if (mkdtemp(x->dir) == NULL)
		return -1;
	x->state = state_open(x->dir);
	arena_init(&x->arena, 256);
	strcpy(x->key.id, "00112233445566778899aabbccddeeff");
	x->key.is_limited = true;
	x->target.prices = prices;
	for (int i = 0; i < CALLS; i++)
		x->calls[i] = (struct call){ .arena = &x->arena,
			.key = &x->key, .start_wall_us = clock_wall_us() };
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;
	char	 path[80];

	state_close(x->state);
	snprintf(path, sizeof path, "%s/state", x->dir);
	unlink(path);
	rmdir(x->dir);
	arena_fini(&x->arena);
	free(x);
	return 0;
}

static enum err
admit(struct fixture *x, int i)
{
	return limit_admit(x->state, &x->calls[i]);
}

static enum err
reserve(struct fixture *x, int i, uint64_t tokens)
{
	const struct limit_ask ask = { tokens / 2, tokens - tokens / 2,
		&prices };

	return limit_reserve(x->state, &x->calls[i], &ask);
}

/* The call has consumed TOKENS, which cost a billionth each. */
static void
settle_call(struct fixture *x, int i, uint64_t tokens)
{
	struct call *c = &x->calls[i];

	x->attempts[i] = (struct call_attempt){ .target = &x->target };
	if (tokens > 0) {
		c->usage = (struct usage){ USAGE_REPORTED, tokens, 0, 0, 0, 0 };
		c->main = c->attempts[0] = &x->attempts[i];
		c->attempt_count = 1;
	}
	state_begin(x->state);
	limit_spend(x->state, c);
	state_commit(x->state, NULL, clock_wall_us(), "req_a", "}\n", 2, "}\n",
	    2);
	limit_end(x->state, c);
}

static struct limits_spent
read_spent(struct fixture *x)
{
	struct limits_spent spent;

	limits_read(x->state, limits_find(x->state, x->key.id),
	    (int64_t)(clock_wall_us() / 1000000), &spent);
	return spent;
}

static void
a_key_without_limits_has_no_account(void **state)
{
	struct fixture *x = *state;
	struct limits_left left;
	uint64_t limit;

	x->key.is_limited = false;
	x->calls[1].key = NULL;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(admit(x, i), ERR_NONE);
		assert_int_equal(reserve(x, i, 1000000), ERR_NONE);
		assert_int_equal(x->calls[i].limit.account, 0);
		assert_false(limit_is_told(&x->calls[i]));
		assert_false(limit_find_left(x->state, &x->calls[i],
		    LIMITS_TOKENS, &limit, &left));
		settle_call(x, i, 1000);
	}
	assert_int_equal(read_spent(x).periods[LIMITS_DAY].tokens, 0);
}

static void
a_place_is_given_back_however_it_ends(void **state)
{
	struct fixture *x = *state;

	x->key.limits.concurrency = 2;
	assert_int_equal(admit(x, 0), ERR_NONE);
	assert_int_equal(admit(x, 1), ERR_NONE);
	assert_int_equal(admit(x, 2), ERR_RATE_LIMIT);
	assert_string_equal(x->calls[2].limit.text, "This API key's limit of "
	    "2 requests at the same time is reached. Try again in 1 s.");
	assert_int_equal(x->calls[2].limit.retry_after_s, 1);
	settle_call(x, 2, 0);			/* it had none */
	assert_int_equal(read_spent(x).in_flight, 2);
	settle_call(x, 0, 0);
	assert_int_equal(admit(x, 3), ERR_NONE);
	settle_call(x, 1, 10);
	settle_call(x, 3, 0);
	assert_int_equal(read_spent(x).in_flight, 0);
}

static void
requests_of_a_minute_are_counted(void **state)
{
	struct fixture *x = *state;
	struct limits_left left;
	uint64_t limit;

	x->key.limits.rpm = 2;
	x->key.limits.concurrency = 9;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(admit(x, i), ERR_NONE);
		settle_call(x, i, 0);
	}
	assert_int_equal(admit(x, 2), ERR_RATE_LIMIT);
	assert_non_null(strstr(x->calls[2].limit.text,
	    "2 requests a minute"));
	assert_in_range(x->calls[2].limit.retry_after_s, 1, 30);
	assert_int_equal(read_spent(x).in_flight, 0);
	assert_true(limit_is_told(&x->calls[2]));
	assert_true(limit_find_left(x->state, &x->calls[2], LIMITS_REQUESTS,
	    &limit, &left));
	assert_int_equal(limit, 2);
	assert_int_equal(left.remaining, 0);
	assert_false(limit_find_left(x->state, &x->calls[2], LIMITS_TOKENS,
	    &limit, &left));
}

static uint64_t
tokens_left(struct fixture *x)
{
	struct limits_left left;
	uint64_t limit;

	assert_true(limit_find_left(x->state, &x->calls[0], LIMITS_TOKENS,
	    &limit, &left));
	return left.remaining;
}

/* They flow in while the test runs: within 10 s no more than 17000. */
static void
tokens_of_a_minute_become_those_that_were_used(void **state)
{
	struct fixture *x = *state;

	x->key.limits.tpm = 100000;
	for (int i = 0; i < 4; i++)
		assert_int_equal(admit(x, i), ERR_NONE);
	assert_int_equal(reserve(x, 0, 60000), ERR_NONE);
	assert_in_range(tokens_left(x), 40000, 59000);
	assert_int_equal(reserve(x, 1, 60000), ERR_RATE_LIMIT);
	assert_non_null(strstr(x->calls[1].limit.text,
	    "100000 tokens a minute"));
	assert_in_range(x->calls[1].limit.retry_after_s, 1, 12);
	settle_call(x, 1, 0);
	assert_in_range(tokens_left(x), 40000, 59000);
	settle_call(x, 0, 10000);
	assert_in_range(tokens_left(x), 90000, 100000);
	settle_call(x, 2, 50000);		/* had reserved nothing */
	assert_in_range(tokens_left(x), 40000, 69000);
	settle_call(x, 3, 0);
	assert_in_range(tokens_left(x), 40000, 69000);
}

static void
who_is_in_debt_waits_even_for_nothing(void **state)
{
	struct fixture *x = *state;

	x->key.limits.tpm = 1000;
	assert_int_equal(admit(x, 0), ERR_NONE);
	assert_int_equal(reserve(x, 0, 5000), ERR_NONE);	/* a full bucket */
	settle_call(x, 0, 3000);
	assert_int_equal(admit(x, 1), ERR_NONE);
	assert_int_equal(reserve(x, 1, 0), ERR_RATE_LIMIT);
	assert_in_range(x->calls[1].limit.retry_after_s, 60, 120);
}

static void
a_budget_is_spent_once(void **state)
{
	struct fixture *x = *state;

	x->key.limits.tokens[LIMITS_WEEK] = 100;
	assert_int_equal(admit(x, 0), ERR_NONE);
	assert_int_equal(reserve(x, 0, 500), ERR_NONE);	/* nothing is spent */
	assert_int_equal(read_spent(x).reserved.tokens, 500);
	assert_int_equal(admit(x, 1), ERR_NONE);
	assert_int_equal(reserve(x, 1, 50), ERR_QUOTA);	/* but reserved */
	assert_string_equal(x->calls[1].limit.text, "This API key's budget of "
	    "100 tokens for this week is reserved by requests that are under "
	    "way. This request is estimated at 50 tokens (25 of input, 25 of "
	    "output).");
	assert_int_equal(x->calls[1].limit.retry_after_s, 1);
	settle_call(x, 1, 0);
	assert_int_equal(read_spent(x).reserved.tokens, 500);
	assert_int_equal(admit(x, 5), ERR_NONE);
	assert_int_equal(reserve(x, 5, 0), ERR_NONE);
	settle_call(x, 5, 0);
	settle_call(x, 0, 60);
	assert_int_equal(read_spent(x).reserved.tokens, 0);
	assert_int_equal(read_spent(x).periods[LIMITS_WEEK].tokens, 60);
	assert_int_equal(admit(x, 2), ERR_NONE);
	assert_int_equal(reserve(x, 2, 41), ERR_QUOTA);
	assert_non_null(strstr(x->calls[2].limit.text, "too far spent"));
	assert_int_equal(admit(x, 3), ERR_NONE);
	assert_int_equal(reserve(x, 3, 40), ERR_NONE);
	settle_call(x, 3, 45);
	assert_int_equal(admit(x, 4), ERR_QUOTA);
	assert_non_null(strstr(x->calls[4].limit.text, "this week is spent"));
	settle_call(x, 2, 0);
	assert_int_equal(read_spent(x).in_flight, 0);
}

/* Else it would be refused until the period is over, however little it uses. */
static void
an_estimate_above_a_budget_passes_while_half_is_left(void **state)
{
	static const struct { uint64_t spent, asked; enum err err; } cases[] = {
		{ 0, 100, ERR_NONE }, { 0, 101, ERR_NONE },
		{ 0, 1000000000, ERR_NONE },
		{ 1, 100, ERR_NONE }, { 1, 1000000000, ERR_NONE },
		{ 50, 50, ERR_NONE }, { 50, 51, ERR_NONE },
		{ 50, 1000000000, ERR_NONE },
		{ 51, 49, ERR_NONE }, { 51, 50, ERR_QUOTA },
		{ 51, 1000000000, ERR_QUOTA },
		{ 99, 1, ERR_NONE }, { 99, 2, ERR_QUOTA },
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		x->key.limits = (struct keys_limits){ .rpm = 1000000 };
		snprintf(x->key.id, sizeof x->key.id,
		    "00112233445566778899aabbccdd%04zx", i);
		assert_int_equal(admit(x, 0), ERR_NONE);
		settle_call(x, 0, cases[i].spent);
		x->key.limits.tokens[LIMITS_DAY] = 100;
		x->key.limits.cost_nano[LIMITS_DAY] = 100;
		assert_int_equal(admit(x, 1), ERR_NONE);
		assert_int_equal(reserve(x, 1, cases[i].asked), cases[i].err);
		assert_int_equal(read_spent(x).reserved.tokens,
		    cases[i].err == ERR_NONE ? cases[i].asked : 0);
		settle_call(x, 1, 0);
	}
}

static void
who_did_not_wait_is_charged_what_was_asked_for(void **state)
{
	static const struct { enum usage_source source; uint64_t input, output;
	    uint64_t charged; } cases[] = {
		{ USAGE_ESTIMATED, 1, 2, 100 },
		{ USAGE_ESTIMATED, 51, 2, 101 },
		{ USAGE_ESTIMATED, 60, 70, 130 },
		{ USAGE_PARTIAL, 1, 2, 3 },
		{ USAGE_REPORTED, 1, 2, 3 },
		{ USAGE_NONE, 0, 0, 0 },
	};
	struct fixture *x = *state;
	struct call *c = &x->calls[0];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		x->key.limits.tpm = 1000000;
		assert_int_equal(admit(x, 0), ERR_NONE);
		assert_int_equal(reserve(x, 0, 100), ERR_NONE);
		c->usage = (struct usage){ .source = cases[i].source,
			.input_tokens = cases[i].input,
			.output_tokens = cases[i].output };
		limit_charge_estimate(c);
		assert_int_equal(c->usage.input_tokens +
		    c->usage.output_tokens, cases[i].charged);
		settle_call(x, 0, 0);
	}
	c->limit.account = 0;
	c->usage = (struct usage){ .source = USAGE_ESTIMATED };
	limit_charge_estimate(c);
	assert_int_equal(c->usage.input_tokens, 0);
}

static void
a_budget_of_money_is_one_too(void **state)
{
	struct fixture *x = *state;

	x->key.limits.cost_nano[LIMITS_MONTH] = 1500000000;
	assert_int_equal(admit(x, 0), ERR_NONE);
	assert_int_equal(reserve(x, 0, 100), ERR_NONE);
	assert_int_equal(read_spent(x).reserved.cost_nano, 100);
	settle_call(x, 0, 2000000000);
	assert_int_equal(admit(x, 1), ERR_QUOTA);
	assert_non_null(strstr(x->calls[1].limit.text,
	    "budget of 1.5 for this month is spent"));
}

/* What is held of a file is not let go in another, and what is spent follows. */
static void
another_state_file_is_another_account(void **state)
{
	struct fixture *x = *state;
	char	 path[80];

	x->key.limits.concurrency = 3;
	x->key.limits.tpm = 1000;
	x->key.limits.tokens[LIMITS_DAY] = 100000;
	assert_int_equal(admit(x, 0), ERR_NONE);
	assert_int_equal(reserve(x, 0, 600), ERR_NONE);
	snprintf(path, sizeof path, "%s/state", x->dir);
	assert_int_equal(unlink(path), 0);
	state_refresh(x->state);
	assert_int_equal(admit(x, 1), ERR_NONE);
	assert_int_equal(read_spent(x).in_flight, 1);
	settle_call(x, 0, 70);
	assert_int_equal(read_spent(x).in_flight, 1);
	assert_int_equal(read_spent(x).periods[LIMITS_DAY].tokens, 70);
	settle_call(x, 1, 0);
	assert_int_equal(read_spent(x).in_flight, 0);
}

static void
durations_are_written_as_openai_does(void **state)
{
	static const struct { uint64_t us; const char *text; } cases[] = {
		{ 0, "0s" }, { 1, "1ms" }, { 119001, "120ms" },
		{ 999000, "999ms" }, { 999001, "1s" }, { 1000001, "2s" },
		{ 59000000, "59s" }, { 59000001, "1m0s" },
		{ 360000000, "6m0s" }, { 3661000000, "61m1s" },
	};
	char	 text[LIMIT_DURATION_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		limit_format_duration(cases[i].us, text);
		assert_string_equal(text, cases[i].text);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_key_without_limits_has_no_account),
		TEST(a_place_is_given_back_however_it_ends),
		TEST(requests_of_a_minute_are_counted),
		TEST(tokens_of_a_minute_become_those_that_were_used),
		TEST(who_is_in_debt_waits_even_for_nothing),
		TEST(a_budget_is_spent_once),
		TEST(an_estimate_above_a_budget_passes_while_half_is_left),
		TEST(who_did_not_wait_is_charged_what_was_asked_for),
		TEST(a_budget_of_money_is_one_too),
		TEST(another_state_file_is_another_account),
		cmocka_unit_test(durations_are_written_as_openai_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
