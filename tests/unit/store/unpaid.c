/* What is made in the background: one request pays for it, whoever dies on the way. */
#include "config.h"

#include "store/unpaid.h"

#include <stdio.h>
#include <string.h>

#include "store/journal.h"
#include "tests/unit/store/database.h"

#define HOUR		INT64_C(3600000)
#define NOW		(INT64_C(500000) * HOUR)

enum { CHILDREN = 4, RESPONSES = 60 };

struct fixture {
	struct place	*place;
	struct db	*db;
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	x->db = database_make(&x->place);
	assert_non_null(db_get(x->db));
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

static struct unpaid
unpaid(const char *id, const char *key_id)
{
	struct unpaid u = { .provider = "p", .url = "http://h", .model = "m",
		.made_ms = NOW };

	snprintf(u.id, sizeof u.id, "%s", id);
	snprintf(u.key_id, sizeof u.key_id, "%s", key_id);
	return u;
}

static enum unpaid_result
claim(struct fixture *x, const char *id, const char *key_id, const char *by,
    int64_t now_ms)
{
	const struct unpaid u = unpaid(id, key_id);

	return unpaid_claim(x->db, &u, by, now_ms, x->place->dir);
}

static void
one_is_found_by_its_key(void **state)
{
	struct fixture *x = *state;
	struct unpaid u = unpaid("r", "ann");

	assert_int_equal(unpaid_put(x->db, &u), UNPAID_OK);
	assert_int_equal(unpaid_put(x->db, &u), UNPAID_NONE);
	u = (struct unpaid){ .provider = "p", .id = "r", .key_id = "ann" };
	assert_int_equal(unpaid_find(x->db, &u), UNPAID_OK);
	assert_string_equal(u.model, "m");
	assert_string_equal(u.url, "http://h");
	assert_int_equal(u.made_ms, NOW);
	strcpy(u.key_id, "eve");
	assert_int_equal(unpaid_find(x->db, &u), UNPAID_NONE);
	assert_int_equal(claim(x, "r", "eve", "req", NOW), UNPAID_NONE);
}

static void
the_first_pays(void **state)
{
	struct fixture *x = *state;
	struct unpaid u = unpaid("r", "ann");

	assert_int_equal(unpaid_put(x->db, &u), UNPAID_OK);
	assert_int_equal(claim(x, "r", "ann", "one", NOW), UNPAID_OK);
	assert_int_equal(claim(x, "r", "ann", "two", NOW + 1), UNPAID_NONE);
	assert_int_equal(unpaid_forget(x->db, &u, "two"), UNPAID_NONE);
	assert_int_equal(unpaid_forget(x->db, &u, "one"), UNPAID_OK);
	assert_int_equal(claim(x, "r", "ann", "two", NOW), UNPAID_NONE);
}

static void
note(struct fixture *x, const char *id, int64_t at_ms)
{
	struct journal j;
	char	 line[256];
	int	 n = snprintf(line, sizeof line, "{\"asctime\":\"x\","
	    "\"request_id\":\"%s\"}\n", id);

	journal_open(&j, x->place->dir);
	journal_append(&j, (uint64_t)at_ms * 1000, line, (size_t)n);
	journal_close(&j);
}

static void
who_died_before_paying_is_followed_by_another(void **state)
{
	struct fixture *x = *state;
	struct unpaid u = unpaid("r", "ann");

	assert_int_equal(unpaid_put(x->db, &u), UNPAID_OK);
	assert_int_equal(claim(x, "r", "ann", "one", NOW), UNPAID_OK);
	assert_int_equal(claim(x, "r", "ann", "two", NOW + HOUR - 1),
	    UNPAID_NONE);
	assert_int_equal(claim(x, "r", "ann", "two", NOW + HOUR), UNPAID_OK);
	assert_int_equal(claim(x, "r", "ann", "one", NOW + HOUR),
	    UNPAID_NONE);
}

static void
who_died_after_paying_is_not(void **state)
{
	struct fixture *x = *state;

	for (int64_t hours = 0; hours < 3; hours++) {
		char	 id[8], by[8];
		struct unpaid u;

		snprintf(id, sizeof id, "r%d", (int)hours);
		snprintf(by, sizeof by, "one%d", (int)hours);
		u = unpaid(id, "ann");
		assert_int_equal(unpaid_put(x->db, &u), UNPAID_OK);
		assert_int_equal(claim(x, id, "ann", by, NOW), UNPAID_OK);
		note(x, by, NOW + hours * HOUR);
		assert_int_equal(claim(x, id, "ann", "two", NOW + 5 * HOUR),
		    UNPAID_NONE);
	}
}

/* No longer than the response itself can be asked for. */
static void
it_is_not_kept_for_ever(void **state)
{
	static const struct { int64_t later; enum unpaid_result found; }
	cases[] = {
		{ 29 * 24 * HOUR, UNPAID_OK }, { 30 * 24 * HOUR, UNPAID_OK },
		{ 30 * 24 * HOUR + 1, UNPAID_NONE },
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct unpaid u = unpaid("old", "ann"), other;

		unpaid_put(x->db, &u);
		other = unpaid("new", "eve");
		other.made_ms = NOW + cases[i].later;
		unpaid_put(x->db, &other);
		assert_int_equal(unpaid_find(x->db, &u), cases[i].found);
	}
}

/* Each child claims all of them, and counts those that it was given. */
static void
claim_all(struct place *p, unsigned number)
{
	struct fixture x = { .place = p, .db = db_create(p->dir) };
	char	 id[16], by[16];

	snprintf(by, sizeof by, "child%u", number);
	for (int i = 0; i < RESPONSES; i++) {
		enum unpaid_result result;

		snprintf(id, sizeof id, "r%d", i);
		while ((result = claim(&x, id, "ann", by, NOW)) ==
		    UNPAID_DB_ERROR)
			;
		if (result == UNPAID_OK)
			atomic_fetch_add(&p->words[1], 1);
	}
	db_free(x.db);
	report_and_stay(&p->words[2]);
}

static void
of_many_processes_one_pays(void **state)
{
	struct fixture *x = *state;
	pid_t	 children[CHILDREN];
	char	 id[16];

	for (int i = 0; i < RESPONSES; i++) {
		struct unpaid u;

		snprintf(id, sizeof id, "r%d", i);
		u = unpaid(id, "ann");
		assert_int_equal(unpaid_put(x->db, &u), UNPAID_OK);
	}
	for (unsigned i = 0; i < CHILDREN; i++)
		children[i] = child_start(claim_all, x->place, i);
	until(&x->place->words[2], CHILDREN);
	for (unsigned i = 0; i < CHILDREN; i++)
		child_kill(children[i]);
	assert_int_equal(atomic_load(&x->place->words[1]), RESPONSES);
}

static void
a_database_that_fails_is_no_answer(void **state)
{
	struct fixture *x = *state;
	struct unpaid u = unpaid("r", "ann");

	assert_int_equal(unpaid_put(x->db, &u), UNPAID_OK);
	database_run(x->db, "PRAGMA user_version = 1000");
	assert_int_equal(unpaid_put(x->db, &u), UNPAID_DB_ERROR);
	assert_int_equal(unpaid_find(x->db, &u), UNPAID_DB_ERROR);
	assert_int_equal(claim(x, "r", "ann", "one", NOW), UNPAID_DB_ERROR);
	assert_int_equal(unpaid_forget(x->db, &u, "one"), UNPAID_DB_ERROR);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(one_is_found_by_its_key),
		TEST(the_first_pays),
		TEST(who_died_before_paying_is_followed_by_another),
		TEST(who_died_after_paying_is_not),
		TEST(it_is_not_kept_for_ever),
		TEST(of_many_processes_one_pays),
		TEST(a_database_that_fails_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
