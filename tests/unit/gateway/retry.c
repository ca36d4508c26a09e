/* What follows a try, as a table: every kind, every limit. */
#include "config.h"

#include "gateway/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* After one failed try of a channel with two retries; others are left or not. */
static struct retry_state
after(enum retry_kind kind, bool others_left)
{
	return (struct retry_state){
		.kind = kind, .retry_after_ms = -1, .tries = 1,
		.same_tries = 1, .retries = 2, .others_left = others_left,
		.budget_ms = 900000,
	};
}

static void
expect(const struct retry_state *s, enum retry_action action, unsigned wait_ms)
{
	unsigned wait = 12345;

	assert_int_equal(retry_decide(s, 0.5, &wait), action);
	assert_int_equal(wait, wait_ms);
}

static void
each_kind_has_its_rule(void **state)
{
	static const struct {
		enum retry_kind kind;
		enum retry_action others, alone;
		unsigned wait_ms;
	} rules[] = {
		{ RETRY_FINAL, RETRY_STOP, RETRY_STOP, 0 },
		{ RETRY_RATE, RETRY_SAME, RETRY_SAME, 500 },
		{ RETRY_SERVER, RETRY_SAME, RETRY_SAME, 500 },
		{ RETRY_CONNECT, RETRY_NEXT, RETRY_STOP, 0 },
		{ RETRY_SILENT, RETRY_NEXT, RETRY_STOP, 0 },
		{ RETRY_KEY, RETRY_NEXT, RETRY_STOP, 0 },
		{ RETRY_MODEL, RETRY_NEXT, RETRY_STOP, 0 },
		{ RETRY_CONTEXT, RETRY_NEXT, RETRY_STOP, 0 },
	};
	struct retry_state s;

	(void)state;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		s = after(rules[i].kind, true);
		expect(&s, rules[i].others, rules[i].wait_ms);
		s = after(rules[i].kind, false);
		expect(&s, rules[i].alone, rules[i].wait_ms);
	}
}

static void
other_channels_are_tried_after_one_more(void **state)
{
	struct retry_state s = after(RETRY_SERVER, true);

	(void)state;
	for (s.retries = 0; s.retries <= 10; s.retries++) {
		s.same_tries = 1;
		expect(&s, s.retries == 0 ? RETRY_NEXT : RETRY_SAME,
		    s.retries == 0 ? 0 : 500);
		s.same_tries = 2;
		expect(&s, RETRY_NEXT, 0);
	}
}

static void
the_last_channel_has_all_its_retries(void **state)
{
	struct retry_state s = after(RETRY_RATE, false);

	(void)state;
	for (s.retries = 0; s.retries <= 10; s.retries++)
		for (s.same_tries = 1; s.same_tries <= 11; s.same_tries++)
			expect(&s, s.same_tries <= s.retries ? RETRY_SAME :
			    RETRY_STOP, s.same_tries <= s.retries ? 500 : 0);
}

static void
six_tries_are_all(void **state)
{
	struct retry_state s;

	(void)state;
	for (enum retry_kind kind = RETRY_FINAL; kind <= RETRY_CONTEXT;
	    kind++)
		for (int others = 0; others < 2; others++) {
			s = after(kind, others);
			s.tries = RETRY_TRIES_MAX;
			expect(&s, RETRY_STOP, 0);
		}
	s = after(RETRY_SILENT, true);
	s.tries = RETRY_TRIES_MAX - 1;
	expect(&s, RETRY_NEXT, 0);
}

static void
nothing_follows_when_time_is_up(void **state)
{
	struct retry_state s;

	(void)state;
	for (enum retry_kind kind = RETRY_FINAL; kind <= RETRY_CONTEXT;
	    kind++) {
		s = after(kind, true);
		s.budget_ms = 0;
		expect(&s, RETRY_STOP, 0);
	}
}

/* Waiting past the deadline would be waiting for nothing. */
static void
a_wait_fits_the_budget(void **state)
{
	struct retry_state s = after(RETRY_SERVER, true);

	(void)state;
	s.budget_ms = 500;
	expect(&s, RETRY_NEXT, 0);
	s.budget_ms = 501;
	expect(&s, RETRY_SAME, 500);
	s.others_left = false;
	s.budget_ms = 500;
	expect(&s, RETRY_STOP, 0);
}

static void
retry_after_is_honoured_up_to_a_bound(void **state)
{
	static const struct {
		int64_t asked_ms;
		enum retry_action others, alone;
	} cases[] = {
		{ 0, RETRY_SAME, RETRY_SAME },
		{ 1, RETRY_SAME, RETRY_SAME },
		{ 2000, RETRY_SAME, RETRY_SAME },
		{ 2001, RETRY_NEXT, RETRY_SAME },
		{ 5000, RETRY_NEXT, RETRY_SAME },
		{ 5001, RETRY_NEXT, RETRY_STOP },
		{ INT64_MAX, RETRY_NEXT, RETRY_STOP },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int kind = RETRY_RATE; kind <= RETRY_SERVER; kind++) {
			struct retry_state s = after(kind, true);

			s.waits = 3;	/* what the provider asks counts */
			s.retry_after_ms = cases[i].asked_ms;
			expect(&s, cases[i].others, cases[i].others ==
			    RETRY_SAME ? (unsigned)cases[i].asked_ms : 0);
			s.others_left = false;
			expect(&s, cases[i].alone, cases[i].alone ==
			    RETRY_SAME ? (unsigned)cases[i].asked_ms : 0);
		}
}

static void
waits_double_up_to_a_bound(void **state)
{
	static const unsigned waits[] = { 500, 1000, 2000, 4000, 5000, 5000 };
	struct retry_state s = after(RETRY_SERVER, false);
	unsigned low, high;

	(void)state;
	for (s.waits = 0; s.waits < 6; s.waits++) {
		expect(&s, RETRY_SAME, waits[s.waits]);
		assert_int_equal(retry_decide(&s, 0, &low), RETRY_SAME);
		assert_int_equal(retry_decide(&s, 1, &high), RETRY_SAME);
		assert_in_range(low, waits[s.waits] * 8 / 10 - 1,
		    waits[s.waits] * 8 / 10);
		assert_in_range(high, waits[s.waits] * 12 / 10 - 1,
		    waits[s.waits] * 12 / 10);
	}
	s.waits = 4000000000;
	expect(&s, RETRY_SAME, 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_its_rule),
		cmocka_unit_test(other_channels_are_tried_after_one_more),
		cmocka_unit_test(the_last_channel_has_all_its_retries),
		cmocka_unit_test(six_tries_are_all),
		cmocka_unit_test(nothing_follows_when_time_is_up),
		cmocka_unit_test(a_wait_fits_the_budget),
		cmocka_unit_test(retry_after_is_honoured_up_to_a_bound),
		cmocka_unit_test(waits_double_up_to_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
