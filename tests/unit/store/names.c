/* What ids stand for. */
#include "config.h"

#include "store/names.h"

#include <stdio.h>

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
	database_run(x->db,
	    "INSERT INTO keys (id, hash, name, owner, enabled, created, "
	    "models, endpoints) VALUES ('k1', x'01', 'alice', '', 1, 1, '', ''),"
	    "('k2', x'02', 'bob', '', 1, 1, '', '');"
	    "INSERT INTO users (id, key_id, name, created, updated) "
	    "VALUES (7, 'k2', 'Bob', 1, 1);"
	    "INSERT INTO channels (id, name, kind, base_url, hint, weight, "
	    "priority, enabled, created, updated) VALUES (3, 'lab', 'openai', "
	    "'http://x', '', 10, 0, 1, 1, 1);"
	    "INSERT INTO salts (caller, salt, updated) VALUES (-2, -3, 1)");
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
what_is_there_is_found(void **state)
{
	struct fixture *x = *state;
	struct names *n = names_open(x->db);

	assert_string_equal(names_of_key(n, "k1"), "alice");
	assert_string_equal(names_of_key(n, "k2"), "bob");
	assert_string_equal(names_key_id(n, "bob"), "k2");
	assert_int_equal(names_user_id(n, "k2"), 7);
	assert_int_equal(names_channel_id(n, "lab"), 3);
	assert_true(names_salt(n, UINT64_MAX - 1) == UINT64_MAX - 2);
	assert_true(names_can_read(n));
	names_close(n);
}

static void
what_is_not_there_has_no_name(void **state)
{
	struct fixture *x = *state;
	struct names *n = names_open(x->db);

	assert_null(names_of_key(n, "alice"));
	assert_null(names_of_key(n, ""));
	assert_null(names_of_key(n, NULL));
	assert_null(names_key_id(n, "k1' OR 'a'='a"));
	assert_int_equal(names_user_id(n, "k1"), 0);
	assert_int_equal(names_channel_id(n, "up"), 0);
	assert_true(names_salt(n, 2) == 0);
	assert_string_equal(names_of_key(n, "k1"), "alice");
	names_close(n);
}

static void
without_a_database_nothing_has_one(void **state)
{
	struct fixture *x = *state;
	struct db *db = db_create(x->place->state_dir);
	struct names *n = names_open(db);

	assert_false(names_can_read(n));
	assert_null(names_of_key(n, "k1"));
	assert_int_equal(names_user_id(n, "k2"), 0);
	assert_true(names_salt(n, UINT64_MAX - 1) == 0);
	names_close(n);
	db_free(db);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_there_is_found),
		TEST(what_is_not_there_has_no_name),
		TEST(without_a_database_nothing_has_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
