/*
 * Users: that they and their keys come and go together, also when something
 * stands in the way.
 */
#include "config.h"

#include "store/users.h"

#include <stdio.h>

#include "tests/unit/store/database.h"

#define SECRET "sk-one-one-one-one"
#define OTHER "sk-two-two-two-two"
#define NOW 1777852800LL

struct fixture {
	struct place	*place;
	struct db	*db;
	int64_t		 id;
	char		 told[4096];
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	x->db = database_make(&x->place);
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

static enum keys_end
add(struct fixture *x, const char *owner, const char *name,
    const char *secret)
{
	const struct users_new user = { .name = name, .owner = owner,
		.secret = secret, .is_only = true };

	return users_add(x->db, &user, NOW, &x->id);
}

static void
tell_user(void *arg, const struct users_record *r)
{
	struct fixture *x = arg;
	size_t	 n = strlen(x->told);

	snprintf(x->told + n, sizeof x->told - n, "%lld:%s:%s:%lld:%lld ",
	    (long long)r->id, r->name, r->hint, (long long)r->created,
	    (long long)r->updated);
}

static const char *
users(struct fixture *x, int64_t id)
{
	x->told[0] = '\0';
	users_each(x->db, id, tell_user, x);
	return x->told;
}

static void
tell_key(void *arg, const struct users_key *k)
{
	struct fixture *x = arg;
	size_t	 n = strlen(x->told);

	snprintf(x->told + n, sizeof x->told - n, "%s:%s:%s:%d ", k->owner,
	    k->name, k->hint, k->is_good);
}

static const char *
all_keys(struct fixture *x)
{
	x->told[0] = '\0';
	assert_int_equal(users_each_key(x->db, NOW, tell_key, x), KEYS_DONE);
	return x->told;
}

static void
a_user_and_the_key_come_and_go_together(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(add(x, "al", "laptop", SECRET), KEYS_DONE);
	assert_int_equal(x->id, 1);
	assert_string_equal(users(x, 0),
	    "1:laptop:sk...-one:1777852800:1777852800 ");
	assert_string_equal(all_keys(x), "al:laptop:sk...-one:1 ");
	assert_int_equal(add(x, "bo", "laptop", OTHER), KEYS_DONE);
	assert_string_equal(users(x, 2),
	    "2:laptop:sk...-two:1777852800:1777852800 ");
	assert_int_equal(users_delete(x->db, 1), KEYS_DONE);
	assert_string_equal(all_keys(x), "bo:laptop:sk...-two:1 ");
	assert_int_equal(keys_delete(x->db, "user-2"), KEYS_DONE);
	assert_string_equal(users(x, 0), "");
	assert_int_equal(users_delete(x->db, 2), KEYS_NOT_FOUND);
	assert_int_equal(users_each(x->db, 2, tell_user, x), KEYS_NOT_FOUND);
}

static void
what_cannot_be_added_leaves_nothing(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(add(x, "al", "a", SECRET), KEYS_DONE);
	assert_int_equal(add(x, "al", "a", OTHER), KEYS_NAME_TAKEN);
	assert_int_equal(add(x, "al", "b", SECRET), KEYS_SECRET_TAKEN);
	assert_int_equal(add(x, "al", "b", "short"), KEYS_BAD_SECRET);
	assert_int_equal(add(x, "two\nlines", "b", OTHER), KEYS_BAD_OWNER);
	database_run(x->db, "CREATE TRIGGER no BEFORE INSERT ON users "
	    "BEGIN SELECT raise(ABORT, 'no'); END");
	assert_int_equal(add(x, "al", "b", OTHER), KEYS_BROKEN);
	assert_string_equal(all_keys(x), "al:a:sk...-one:1 ");
}

static void
a_number_is_never_given_away_again(void **state)
{
	struct fixture *x = *state;
	const struct keys_change nothing = { 0 };

	assert_int_equal(add(x, "al", "a", SECRET), KEYS_DONE);
	assert_int_equal(users_delete(x->db, 1), KEYS_DONE);
	assert_int_equal(keys_add(x->db, "user-2", OTHER, &nothing, NOW),
	    KEYS_DONE);
	assert_int_equal(add(x, "al", "a", SECRET), KEYS_DONE);
	assert_int_equal(x->id, 3);
}

static void
a_key_is_deleted_by_whom_knows_all_of_it(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(add(x, "al", "a", SECRET), KEYS_DONE);
	assert_int_equal(users_delete_key(x->db, "bo", "a", SECRET),
	    KEYS_NOT_FOUND);
	assert_int_equal(users_delete_key(x->db, "al", "b", SECRET),
	    KEYS_NOT_FOUND);
	assert_int_equal(users_delete_key(x->db, "al", "a", OTHER),
	    KEYS_NOT_FOUND);
	assert_int_equal(users_delete_key(x->db, "al", "a", SECRET),
	    KEYS_DONE);
	assert_string_equal(users(x, 0), "");
}

static void
a_rotated_key_makes_its_user_younger(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(add(x, "al", "a", SECRET), KEYS_DONE);
	assert_int_equal(keys_rotate(x->db, "user-1", OTHER, 0, NOW + 5),
	    KEYS_DONE);
	assert_string_equal(users(x, 0),
	    "1:a:sk...-two:1777852800:1777852805 ");
}

static void
keys_that_are_good_are_told_from_others(void **state)
{
	struct fixture *x = *state;
	const struct keys_change off = { .has_enabled = true };
	const struct keys_change old = { .has_expires = true,
		.expires = NOW };
	const struct keys_change young = { .has_expires = true,
		.expires = NOW + 1 };

	keys_add(x->db, "off", "sk-off-off-off-off", &off, NOW);
	keys_add(x->db, "old", "sk-old-old-old-old", &old, NOW);
	keys_add(x->db, "young", "sk-young-young-young", &young, NOW);
	assert_string_equal(all_keys(x), ":off:sk...-off:0 :old:sk...-old:0 "
	    ":young:sk...oung:1 ");
}

static void
a_database_that_cannot_be_used_is_told(void **state)
{
	struct fixture *x = *state;

	db_free(x->db);
	x->db = db_create("/nowhere/at/all");
	log_open("/dev/null", LOG_LEVEL_ERROR);
	assert_int_equal(add(x, "al", "a", SECRET), KEYS_BROKEN);
	assert_int_equal(users_delete(x->db, 1), KEYS_BROKEN);
	assert_int_equal(users_each(x->db, 0, tell_user, x), KEYS_BROKEN);
	assert_int_equal(users_delete_key(x->db, "al", "a", SECRET),
	    KEYS_BROKEN);
	assert_int_equal(users_each_key(x->db, NOW, tell_key, x),
	    KEYS_BROKEN);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_user_and_the_key_come_and_go_together),
		TEST(what_cannot_be_added_leaves_nothing),
		TEST(a_number_is_never_given_away_again),
		TEST(a_key_is_deleted_by_whom_knows_all_of_it),
		TEST(a_rotated_key_makes_its_user_younger),
		TEST(keys_that_are_good_are_told_from_others),
		TEST(a_database_that_cannot_be_used_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
