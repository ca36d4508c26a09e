/* What sends a caller elsewhere: changed once for each who saw the old one. */
#include "config.h"

#include "store/salts.h"

#include <stdio.h>

#include "store/watch.h"
#include "tests/unit/store/database.h"

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

static uint64_t
salt_of(struct fixture *x, uint64_t caller)
{
	struct salts *s = salts_read(db_get(x->db));
	uint64_t salt;

	assert_non_null(s);
	salt = salts_find(s, caller);
	salts_free(s);
	return salt;
}

static bool
changed(struct fixture *x, uint64_t caller, uint64_t salt)
{
	bool	 done;

	assert_true(salts_change(x->db, caller, salt, 1000, &done));
	return done;
}

static void
a_caller_gets_another_each_time(void **state)
{
	struct fixture *x = *state;
	uint64_t first, second, caller = UINT64_MAX - 5;

	assert_true(salt_of(x, caller) == 0);
	assert_true(changed(x, caller, 0));
	first = salt_of(x, caller);
	assert_true(first != 0);
	assert_true(salt_of(x, 5) == 0);
	assert_true(changed(x, caller, first));
	second = salt_of(x, caller);
	assert_true(second != 0 && second != first);
	assert_true(changed(x, 5, 0));
	assert_true(salt_of(x, caller) == second && salt_of(x, 5) != 0);
}

static void
who_saw_an_older_one_changes_nothing(void **state)
{
	struct fixture *x = *state;
	uint64_t salt;

	assert_false(changed(x, 5, 77));
	assert_true(changed(x, 5, 0));
	salt = salt_of(x, 5);
	assert_false(changed(x, 5, 0));
	assert_false(changed(x, 5, salt + 1));
	assert_true(salt_of(x, 5) == salt);
}

enum { WORD_DONE, RACERS = 4 };

static void
race(struct place *p, unsigned number)
{
	struct db *db = db_create(p->dir);
	bool	 done;

	(void)number;
	if (salts_change(db, 5, 0, 1000, &done) && done)
		atomic_fetch_add(&p->words[WORD_DONE], 1);
}

static void
of_racing_processes_one_changes_it(void **state)
{
	struct fixture *x = *state;
	pid_t	 pids[RACERS];

	for (unsigned i = 0; i < RACERS; i++)
		pids[i] = child_start(race, x->place, i);
	for (unsigned i = 0; i < RACERS; i++)
		assert_int_equal(child_wait(pids[i]), 0);
	assert_int_equal(x->place->words[WORD_DONE], 1);
	assert_true(salt_of(x, 5) != 0);
}

static void
the_oldest_are_forgotten(void **state)
{
	struct fixture *x = *state;
	char	 sql[256];

	snprintf(sql, sizeof sql, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
	    "SELECT i + 1 FROM n WHERE i < %d) INSERT INTO salts "
	    "SELECT i, 1, i / 1000 FROM n", SALTS_MAX);
	assert_int_equal(sqlite3_exec(db_get(x->db), sql, NULL, NULL, NULL),
	    SQLITE_OK);
	assert_true(salt_of(x, 1) == 1 && salt_of(x, SALTS_MAX) == 1);
	assert_true(changed(x, SALTS_MAX + 1, 0));
	assert_true(salt_of(x, SALTS_MAX + 1) != 0);
	assert_true(salt_of(x, SALTS_MAX) == 1);
	assert_true(salt_of(x, 999) == 0 && salt_of(x, 1) == 1);
}

static void
a_process_notices(void **state)
{
	struct fixture *x = *state;
	struct watch *w = watch_create(x->db);
	struct watch_found found;

	watch_read(w, &found);
	assert_non_null(found.lists[WATCH_SALTS]);
	assert_true(salts_find(found.lists[WATCH_SALTS], 5) == 0);
	salts_free(found.lists[WATCH_SALTS]);
	key_list_unref(found.lists[WATCH_KEYS]);
	assert_true(changed(x, 5, 0));
	watch_read(w, &found);
	assert_null(found.lists[WATCH_KEYS]);
	assert_true(salts_find(found.lists[WATCH_SALTS], 5) != 0);
	salts_free(found.lists[WATCH_SALTS]);
	watch_read(w, &found);
	assert_null(found.lists[WATCH_SALTS]);
	watch_free(w);
}

static void
without_a_database(void **state)
{
	struct db *db = db_create("/proc/nowhere");
	bool	 done;

	(void)state;
	assert_false(salts_change(db, 5, 0, 1000, &done));
	assert_false(done);
	assert_true(salts_find(NULL, 5) == 0);
	salts_free(NULL);
	db_free(db);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_caller_gets_another_each_time),
		TEST(who_saw_an_older_one_changes_nothing),
		TEST(of_racing_processes_one_changes_it),
		TEST(the_oldest_are_forgotten),
		TEST(a_process_notices),
		TEST(without_a_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
