/* Reports: which sums, in which order, from which table. */
#include "config.h"

#include "store/usage.h"

#include <stdio.h>

#include "tests/unit/store/database.h"

#define DAY 1777852800LL			/* 2026-05-04 00:00:00 UTC */

struct fixture {
	struct place	*place;
	struct db	*db;
	char		 told[4096];
};

/* In the table of days each number is ten times what it is in that of hours. */
static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	x->db = database_make(&x->place);
	database_run(x->db, "INSERT INTO usage_hours VALUES "
	    "(1777852800, 'k1', 'a', 'p', 1, 1, 1, 1, 1, 2, 3, 4, 5, 6),"
	    "(1777856400, 'k2', 'a', 'p', 2, 0, 0, 0, 0, 0, 0, 0, 0, 10),"
	    "(1777939200, 'k1', 'b', 'q', 4, 0, 0, 0, 0, 0, 0, 0, 0, 20);"
	    "INSERT INTO usage_days VALUES "
	    "(1777852800, 'k1', 'a', 'p', 10, 0, 0, 0, 0, 0, 0, 0, 0, 0),"
	    "(1777852800, 'k2', 'a', 'p', 20, 0, 0, 0, 0, 0, 0, 0, 0, 0),"
	    "(1777939200, 'k1', 'b', 'q', 40, 0, 0, 0, 0, 0, 0, 0, 0, 0)");
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	database_remove(x->place, x->db);
	free(x);
	return 0;
}

static void
tell(void *arg, const struct usage_sum *sum)
{
	struct fixture *x = arg;
	size_t	 n = strlen(x->told);

	snprintf(x->told + n, sizeof x->told - n, "%lld,%s,%s,%s,%lld ",
	    sum->time_s == 0 ? -1 : (long long)(sum->time_s - DAY) / 3600,
	    sum->key_id, sum->model, sum->provider, (long long)sum->requests);
}

static const char *
asked(struct fixture *x, int from_hour, int to_hour, unsigned by)
{
	struct usage_query q = { .from_s = DAY + from_hour * 3600LL,
		.to_s = DAY + to_hour * 3600LL, .by = by };
	struct usage *u = usage_open(x->db);

	assert_non_null(u);
	x->told[0] = '\0';
	assert_true(usage_each(u, &q, tell, x));
	usage_close(u);
	return x->told;
}

static void
by_each(void **state)
{
	struct fixture *x = *state;

	assert_string_equal(asked(x, 0, 48, 0), "-1,,,,70 ");
	assert_string_equal(asked(x, 0, 48, USAGE_BY_DAY),
	    "0,,,,30 24,,,,40 ");
	assert_string_equal(asked(x, 0, 48, USAGE_BY_KEY),
	    "-1,k1,,,50 -1,k2,,,20 ");
	assert_string_equal(asked(x, 0, 48, USAGE_BY_MODEL),
	    "-1,,a,,30 -1,,b,,40 ");
	assert_string_equal(asked(x, 0, 48, USAGE_BY_PROVIDER),
	    "-1,,,p,30 -1,,,q,40 ");
	assert_string_equal(asked(x, 0, 48, USAGE_BY_DAY | USAGE_BY_KEY |
	    USAGE_BY_MODEL | USAGE_BY_PROVIDER),
	    "0,k1,a,p,10 0,k2,a,p,20 24,k1,b,q,40 ");
}

/* Days come from their own table, parts of a day from that of the hours. */
static void
ranges(void **state)
{
	struct fixture *x = *state;

	assert_string_equal(asked(x, 0, 24, 0), "-1,,,,30 ");
	assert_string_equal(asked(x, 24, 48, 0), "-1,,,,40 ");
	assert_string_equal(asked(x, 1, 24, 0), "-1,,,,2 ");
	assert_string_equal(asked(x, 0, 1, USAGE_BY_DAY), "0,,,,1 ");
	assert_string_equal(asked(x, 0, 48, USAGE_BY_HOUR),
	    "0,,,,1 1,,,,2 24,,,,4 ");
	assert_string_equal(asked(x, 48, 72, 0), "");
	assert_string_equal(asked(x, 24, 0, USAGE_BY_DAY), "");
}

