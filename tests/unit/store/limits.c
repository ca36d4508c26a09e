/* What keys have used: the same for all, exact, whoever is killed. */
#include "config.h"

#include "store/limits.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/log.h"
#include "store/layout.h"
#include "tests/unit/store/children.h"

#define KEY "00112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100"
#define NOON_S 1777896000ll		/* Monday 2026-05-04 12:00:00 UTC */
#define NOON_US (NOON_S * 1000000ull)
#define DAY_S 86400ll

static int
set_up(void **state)
{
	log_open(NULL, LOG_LEVEL_ERROR);
	*state = place_make();
	return 0;
}

static int
tear_down(void **state)
{
	place_remove(*state);
	return 0;
}

static struct state *
open_shared(struct place *p)
{
	struct state *s = state_open(p->state_dir);

	if (state_is_private(s))
		abort();
	return s;
}

static uint32_t
find(struct state *s, const char *key)
{
	uint32_t account = limits_find(s, key);

	if (account == 0)
		abort();
	return account;
}

static struct limits_spent
read_at(struct state *s, uint32_t account, int64_t now_s)
{
	struct limits_spent spent;

	limits_read(s, account, now_s, &spent);
	return spent;
}

static void
spend(struct state *s, uint32_t account, int64_t start_s, uint64_t tokens)
{
	struct limits_sum sum = { tokens, tokens * 10 };

	state_begin(s);
	limits_spend(s, account, start_s, &sum);
	state_commit(s, NULL, NOON_US, "req_a", "}\n", 2, "}\n", 2);
}

static void
assert_spent(struct state *s, uint32_t account, int64_t now_s, uint64_t day,
    uint64_t week, uint64_t month)
{
	struct limits_spent spent = read_at(s, account, now_s);

	assert_int_equal(spent.periods[LIMITS_DAY].tokens, day);
	assert_int_equal(spent.periods[LIMITS_WEEK].tokens, week);
	assert_int_equal(spent.periods[LIMITS_MONTH].tokens, month);
	for (int i = 0; i < LIMITS__PERIODS; i++)
		assert_int_equal(spent.periods[i].cost_nano,
		    spent.periods[i].tokens * 10);
}

static void
a_key_has_one_account(void **state)
{
	struct state *s = open_shared(*state), *t = open_shared(*state);
	uint32_t one = limits_find(s, KEY), other = limits_find(t, OTHER);

	assert_int_not_equal(one, 0);
	assert_int_not_equal(other, 0);
	assert_int_not_equal(one, other);
	assert_int_equal(limits_find(t, KEY), one);
	assert_int_equal(limits_find(s, OTHER), other);
	state_close(t);
	state_close(s);
}

static void
another_kind_of_id_has_none(void **state)
{
	static const char *const ids[] = { "", "0", KEY "0", KEY KEY,
		"00112233445566778899aabbccddeef",
		"g0112233445566778899aabbccddeeff",
		"0011223344556677 899aabbccddeeff" };
	struct state *s = open_shared(*state);
	struct limits_left left;

	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
		assert_int_equal(limits_find(s, ids[i]), 0);
	assert_true(limits_enter(s, 0, 1));
	assert_true(limits_enter(s, 0, 1));
	limits_leave(s, 0);
	assert_true(limits_take(s, 0, LIMITS_TOKENS, 5, 1, NOON_US, &left));
	assert_true(limits_take(s, 0, LIMITS_TOKENS, 5, 1, NOON_US, NULL));
	limits_correct(s, 0, LIMITS_TOKENS, -5, 1, NOON_US);
	limits_reserve(s, 0, &(struct limits_sum){ 1, 1 });
	limits_release(s, 0, &(struct limits_sum){ 1, 1 });
	spend(s, 0, NOON_S, 5);
	assert_spent(s, 0, NOON_S, 0, 0, 0);
	state_close(s);
}

static void
concurrency_has_its_limit(void **state)
{
	struct state *s = open_shared(*state), *t = open_shared(*state);
	uint32_t a = find(s, KEY);

	assert_true(limits_enter(s, a, 3));
	assert_true(limits_enter(t, a, 3));
	assert_true(limits_enter(s, a, 3));
	assert_false(limits_enter(s, a, 3));
	assert_false(limits_enter(t, a, 3));
	assert_true(limits_enter(t, a, 0));
	assert_int_equal(read_at(s, a, NOON_S).in_flight, 4);
	limits_leave(s, a);
	assert_false(limits_enter(t, a, 3));
	limits_leave(t, a);
	assert_true(limits_enter(t, a, 3));
	assert_true(limits_enter(t, find(t, OTHER), 1));
	state_close(t);
	assert_int_equal(read_at(s, a, NOON_S).in_flight, 1);
	limits_leave(s, a);
	limits_leave(s, a);
	assert_int_equal(read_at(s, a, NOON_S).in_flight, 0);
	state_close(s);
}

static void
reservations_are_seen_by_all_and_released(void **state)
{
	struct state *s = open_shared(*state), *t = open_shared(*state);
	uint32_t a = find(s, KEY);
	struct limits_spent spent;

	limits_reserve(s, a, &(struct limits_sum){ 100, 7 });
	limits_reserve(t, a, &(struct limits_sum){ 10, 0 });
	spent = read_at(t, a, NOON_S);
	assert_int_equal(spent.reserved.tokens, 110);
	assert_int_equal(spent.reserved.cost_nano, 7);
	limits_release(s, a, &(struct limits_sum){ 100, 7 });
	limits_release(s, a, &(struct limits_sum){ 100, 7 });
	spent = read_at(t, a, NOON_S);
	assert_int_equal(spent.reserved.tokens, 10);
	assert_int_equal(spent.reserved.cost_nano, 0);
	state_close(t);
	assert_int_equal(read_at(s, a, NOON_S).reserved.tokens, 0);
	state_close(s);
}

static void
sums_are_those_of_the_calendar(void **state)
{
	struct state *s = open_shared(*state), *t = open_shared(*state);
	uint32_t a = find(s, KEY);

	spend(s, a, NOON_S - 4 * DAY_S, 1);	/* Thursday, 30 April */
	spend(s, a, NOON_S - 3 * DAY_S, 10);	/* 1 May */
	spend(t, a, NOON_S - DAY_S, 100);	/* Sunday */
	assert_spent(s, a, NOON_S - DAY_S, 100, 111, 110);
	assert_spent(s, a, NOON_S, 0, 0, 110);
	spend(s, a, NOON_S, 1000);
	assert_spent(t, a, NOON_S, 1000, 1000, 1110);
	spend(t, a, NOON_S, 10000);
	spend(t, a, NOON_S, 10000);
	assert_spent(t, a, NOON_S, 21000, 21000, 21110);
	assert_spent(t, a, NOON_S + DAY_S, 0, 21000, 21110);
	assert_spent(t, a, NOON_S + 28 * DAY_S, 0, 0, 0);
	state_close(t);
	state_close(s);
	s = open_shared(*state);
	assert_spent(s, find(s, KEY), NOON_S, 21000, 21000, 21110);
	state_close(s);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_key_has_one_account),
		TEST(another_kind_of_id_has_none),
		TEST(concurrency_has_its_limit),
		TEST(reservations_are_seen_by_all_and_released),
		TEST(sums_are_those_of_the_calendar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
