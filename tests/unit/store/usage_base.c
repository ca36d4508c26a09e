/* What was spent before an account was made: exactly what had ended by then. */
#include "config.h"

#include "store/usage_base.h"

#include <time.h>

#include "store/limits.h"
#include "tests/unit/store/database.h"

#define KEY "k0112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100"
#define DAY_S INT64_C(86400)
#define LATER UINT64_MAX / 4		/* an import that began after all */

struct fixture {
	struct place	*place;
	struct db	*db;
	struct state	*state;
	uint32_t	 account;
	int64_t		 born_ms, day_s;
};

static void
note_birth(void *arg, uint32_t account, const char *key_id, uint64_t born_ms)
{
	struct fixture *x = arg;

	if (account == x->account)
		assert_string_equal(key_id, KEY);
	x->born_ms = (int64_t)born_ms;
}

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	x->db = database_make(&x->place);
	x->state = state_open(x->place->state_dir);
	x->account = limits_find(x->state, KEY);
	limits_each_new(x->state, note_birth, x);
	x->day_s = x->born_ms / 1000 / DAY_S * DAY_S;
	*state = x;
	return x->account == 0 ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	state_close(x->state);
	database_remove(x->place, x->db);
	free(x);
	return 0;
}

/* TOKENS in five kinds, which cost as much. */
static void
add_row(struct fixture *x, const char *key, int64_t start_ms, int64_t end_ms,
    int tokens)
{
	static int n;
	char	 sql[512];

	snprintf(sql, sizeof sql, "INSERT INTO usage (id, try, time_ms, "
	    "key_id, status, error, stream, input_tokens, cache_read_tokens, "
	    "cache_write_tokens, output_tokens, reasoning_tokens, cost_nano, "
	    "duration_ms, tries) VALUES ('r%d', 0, %lld, '%s', 200, 0, 0, "
	    "%d, 1, 1, 1, 1, %d, %lld, 1)", n++, (long long)start_ms, key,
	    tokens - 4, tokens, (long long)(end_ms - start_ms));
	database_run(x->db, sql);
}

static void
add_day(struct fixture *x, const char *key, int64_t time_s, int tokens)
{
	char	 sql[256];

	snprintf(sql, sizeof sql, "INSERT INTO usage_days VALUES (%lld, '%s', "
	    "'m', 'p', 1, 0, 0, 0, %d, 1, 1, 1, 1, %d)", (long long)time_s,
	    key, tokens - 4, tokens);
	database_run(x->db, sql);
}

static void
assert_spent(struct fixture *x, const uint64_t tokens[LIMITS__PERIODS])
{
	struct limits_spent spent;

	limits_read(x->state, x->account, x->day_s, &spent);
	for (int i = 0; i < LIMITS__PERIODS; i++) {
		assert_int_equal(spent.periods[i].tokens, tokens[i]);
		assert_int_equal(spent.periods[i].cost_nano, tokens[i]);
	}
}

/* All of TODAY, and EARLIER where yesterday is in the same period. */
static void
assert_base(struct fixture *x, uint64_t today, uint64_t earlier)
{
	uint64_t sums[LIMITS__PERIODS];
	int64_t	 from_s, to_s;

	for (int i = 0; i < LIMITS__PERIODS; i++) {
		limits_period_bounds((enum limits_period)i, x->day_s / DAY_S,
		    &from_s, &to_s);
		sums[i] = today + (x->day_s - DAY_S >= from_s ? earlier : 0);
	}
	assert_spent(x, sums);
}

static void
what_had_ended_before_is_spent(void **state)
{
	struct fixture *x = *state;
	int64_t	 day_ms = x->day_s * 1000;

	add_row(x, KEY, day_ms, day_ms, 100);
	add_row(x, KEY, day_ms, x->born_ms - 3, 10);	/* rounded down */
	add_row(x, KEY, day_ms, x->born_ms + 1, 1000);
	add_row(x, KEY, x->born_ms + 5, x->born_ms + 6, 1000);
	add_row(x, OTHER, day_ms, day_ms, 10000);
	add_day(x, KEY, x->day_s, 2110);
	usage_base_set(x->state, x->db, LATER);
	assert_base(x, 100, 0);
}

static void
days_before_are_read_as_a_whole(void **state)
{
	struct fixture *x = *state;
	int64_t	 day_ms = x->day_s * 1000;

	add_day(x, KEY, x->day_s - DAY_S, 50);
	add_day(x, OTHER, x->day_s - DAY_S, 5000);
	add_day(x, KEY, x->day_s - 40 * DAY_S, 7000);
	/* Two of the 50, across midnight: one until the account had begun. */
	add_row(x, KEY, day_ms - 10, day_ms + 1, 6);
	add_row(x, KEY, day_ms - 10, x->born_ms + 10, 5);
	add_row(x, KEY, day_ms, day_ms, 100);
	usage_base_set(x->state, x->db, LATER);
	assert_base(x, 100, 45);
}

static void
it_is_read_once_and_not_too_early(void **state)
{
	struct fixture *x = *state;
	int64_t	 day_ms = x->day_s * 1000;
	uint32_t other;

	usage_base_set(x->state, x->db, LATER);		/* there is no database */
	add_row(x, KEY, day_ms, day_ms, 100);
	usage_base_set(x->state, x->db, (uint64_t)x->born_ms);
	assert_base(x, 0, 0);			/* an import before its birth */
	usage_base_set(x->state, x->db, (uint64_t)x->born_ms + 1);
	assert_base(x, 100, 0);
	add_row(x, KEY, day_ms, day_ms, 100);
	add_row(x, OTHER, day_ms, day_ms, 7);
	other = limits_find(x->state, OTHER);
	usage_base_set(x->state, x->db, LATER);
	assert_base(x, 100, 0);
	x->account = other;
	assert_base(x, 7, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_had_ended_before_is_spent),
		TEST(days_before_are_read_as_a_whole),
		TEST(it_is_read_once_and_not_too_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
