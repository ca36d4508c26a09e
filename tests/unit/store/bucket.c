/* What a bucket gives, exactly, at times of our choosing. */
#include "config.h"

#include "store/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW 1777896000000000ull
#define SECOND 1000000ull
#define MINUTE (60 * SECOND)

static bool
take(uint64_t *b, uint64_t amount, uint64_t per_minute, uint64_t now_us)
{
	struct limits_left left;

	return bucket_take(b, amount, per_minute, now_us, &left);
}

static uint64_t
remaining(uint64_t b, uint64_t per_minute, uint64_t now_us)
{
	struct limits_left left;

	bucket_look(b, per_minute, now_us, &left);
	assert_int_equal(left.wait_us, 0);
	return left.remaining;
}

static void
a_full_bucket_gives_a_minutes_worth(void **state)
{
	static const uint64_t rates[] = { 1, 2, 3, 7, 60, 61, 1000, 9973,
		100000, 400000 };

	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		uint64_t b = 0;

		for (uint64_t n = 0; n < rates[i]; n++) {
			assert_int_equal(remaining(b, rates[i], NOW),
			    rates[i] - n);
			assert_true(take(&b, 1, rates[i], NOW));
		}
		assert_int_equal(remaining(b, rates[i], NOW), 0);
		assert_false(take(&b, 1, rates[i], NOW));
	}
}

static void
it_fills_up_evenly(void **state)
{
	uint64_t b = 0;

	(void)state;
	assert_true(take(&b, 60, 60, NOW));
	assert_false(take(&b, 1, 60, NOW + SECOND - 1));
	assert_true(take(&b, 1, 60, NOW + SECOND));
	assert_false(take(&b, 1, 60, NOW + SECOND));
	assert_int_equal(remaining(b, 60, NOW + 31 * SECOND), 30);
	assert_int_equal(remaining(b, 60, NOW + 31 * SECOND - 1), 29);
	assert_int_equal(remaining(b, 60, NOW + 2 * MINUTE), 60);
	assert_true(take(&b, 60, 60, NOW + 2 * MINUTE));
	assert_false(take(&b, 1, 60, NOW + 2 * MINUTE));
}

static void
what_is_left_is_told(void **state)
{
	struct limits_left left;
	uint64_t b = 0;

	(void)state;
	assert_true(bucket_take(&b, 40, 60, NOW, &left));
	assert_int_equal(left.remaining, 20);
	assert_int_equal(left.reset_us, 40 * SECOND);
	assert_int_equal(left.wait_us, 0);
	assert_false(bucket_take(&b, 25, 60, NOW + SECOND / 2, &left));
	assert_int_equal(left.remaining, 20);
	assert_int_equal(left.reset_us, 39 * SECOND + SECOND / 2);
	assert_int_equal(left.wait_us, 4 * SECOND + SECOND / 2);
	bucket_look(b, 60, NOW + SECOND, &left);
	assert_int_equal(left.remaining, 21);
	assert_int_equal(left.reset_us, 39 * SECOND);
	bucket_look(0, 60, NOW, &left);
	assert_int_equal(left.remaining, 60);
	assert_int_equal(left.reset_us, 0);
}

/* Who waits as long as told gets it, and not a microsecond before. */
static void
the_wait_is_exact(void **state)
{
	struct limits_left left;

	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		uint64_t rate = 1 + (uint64_t)rand() % (i % 2 ? 100 : 3000000),
			 b = 0, amount = 1 + (uint64_t)rand() % rate, copy;

		take(&b, 1 + (uint64_t)rand() % rate, rate,
		    NOW - (uint64_t)rand() % MINUTE);
		copy = b;
		if (bucket_take(&copy, amount, rate, NOW, &left))
			continue;
		copy = b;
		assert_false(take(&copy, amount, rate, NOW + left.wait_us - 1));
		assert_true(take(&copy, amount, rate, NOW + left.wait_us));
		assert_int_equal(remaining(b, rate, NOW + left.reset_us), rate);
	}
}