static void
check_sum(void *arg, const struct usage_sum *sum)
{
	*(int *)arg += 1;
	assert_true(sum->requests == 1 && sum->errors == 1 &&
	    sum->estimated == 1 && sum->unpriced == 1);
	assert_true(sum->input_tokens == 1 && sum->cache_read_tokens == 2 &&
	    sum->cache_write_tokens == 3 && sum->output_tokens == 4 &&
	    sum->reasoning_tokens == 5 && sum->cost_nano == 6);
}

static void
every_number(void **state)
{
	struct fixture *x = *state;
	struct usage_query q = { .from_s = DAY, .to_s = DAY + 3600 };
	struct usage *u = usage_open(x->db);
	int	 count = 0;

	assert_true(usage_each(u, &q, check_sum, &count));
	assert_int_equal(count, 1);
	usage_close(u);
}

static const char *
filtered(struct fixture *x, struct usage_query q)
{
	struct usage *u = usage_open(x->db);

	q.from_s = DAY;
	q.to_s = DAY + 48 * 3600;
	q.by |= USAGE_BY_HOUR;
	x->told[0] = '\0';
	assert_true(usage_each(u, &q, tell, x));
	usage_close(u);
	return x->told;
}

/* Texts are bound: no quote in them ends anything. */
static void
of_one_alone(void **state)
{
	struct fixture *x = *state;

	assert_string_equal(filtered(x, (struct usage_query){
	    .key_id = "k1" }), "0,,,,1 24,,,,4 ");
	assert_string_equal(filtered(x, (struct usage_query){
	    .model = "a" }), "0,,,,1 1,,,,2 ");
	assert_string_equal(filtered(x, (struct usage_query){
	    .provider = "q" }), "24,,,,4 ");
	assert_string_equal(filtered(x, (struct usage_query){
	    .key_id = "k1", .model = "a", .provider = "p" }), "0,,,,1 ");
	assert_string_equal(filtered(x, (struct usage_query){
	    .key_id = "k2", .model = "b" }), "");
	assert_string_equal(filtered(x, (struct usage_query){
	    .key_id = "k1' OR '1'='1" }), "");
	assert_string_equal(filtered(x, (struct usage_query){
	    .sums_max = 2 }), "0,,,,1 1,,,,2 ");
}

/* A table is read twice: for its widths, and to be printed. */
static void
what_is_written_meanwhile_is_not_seen(void **state)
{
	struct fixture *x = *state;
	struct usage_query q = { .from_s = DAY, .to_s = DAY + 3600 };
	struct usage *u = usage_open(x->db);
	int	 count = 0;

	assert_true(usage_each(u, &q, check_sum, &count));
	database_run(x->db, "DELETE FROM usage_hours");
	assert_true(usage_each(u, &q, check_sum, &count));
	assert_int_equal(count, 2);
	usage_close(u);
	assert_string_equal(asked(x, 0, 1, 0), "");
}

static void
what_is_not_there_is_not_made(void **state)
{
	struct fixture *x = *state;
	struct db *db = db_create(x->place->state_dir);

	assert_null(usage_open(db));
	usage_close(NULL);
	assert_int_equal(access(db_path(db), F_OK), -1);
	db_free(db);
}

static void
another_version_is_not_read(void **state)
{
	struct fixture *x = *state;

	database_run(x->db, "PRAGMA user_version = 1000");
	assert_null(usage_open(x->db));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(by_each),
		TEST(ranges),
		TEST(every_number),
		TEST(of_one_alone),
		TEST(what_is_written_meanwhile_is_not_seen),
		TEST(what_is_not_there_is_not_made),
		TEST(another_version_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
