/*
 * The keys as a process knows them: found by hash, read again when they change,
 * kept when they cannot be.
 */
#include "config.h"

#include "store/key_list.h"

#include <stdio.h>

#include "store/store.h"
#include "tests/unit/store/database.h"

#define SECRET "sk-one-one-one-one"
#define NOW 1777852800LL

struct fixture {
	struct place	*place;
	struct db	*db;
	struct watch	*watch;
	struct key_list	*list;
};

static const struct keys_change nothing;

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	x->db = database_make(&x->place);
	x->watch = watch_create(x->db);
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	key_list_unref(x->list);
	watch_free(x->watch);
	database_remove(x->place, x->db);
	free(x);
	return 0;
}

static void
add(struct fixture *x, const char *name, const char *secret)
{
	assert_int_equal(keys_add(x->db, name, secret, &nothing, NOW),
	    KEYS_DONE);
}

/* Did they change? */
static bool
look(struct fixture *x)
{
	struct watch_found found;
	struct key_list *list;

	watch_read(x->watch, &found);
	list = watch_take(&found, WATCH_KEYS);
	watch_drop(&found);
	if (list == NULL)
		return false;
	key_list_unref(x->list);
	x->list = list;
	return true;
}

static const struct key *
find(const struct fixture *x, const char *secret, int64_t now_s)
{
	unsigned char hash[KEYS_HASH];

	crypto_hash_sha256(hash, (const unsigned char *)secret,
	    strlen(secret));
	return key_list_find(x->list, hash, now_s);
}

/* As another process would, which makes the database when there is none. */
static void
run_sql(struct fixture *x, const char *sql)
{
	struct db *db = db_create(x->place->dir);

	database_run(db, sql);
	db_free(db);
}

static void
remove_database(const struct fixture *x)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char	 path[256];

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		snprintf(path, sizeof path, "%s%s", db_path(x->db), ends[i]);
		unlink(path);
	}
}

static void
every_key_is_found_by_its_hash(void **state)
{
	struct fixture *x = *state;
	char	 text[64];

	assert_null(find(x, SECRET, NOW));
	assert_int_equal(key_list_count(x->list), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof text, SECRET "%d", i);
		add(x, text + sizeof SECRET - 4, text);
	}
	assert_true(look(x));
	assert_int_equal(key_list_count(x->list), 100);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof text, SECRET "%d", i);
		assert_non_null(find(x, text, NOW));
		assert_true(find(x, text, NOW)->enabled);
	}
	assert_null(find(x, SECRET, NOW));
	assert_null(find(x, "", NOW));
	assert_null(find(x, SECRET "100", NOW));
}

static void
only_changes_are_read(void **state)
{
	struct fixture *x = *state;

	assert_false(look(x));			/* there is no database */
	add(x, "a", SECRET);
	assert_true(look(x));
	assert_false(look(x));
	run_sql(x, "INSERT INTO objects VALUES ('k', 'i', 'p', 'u', 'x', 9)");
	assert_false(look(x));			/* of another table */
	add(x, "b", SECRET "2");
	assert_true(look(x));
	run_sql(x, "DELETE FROM keys WHERE name = 'a'");
	assert_true(look(x));			/* whoever does it */
	assert_int_equal(key_list_count(x->list), 1);
	run_sql(x, "DELETE FROM keys");
	assert_true(look(x));
	assert_int_equal(key_list_count(x->list), 0);
}

static void
a_rotated_key_is_one_with_its_old_one(void **state)
{
	struct fixture *x = *state;
	const struct key *key;

	add(x, "a", SECRET);
	assert_int_equal(keys_rotate(x->db, "a", SECRET "2", 60, NOW),
	    KEYS_DONE);
	look(x);
	key = find(x, SECRET "2", NOW);
	assert_non_null(key);
	assert_ptr_equal(find(x, SECRET, NOW), key);
	assert_ptr_equal(find(x, SECRET, NOW + 59), key);
	assert_null(find(x, SECRET, NOW + 60));
	assert_ptr_equal(find(x, SECRET "2", NOW + 1000000), key);
	assert_int_equal(key_list_count(x->list), 1);
	assert_int_equal(keys_rotate(x->db, "a", SECRET "3", 60, NOW + 1),
	    KEYS_DONE);
	look(x);
	assert_null(find(x, SECRET, NOW + 1));
	assert_non_null(find(x, SECRET "2", NOW + 1));
	assert_non_null(find(x, SECRET "3", NOW + 1));
}

static void
limits_are_read(void **state)
{
	struct fixture *x = *state;
	struct keys_change change = { .models = "a\nb*",
		.endpoints = "chat/*", .has_expires = true, .expires = NOW,
		.has_enabled = true };
	const struct key *key;

	change.has_limit[KEYS_TPM] = change.has_limit[KEYS_WEEK_COST] = true;
	change.limits.tpm = 5;
	change.limits.cost_nano[1] = 6;

	assert_int_equal(keys_add(x->db, "a", SECRET, &change, NOW),
	    KEYS_DONE);
	look(x);
	key = find(x, SECRET, NOW);
	assert_non_null(key);
	assert_string_equal(key->models, "a\nb*");
	assert_string_equal(key->endpoints, "chat/*");
	assert_int_equal(key->expires, NOW);
	assert_false(key->enabled);
	assert_true(key->is_limited);
	assert_int_equal(key->limits.tpm, 5);
	assert_int_equal(key->limits.cost_nano[1], 6);
	assert_int_equal(key->limits.rpm, 0);
}