static void
more_than_there_can_be_is_a_bucketful(void **state)
{
	struct limits_left left;
	uint64_t b = 0;

	(void)state;
	assert_true(take(&b, 1000, 60, NOW));
	assert_int_equal(remaining(b, 60, NOW), 0);
	assert_false(bucket_take(&b, UINT64_MAX, 60, NOW, &left));
	assert_int_equal(left.wait_us, MINUTE);
	assert_true(take(&b, UINT64_MAX, 60, NOW + MINUTE));
}

static void
an_estimate_takes_what_is_there(void **state)
{
	static const struct { uint64_t rate, level, amount;
	    bool passes; uint64_t taken; } cases[] = {
		{ 60, 60, 0, true, 0 },
		{ 60, 0, 0, true, 0 },
		{ 60, 60, 1, true, 1 },
		{ 60, 60, 60, true, 60 },
		{ 60, 60, 61, true, 60 },
		{ 60, 60, UINT64_MAX, true, 60 },
		{ 60, 59, 1000, true, 59 },
		{ 60, 30, 1000, true, 30 },
		{ 60, 30, 31, true, 30 },
		{ 60, 30, 30, true, 30 },
		{ 60, 29, 30, false, 0 },
		{ 60, 29, 1000, false, 0 },
		{ 60, 29, 29, true, 29 },
		{ 60, 5, 6, false, 0 },
		{ 60, 0, 1, false, 0 },
		{ 1, 1, 9, true, 1 },
		{ 1, 0, 9, false, 0 },
		{ 3, 2, 9, true, 2 },
		{ 3, 1, 9, false, 0 },
	};
	struct limits_left left;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t rate = cases[i].rate, b = 0, taken = 77;

		take(&b, rate - cases[i].level, rate, NOW);
		assert_int_equal(bucket_reserve(&b, cases[i].amount, rate,
		    NOW, &left, &taken), cases[i].passes);
		assert_int_equal(taken, cases[i].taken);
		assert_int_equal(remaining(b, rate, NOW),
		    cases[i].level - cases[i].taken);
		assert_int_equal(left.wait_us != 0, !cases[i].passes);
	}
}

/* Who waits as long as told gets it, and not a microsecond before. */
static void
the_wait_of_an_estimate_is_exact(void **state)
{
	struct limits_left left;
	uint64_t taken;

	(void)state;
	srand(2);
	for (int i = 0; i < 200000; i++) {
		uint64_t rate = 1 + (uint64_t)rand() % (i % 2 ? 100 : 3000000),
			 b = 0, amount = (uint64_t)rand() % (3 * rate), copy;

		bucket_correct(&b, -(int64_t)((uint64_t)rand() % (3 * rate)),
		    rate, NOW - (uint64_t)rand() % MINUTE);
		copy = b;
		if (bucket_reserve(&copy, amount, rate, NOW, &left, &taken))
			continue;
		assert_int_equal(copy, b);
		assert_false(bucket_reserve(&copy, amount, rate,
		    NOW + left.wait_us - 1, &left, &taken));
		assert_false(left.wait_us == 0);
		bucket_reserve(&b, amount, rate, NOW, &left, &taken);
		assert_true(bucket_reserve(&copy, amount, rate,
		    NOW + left.wait_us, &left, &taken));
		assert_true(taken <= rate);
	}
}

/*
 * One key's requests, in seconds: small ones all the time, whose tokens come
 * to SHARE hundredths of the limit, and one after the other a large one that
 * asks for AMOUNT hundredths and uses USED.
 */
struct traffic {
	uint64_t amount, used, share;
	uint64_t late_s;		/* how long a request takes */
};

enum { RATE = 60000, HOUR_S = 3600 };

struct request {
	uint64_t end_s, taken, used;
	bool	 is_open;
};

