/*
 * The prompts as a process knows them: escaped, found by name, kept when they
 * cannot be read.
 */
#include "config.h"

#include "store/prompt_list.h"

#include <stdio.h>

#include "store/store.h"
#include "tests/unit/store/database.h"

#define NOW 1777852800LL

struct fixture {
	struct place	*place;
	struct db	*db;
	struct watch	*watch;
	struct prompt_list *list;
};

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

	prompt_list_unref(x->list);
	watch_free(x->watch);
	database_remove(x->place, x->db);
	free(x);
	return 0;
}

static void
set(struct fixture *x, enum prompts_scope scope, const char *name,
    const char *text)
{
	assert_int_equal(prompts_set(x->db, scope, name, text, NOW),
	    PROMPTS_DONE);
}

/* Did they change? */
static bool
look(struct fixture *x)
{
	struct watch_found found;
	struct prompt_list *list;

	watch_read(x->watch, &found);
	list = watch_take(&found, WATCH_PROMPTS);
	watch_drop(&found);
	if (list == NULL)
		return false;
	prompt_list_unref(x->list);
	x->list = list;
	return true;
}

static void
expect(const struct fixture *x, enum prompts_scope scope, const char *name,
    const char *json)
{
	const struct prompt_text *text = prompt_list_find(x->list, scope,
		    name);

	if (json == NULL) {
		assert_null(text);
		return;
	}
	assert_non_null(text);
	assert_int_equal(text->len, strlen(json));
	assert_memory_equal(text->json, json, text->len);
}

static void
each_is_found_by_its_scope_and_name(void **state)
{
	struct fixture *x = *state;
	char	 name[32], text[32];

	expect(x, PROMPTS_GLOBAL, "", NULL);
	assert_int_equal(prompt_list_count(x->list), 0);
	set(x, PROMPTS_GLOBAL, "", "everybody's");
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "lab/m%d", i);
		snprintf(text, sizeof text, "text %d", i);
		set(x, PROMPTS_MODEL, name, text);
	}
	assert_true(look(x));
	assert_int_equal(prompt_list_count(x->list), 101);
	assert_int_equal(prompt_list_count_of(x->list, PROMPTS_MODEL), 100);
	assert_int_equal(prompt_list_count_of(x->list, PROMPTS_KEY), 0);
	expect(x, PROMPTS_GLOBAL, "", "everybody's");
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "lab/m%d", i);
		snprintf(text, sizeof text, "text %d", i);
		expect(x, PROMPTS_MODEL, name, text);
		expect(x, PROMPTS_KEY, name, NULL);
	}
	expect(x, PROMPTS_MODEL, "lab/m", NULL);
	expect(x, PROMPTS_MODEL, "", NULL);
	expect(x, PROMPTS_GLOBAL, "lab/m1", NULL);
}

static void
a_keys_is_found_by_its_id(void **state)
{
	struct fixture *x = *state;
	static const struct keys_change nothing;
	unsigned char hash[KEYS_HASH];
	char	 id[KEYS_ID_SIZE];
	struct key_ids ids;

	assert_int_equal(keys_add(x->db, "alice", "sk-one-one-one-one",
	    &nothing, NOW), KEYS_DONE);
	set(x, PROMPTS_KEY, "alice", "hers");
	assert_true(look(x));
	crypto_hash_sha256(hash, (const unsigned char *)"sk-one-one-one-one",
	    18);
	assert_true(key_ids_load(&ids, x->place->dir));
	key_ids_make(&ids, hash, id);
	expect(x, PROMPTS_KEY, id, "hers");
	expect(x, PROMPTS_KEY, "alice", NULL);
	assert_int_equal(keys_delete(x->db, "alice"), KEYS_DONE);
	assert_true(look(x));
	expect(x, PROMPTS_KEY, id, NULL);
}

static void
texts_are_escaped_once(void **state)
{
	struct fixture *x = *state;

	set(x, PROMPTS_GLOBAL, "", "\"a\\b\"\n\r\t/ \xC3\xBC \xF0\x9F\x98\x80");
	assert_true(look(x));
	expect(x, PROMPTS_GLOBAL, "",
	    "\\\"a\\\\b\\\"\\n\\r\\t/ \xC3\xBC \xF0\x9F\x98\x80");
}

static void
only_changes_are_read(void **state)
{
	struct fixture *x = *state;
	static const struct keys_change nothing;

	set(x, PROMPTS_GLOBAL, "", "one");
	assert_true(look(x));
	assert_false(look(x));
	assert_int_equal(keys_add(x->db, "bob", "sk-bob-bob-bob-bob",
	    &nothing, NOW), KEYS_DONE);
	assert_false(look(x));
	set(x, PROMPTS_GLOBAL, "", "two");
	assert_true(look(x));
	expect(x, PROMPTS_GLOBAL, "", "two");
	set(x, PROMPTS_GLOBAL, "", "");
	assert_true(look(x));
	assert_int_equal(prompt_list_count(x->list), 0);
}

/* As a request that began before they changed. */
static void
a_reference_outlives_a_change(void **state)
{
	struct fixture *x = *state;
	struct prompt_list *before;
	const struct prompt_text *text;

	set(x, PROMPTS_GLOBAL, "", "before");
	assert_true(look(x));
	before = prompt_list_ref(x->list);
	text = prompt_list_find(before, PROMPTS_GLOBAL, "");
	set(x, PROMPTS_GLOBAL, "", "after");
	assert_true(look(x));
	assert_memory_equal(text->json, "before", 6);
	prompt_list_unref(before);
	expect(x, PROMPTS_GLOBAL, "", "after");
}

static void
without_the_database_they_stay(void **state)
{
	struct fixture *x = *state;
	static const char *const ends[] = { "", "-wal", "-shm" };
	char	 path[256];

	set(x, PROMPTS_GLOBAL, "", "stays");
	assert_true(look(x));
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		snprintf(path, sizeof path, "%s%s", db_path(x->db), ends[i]);
		unlink(path);
	}
	assert_false(look(x));
	expect(x, PROMPTS_GLOBAL, "", "stays");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(each_is_found_by_its_scope_and_name),
		TEST(a_keys_is_found_by_its_id),
		TEST(texts_are_escaped_once),
		TEST(only_changes_are_read),
		TEST(a_reference_outlives_a_change),
		TEST(without_the_database_they_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