/* Who wrote them there knew better. */
static void
set_user(struct fixture *x, const char *name, const char *user)
{
	const struct keys_change change = { .remote_user = user };

	assert_int_equal(keys_set(x->db, name, &change), KEYS_DONE);
}

static void
a_key_is_found_by_whom_the_web_server_knows(void **state)
{
	struct fixture *x = *state;

	assert_null(key_list_find_user(NULL, "alice"));
	add(x, "a", SECRET);
	look(x);
	assert_null(key_list_find_user(x->list, "alice"));
	assert_null(key_list_find_user(x->list, ""));
	add(x, "b", "sk-two-two-two-two");
	add(x, "c", "sk-tri-tri-tri-tri");
	set_user(x, "a", "zoe");
	set_user(x, "b", "alice");
	look(x);
	assert_ptr_equal(key_list_find_user(x->list, "zoe"),
	    find(x, SECRET, NOW));
	assert_ptr_equal(key_list_find_user(x->list, "alice"),
	    find(x, "sk-two-two-two-two", NOW));
	assert_null(key_list_find_user(x->list, "Alice"));
	assert_null(key_list_find_user(x->list, "bob"));
	assert_null(key_list_find_user(x->list, ""));
}

static void
limits_that_cannot_be_are_cut(void **state)
{
	struct fixture *x = *state;

	add(x, "a", SECRET);
	add(x, "b", SECRET "2");
	run_sql(x, "UPDATE keys SET rpm = -1, tpm = 'x', "
	    "month_tokens = 9223372036854775807 WHERE name = 'a'");
	look(x);
	assert_false(find(x, SECRET "2", NOW)->is_limited);
	assert_int_equal(find(x, SECRET, NOW)->limits.rpm, 0);
	assert_int_equal(find(x, SECRET, NOW)->limits.tpm, 0);
	assert_int_equal(find(x, SECRET, NOW)->limits.tokens[2],
	    1000000000000000);
}

/* DESIGN section 7.9. */
static void
what_is_known_stays_when_the_database_does_not(void **state)
{
	struct fixture *x = *state;
	FILE	*f;

	log_open("/dev/null", LOG_LEVEL_ERROR);
	add(x, "a", SECRET);
	assert_true(look(x));
	remove_database(x);
	assert_false(look(x));			/* gone */
	run_sql(x, "SELECT 1");			/* made anew, without keys */
	assert_false(look(x));
	assert_false(look(x));
	remove_database(x);
	f = fopen(db_path(x->db), "w");
	for (int i = 0; i < 9999; i++)
		fputs("this is no database ", f);
	fclose(f);
	assert_false(look(x));			/* garbage */
	assert_non_null(find(x, SECRET, NOW));
	remove_database(x);
	run_sql(x, "INSERT INTO keys (id, hash, name, owner, enabled, "
	    "created, models, endpoints) VALUES ('i', zeroblob(32), 'n', '', "
	    "1, 0, '', '')");
	assert_true(look(x));			/* somebody began again */
	assert_null(find(x, SECRET, NOW));
	assert_int_equal(key_list_count(x->list), 1);
}

/* Nobody can say then which keys are good. */
static void
a_database_that_was_never_read_is_told(void **state)
{
	struct fixture *x = *state;
	struct watch_found found;
	FILE	*f;

	watch_read(x->watch, &found);
	watch_drop(&found);
	assert_false(found.is_blind);		/* there is none */
	fclose(fopen(db_path(x->db), "w"));
	watch_read(x->watch, &found);
	watch_drop(&found);
	assert_false(found.is_blind);		/* one is being made */
	f = fopen(db_path(x->db), "w");
	for (int i = 0; i < 9999; i++)
		fputs("this is no database ", f);
	fclose(f);
	watch_read(x->watch, &found);
	watch_drop(&found);
	assert_true(found.is_blind);
	remove_database(x);
	run_sql(x, "SELECT 1");
	watch_read(x->watch, &found);
	watch_drop(&found);
	assert_false(found.is_blind);
	remove_database(x);
	f = fopen(db_path(x->db), "w");
	fputs("no database", f);
	fclose(f);
	watch_read(x->watch, &found);
	watch_drop(&found);
	assert_false(found.is_blind);		/* what was known stays */
}

static void
a_list_lives_as_long_as_its_references(void **state)
{
	struct fixture *x = *state;
	struct key_list *before;

	add(x, "a", SECRET);
	look(x);
	before = key_list_ref(x->list);
	run_sql(x, "DELETE FROM keys");
	assert_true(look(x));
	assert_int_equal(key_list_count(before), 1);
	key_list_unref(before);
	assert_null(key_list_ref(NULL));
	key_list_unref(NULL);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(every_key_is_found_by_its_hash),
		TEST(only_changes_are_read),
		TEST(a_rotated_key_is_one_with_its_old_one),
		TEST(limits_are_read),
		TEST(a_key_is_found_by_whom_the_web_server_knows),
		TEST(limits_that_cannot_be_are_cut),
		TEST(what_is_known_stays_when_the_database_does_not),
		TEST(a_database_that_was_never_read_is_told),
		TEST(a_list_lives_as_long_as_its_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