static bool
begin(struct request *r, uint64_t *b, uint64_t amount, uint64_t used,
    uint64_t at_s, uint64_t late_s, uint64_t *wait_s)
{
	struct limits_left left;

	r->is_open = bucket_reserve(b, amount, RATE, NOW + at_s * SECOND,
	    &left, &r->taken);
	r->end_s = at_s + late_s;
	r->used = used;
	*wait_s = (left.wait_us + SECOND - 1) / SECOND;
	return r->is_open;
}

/* Returns what it used, if it ends at AT_S. */
static uint64_t
finish(struct request *r, uint64_t *b, uint64_t at_s)
{
	if (!r->is_open || r->end_s > at_s)
		return 0;
	r->is_open = false;
	bucket_correct(b, (int64_t)r->taken - (int64_t)r->used, RATE,
	    NOW + at_s * SECOND);
	return r->used;
}

/* An hour: nobody starves, and no more is used than the limit and one debt. */
static void
follow(const struct traffic *t)
{
	struct request small[16] = { 0 }, large = { 0 };
	uint64_t b = 0, used = 0, wait_s, retry_s = 0, since_s = 0, larges = 0;

	for (uint64_t s = 0; s < HOUR_S; s++) {
		used += finish(&large, &b, s);
		for (int i = 0; i < 16; i++)
			used += finish(&small[i], &b, s);
		if (begin(&small[s % 16], &b, 1100, RATE / 100 * t->share / 60,
		    s, t->late_s, &wait_s))
			assert_true(small[s % 16].taken <= 1100);
		if (large.is_open || s < retry_s)
			continue;
		if (begin(&large, &b, RATE / 100 * t->amount,
		    RATE / 100 * t->used, s, t->late_s, &wait_s)) {
			larges++;
			since_s = s;
		} else
			retry_s = s + wait_s;
		assert_true(s - since_s <= 300);
	}
	assert_true(larges >= 12);
	assert_true(used <= RATE * 61 + 2 * RATE / 100 * t->used + 16 * 1100);
}

static void
nobody_starves_beside_others(void **state)
{
	static const uint64_t amounts[] = { 10, 49, 50, 51, 75, 90, 99, 100,
		101, 110, 500, 100000 };
	static const uint64_t used[] = { 1, 4, 50, 100, 150 };
	static const uint64_t shares[] = { 0, 2, 10, 30, 40 };
	static const uint64_t late[] = { 1, 3, 10 };

	(void)state;
	for (size_t a = 0; a < sizeof amounts / sizeof *amounts; a++)
		for (size_t u = 0; u < sizeof used / sizeof *used; u++)
			for (size_t i = 0; i < sizeof shares / sizeof *shares;
			    i++)
				for (size_t l = 0; l < 3; l++)
					follow(&(struct traffic){ amounts[a],
					    used[u], shares[i], late[l] });
}

static void
corrections_give_back_and_take_more(void **state)
{
	uint64_t b = 0;

	(void)state;
	assert_true(take(&b, 50, 60, NOW));
	bucket_correct(&b, 20, 60, NOW);
	assert_int_equal(remaining(b, 60, NOW), 30);
	bucket_correct(&b, 100, 60, NOW);
	assert_int_equal(remaining(b, 60, NOW), 60);
	bucket_correct(&b, -10, 60, NOW);
	assert_int_equal(remaining(b, 60, NOW), 50);
	bucket_correct(&b, -110, 60, NOW);
	assert_int_equal(remaining(b, 60, NOW), 0);
	assert_false(take(&b, 0, 60, NOW));
	assert_int_equal(remaining(b, 60, NOW + MINUTE), 0);
	assert_false(take(&b, 1, 60, NOW + MINUTE));
	assert_true(take(&b, 1, 60, NOW + MINUTE + SECOND));
}

