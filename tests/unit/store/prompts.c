/* Prompts in the database: set, found, gone with their keys. */
#include "config.h"

#include "store/prompts.h"

#include <stdio.h>

#include "store/store.h"
#include "tests/unit/store/database.h"

#define NOW 1777852800LL
#define SECRET "sk-one-one-one-one"

struct fixture {
	struct place	*place;
	struct db	*db;
	char		 seen[4096];	/* "scope name text created updated;" of each */
};

static const struct keys_change nothing;

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	x->db = database_make(&x->place);
	assert_int_equal(keys_add(x->db, "alice", SECRET, &nothing, NOW),
	    KEYS_DONE);
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
note(void *arg, const struct prompts_record *r)
{
	struct fixture *x = arg;
	size_t	 n = strlen(x->seen);

	snprintf(x->seen + n, sizeof x->seen - n, "%s %s %.20s %lld %lld;",
	    prompts_scope_name(r->scope), r->name, r->text,
	    (long long)(r->created - NOW), (long long)(r->updated - NOW));
}

static void
expect_all(struct fixture *x, const char *want)
{
	x->seen[0] = '\0';
	assert_int_equal(prompts_each(x->db, note, x), PROMPTS_DONE);
	assert_string_equal(x->seen, want);
}

static void
expect_one(struct fixture *x, enum prompts_scope scope, const char *name,
    const char *want)
{
	x->seen[0] = '\0';
	assert_int_equal(prompts_find(x->db, scope, name, note, x),
	    want[0] == '\0' ? PROMPTS_NOT_FOUND : PROMPTS_DONE);
	assert_string_equal(x->seen, want);
}

static void
set(struct fixture *x, enum prompts_scope scope, const char *name,
    const char *text, int64_t after_s)
{
	assert_int_equal(prompts_set(x->db, scope, name, text, NOW + after_s),
	    PROMPTS_DONE);
}

static void
all_scopes_are_kept_and_told(void **state)
{
	struct fixture *x = *state;

	expect_all(x, "");
	set(x, PROMPTS_KEY, "alice", "of alice", 1);
	set(x, PROMPTS_MODEL, "Qwen/Qwen2.5-7B", "of Qwen", 2);
	set(x, PROMPTS_MODEL, "alice", "of a model", 3);
	set(x, PROMPTS_GLOBAL, "", "of all", 4);
	expect_all(x, "global  of all 4 4;model Qwen/Qwen2.5-7B of Qwen 2 2;"
	    "model alice of a model 3 3;key alice of alice 1 1;");
	expect_one(x, PROMPTS_GLOBAL, "", "global  of all 4 4;");
	expect_one(x, PROMPTS_KEY, "alice", "key alice of alice 1 1;");
	expect_one(x, PROMPTS_MODEL, "alice", "model alice of a model 3 3;");
	expect_one(x, PROMPTS_MODEL, "other", "");
}

static void
a_new_text_takes_the_place_of_the_old(void **state)
{
	struct fixture *x = *state;

	set(x, PROMPTS_GLOBAL, "", "first", 0);
	set(x, PROMPTS_GLOBAL, "", "second", 7);
	expect_all(x, "global  second 0 7;");
	set(x, PROMPTS_GLOBAL, "", "", 8);
	expect_all(x, "");
	set(x, PROMPTS_GLOBAL, "", "", 9);
	set(x, PROMPTS_KEY, "alice", "", 9);
	expect_all(x, "");
}

static void
a_prompt_goes_with_its_key(void **state)
{
	struct fixture *x = *state;

	set(x, PROMPTS_KEY, "alice", "of alice", 0);
	set(x, PROMPTS_MODEL, "alice", "of a model", 0);
	assert_int_equal(keys_rotate(x->db, "alice", "sk-two-two-two-two", 0,
	    NOW), KEYS_DONE);
	expect_one(x, PROMPTS_KEY, "alice", "key alice of alice 0 0;");
	assert_int_equal(keys_delete(x->db, "alice"), KEYS_DONE);
	expect_all(x, "model alice of a model 0 0;");
	assert_int_equal(prompts_find(x->db, PROMPTS_KEY, "alice", note, x),
	    PROMPTS_NO_KEY);
	assert_int_equal(keys_add(x->db, "alice", SECRET, &nothing, NOW),
	    KEYS_DONE);
	expect_one(x, PROMPTS_KEY, "alice", "");
}

static void
what_is_not_there_is_told(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(prompts_set(x->db, PROMPTS_KEY, "bob", "x", NOW),
	    PROMPTS_NO_KEY);
	assert_int_equal(prompts_set(x->db, PROMPTS_KEY, "bob", "", NOW),
	    PROMPTS_NO_KEY);
	assert_int_equal(prompts_delete(x->db, PROMPTS_KEY, "bob"),
	    PROMPTS_NO_KEY);
	assert_int_equal(prompts_delete(x->db, PROMPTS_KEY, "alice"),
	    PROMPTS_NOT_FOUND);
	assert_int_equal(prompts_delete(x->db, PROMPTS_GLOBAL, ""),
	    PROMPTS_NOT_FOUND);
	assert_int_equal(prompts_delete(x->db, PROMPTS_MODEL, "m"),
	    PROMPTS_NOT_FOUND);
	set(x, PROMPTS_MODEL, "m", "x", 0);
	assert_int_equal(prompts_delete(x->db, PROMPTS_MODEL, "m"),
	    PROMPTS_DONE);
	expect_all(x, "");
}

static void
bad_names_and_texts_are_refused(void **state)
{
	struct fixture *x = *state;
	char	 text[PROMPTS_TEXT_MAX + 2], name[PROMPTS_NAME_MAX + 2];
	static const char *const bad[] = { "\x01", "a\x7F", "\xFF", "\xC3" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(prompts_set(x->db, PROMPTS_GLOBAL, "",
		    bad[i], NOW), PROMPTS_BAD_TEXT);
		assert_int_equal(prompts_set(x->db, PROMPTS_MODEL, bad[i],
		    "x", NOW), PROMPTS_BAD_NAME);
	}
	memset(text, 't', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_int_equal(prompts_set(x->db, PROMPTS_GLOBAL, "", text, NOW),
	    PROMPTS_BAD_TEXT);
	text[PROMPTS_TEXT_MAX] = '\0';
	set(x, PROMPTS_GLOBAL, "", text, 0);
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_int_equal(prompts_set(x->db, PROMPTS_MODEL, name, "x", NOW),
	    PROMPTS_BAD_NAME);
	assert_int_equal(prompts_delete(x->db, PROMPTS_MODEL, ""),
	    PROMPTS_BAD_NAME);
	name[PROMPTS_NAME_MAX] = '\0';
	set(x, PROMPTS_MODEL, name, "lines\r\n\tand tabs", 0);
}

static void
a_broken_database_is_told(void **state)
{
	struct fixture *x = *state;
	struct db *db = db_create("/dev/null/none");

	assert_int_equal(prompts_set(db, PROMPTS_GLOBAL, "", "x", NOW),
	    PROMPTS_BROKEN);
	assert_int_equal(prompts_delete(db, PROMPTS_GLOBAL, ""),
	    PROMPTS_BROKEN);
	assert_int_equal(prompts_each(db, note, x), PROMPTS_BROKEN);
	assert_int_equal(prompts_find(db, PROMPTS_GLOBAL, "", note, x),
	    PROMPTS_BROKEN);
	db_free(db);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(all_scopes_are_kept_and_told),
		TEST(a_new_text_takes_the_place_of_the_old),
		TEST(a_prompt_goes_with_its_key),
		TEST(what_is_not_there_is_told),
		TEST(bad_names_and_texts_are_refused),
		TEST(a_broken_database_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