static void
debt_has_an_end(void **state)
{
	struct limits_left left;
	uint64_t b = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		bucket_correct(&b, i % 2 ? -1000000 : INT64_MIN, 60, NOW);
	bucket_look(b, 60, NOW, &left);
	assert_int_equal(left.reset_us, 5 * MINUTE);
	assert_false(bucket_take(&b, 1, 60, NOW - SECOND, &left));
	assert_int_equal(left.wait_us, 4 * MINUTE + 2 * SECOND);
	bucket_correct(&b, INT64_MAX, 60, NOW);
	assert_int_equal(remaining(b, 60, NOW), 60);
}

static void
a_clock_that_was_set_back_locks_nobody_out(void **state)
{
	uint64_t b = 0;

	(void)state;
	assert_true(take(&b, 60, 60, NOW));
	assert_true(take(&b, 60, 60, NOW - 3600 * SECOND));
	assert_false(take(&b, 1, 60, NOW - 3600 * SECOND));
	b = UINT64_MAX;
	assert_int_equal(remaining(b, 60, NOW), 60);
	assert_true(take(&b, 1, 60, NOW));
	assert_int_equal(remaining(b, 60, NOW), 59);
	b = UINT64_MAX;
	bucket_correct(&b, -1, 60, NOW);
	assert_int_equal(remaining(b, 60, NOW), 59);
}

static void
another_limit_finds_the_same_part_taken(void **state)
{
	uint64_t b = 0;

	(void)state;
	assert_true(take(&b, 30, 60, NOW));
	assert_int_equal(remaining(b, 1000, NOW), 500);
	assert_int_equal(remaining(b, 2, NOW), 1);
	assert_int_equal(remaining(b, 1, NOW), 0);
	assert_true(take(&b, 500, 1000, NOW));
	assert_false(take(&b, 1, 60, NOW));
}

static void
any_numbers_do_no_harm(void **state)
{
	static const uint64_t values[] = { 0, 1, 2, 59999999, 60000000,
		99999999999, 100000000000, 100000000001, 1000000000000,
		NOW, 1ull << 51, 1ull << 52, 1ull << 63, UINT64_MAX - 1,
		UINT64_MAX };
	const size_t n = sizeof values / sizeof values[0];
	struct limits_left left;
	uint64_t taken;

	(void)state;
	for (size_t i = 0; i < n * n * n * n; i++) {
		uint64_t b = values[i % n], amount = values[i / n % n],
			 rate = values[i / n / n % n],
			 now = values[i / n / n / n];

		rate += rate == 0;
		bucket_take(&b, amount, rate, now, &left);
		assert_true(left.remaining <= rate);
		b = values[i % n];
		if (!bucket_reserve(&b, amount, rate, now, &left, &taken))
			assert_int_equal(b, values[i % n]);
		assert_true(taken <= rate && taken <= amount);
		b = values[i % n];
		bucket_take(&b, amount, rate, now, &left);
		assert_true(left.wait_us <= 11 * MINUTE);
		assert_true(left.reset_us <= 10 * MINUTE);
		b = values[i % n];
		bucket_correct(&b, (int64_t)amount, rate, now);
		bucket_look(b, rate, now, &left);
		assert_true(left.remaining <= rate);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_bucket_gives_a_minutes_worth),
		cmocka_unit_test(it_fills_up_evenly),
		cmocka_unit_test(what_is_left_is_told),
		cmocka_unit_test(the_wait_is_exact),
		cmocka_unit_test(more_than_there_can_be_is_a_bucketful),
		cmocka_unit_test(an_estimate_takes_what_is_there),
		cmocka_unit_test(the_wait_of_an_estimate_is_exact),
		cmocka_unit_test(nobody_starves_beside_others),
		cmocka_unit_test(corrections_give_back_and_take_more),
		cmocka_unit_test(debt_has_an_end),
		cmocka_unit_test(a_clock_that_was_set_back_locks_nobody_out),
		cmocka_unit_test(another_limit_finds_the_same_part_taken),
		cmocka_unit_test(any_numbers_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
