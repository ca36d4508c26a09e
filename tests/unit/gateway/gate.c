/* Who may come in. */
#include "config.h"

#include "gateway/gate.h"

#include "tests/unit/conf/dir.h"

static struct snapshot *
load(struct dir *d, const char *conf, const char *keys)
{
	dir_write(d, "sluice.conf", conf);
	setenv("SLUICE_API_KEYS", keys, 1);
	return snapshot_create(dir_load_good(d));
}

static const char *key_id;

/* gate_check, which leaves the id in key_id. */
static enum err
check(const struct snapshot *s, const char *credential)
{
	static char id[64];
	struct arena arena;
	enum err err;

	arena_init(&arena, 64);
	key_id = "as it was";
	err = gate_check(s, credential, &arena, &key_id);
	if (key_id != NULL)
		key_id = strncpy(id, key_id, sizeof(id) - 1);
	arena_fini(&arena);
	return err;
}

static void
only_whole_keys_open(void **state)
{
	static const char *const wrong[] = {
		"", " ", "sk-on", "sk-one2", "SK-ONE", " sk-one", "sk-one ",
		"sk-one, sk-two", "sk-one,sk-two", ",", "Bearer sk-one",
	};
	struct snapshot *s = load(*state, "", "sk-one, sk-two ,sk-three");

	assert_int_equal(check(s, "sk-one"), ERR_NONE);
	assert_int_equal(check(s, "sk-two"), ERR_NONE);
	assert_int_equal(check(s, "sk-three"), ERR_NONE);
	assert_int_equal(check(s, NULL), ERR_INVALID_API_KEY);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(check(s, wrong[i]), ERR_INVALID_API_KEY);
	snapshot_unref(s);
}

static void
without_keys_nobody_comes_in(void **state)
{
	struct snapshot *s = load(*state, "", " , ,");

	assert_int_equal(check(s, NULL), ERR_INVALID_API_KEY);
	assert_int_equal(check(s, ""), ERR_INVALID_API_KEY);
	assert_int_equal(check(s, " "), ERR_INVALID_API_KEY);
	snapshot_unref(s);
}

static void
an_open_gate_asks_nothing(void **state)
{
	struct snapshot *s = load(*state, "auth: { open = true; };", "sk-one");

	assert_int_equal(check(s, NULL), ERR_NONE);
	assert_int_equal(check(s, "wrong"), ERR_NONE);
	snapshot_unref(s);
}

/* Of "sk-one": printf sk-one | sha256sum. */
static void
a_key_that_is_accepted_has_an_id(void **state)
{
	struct snapshot *s = load(*state, "", "sk-one,sk-two");
	char	 first[33];

	check(s, "sk-one");
	assert_non_null(key_id);
	assert_int_equal(strlen(key_id), 32);
	assert_string_equal(key_id, "456f1612bd25c6c8455039437bf441f4");
	strcpy(first, key_id);
	check(s, "sk-two");
	assert_int_equal(strlen(key_id), 32);
	assert_string_not_equal(key_id, first);
	check(s, "sk-one");
	assert_string_equal(key_id, first);
	snapshot_unref(s);
}

static void
what_is_refused_or_not_asked_has_no_id(void **state)
{
	struct snapshot *s = load(*state, "", "sk-one");

	check(s, "sk-wrong");
	assert_null(key_id);
	check(s, NULL);
	assert_null(key_id);
	snapshot_unref(s);
	s = load(*state, "auth: { open = true; };", "sk-one");
	check(s, "sk-one");
	assert_null(key_id);
	snapshot_unref(s);
}

static void
the_admin_key_is_one_of_its_own(void **state)
{
	struct snapshot *s;

	unsetenv("SLUICE_ADMIN_KEY");
	s = load(*state, "auth: { open = true; };", "sk-one");
	assert_false(gate_is_admin(s, NULL));
	assert_false(gate_is_admin(s, ""));
	assert_false(gate_is_admin(s, "sk-one"));
	snapshot_unref(s);
	setenv("SLUICE_ADMIN_KEY", "", 1);
	s = load(*state, "", "sk-one");
	assert_false(gate_is_admin(s, ""));
	snapshot_unref(s);
	setenv("SLUICE_ADMIN_KEY", "sk-admin", 1);
	s = load(*state, "", "sk-one");
	assert_true(gate_is_admin(s, "sk-admin"));
	assert_false(gate_is_admin(s, "sk-admin "));
	assert_false(gate_is_admin(s, "sk-one"));
	assert_false(gate_is_admin(s, NULL));
	assert_int_equal(check(s, "sk-admin"), ERR_INVALID_API_KEY);
	snapshot_unref(s);
	setenv("OTHER_ADMIN_KEY", "sk-other", 1);
	s = load(*state, "auth: { admin_key_env = \"OTHER_ADMIN_KEY\"; };",
	    "sk-one");
	assert_true(gate_is_admin(s, "sk-other"));
	assert_false(gate_is_admin(s, "sk-admin"));
	snapshot_unref(s);
}

static void
metrics_are_for_those_in_the_list(void **state)
{
	struct snapshot *s = load(*state, "metrics: { allow = "
	    "[ \"10.0.0.0/8\", \"::1\" ]; };", "sk-one");

	assert_true(gate_allows_metrics(s, "10.2.3.4"));
	assert_true(gate_allows_metrics(s, "::ffff:10.2.3.4"));
	assert_true(gate_allows_metrics(s, "::1"));
	assert_false(gate_allows_metrics(s, "127.0.0.1"));
	assert_false(gate_allows_metrics(s, ""));
	assert_false(gate_allows_metrics(s, NULL));
	snapshot_unref(s);
	s = load(*state, "auth: { open = true; };", "sk-one");
	assert_false(gate_allows_metrics(s, "127.0.0.1"));
	assert_false(gate_allows_metrics(s, ""));
	assert_false(gate_allows_metrics(s, NULL));
	snapshot_unref(s);
}

static void
equal_is_equal(void **state)
{
	(void)state;
	assert_true(gate_equal("secret", "secret"));
	assert_true(gate_equal("", ""));
	assert_false(gate_equal("secret", "Secret"));
	assert_false(gate_equal("secret", "secret1"));
	assert_false(gate_equal("", "secret"));
	assert_false(gate_equal(NULL, "secret"));
	assert_false(gate_equal("secret", NULL));
	assert_false(gate_equal(NULL, NULL));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(only_whole_keys_open),
		TEST(without_keys_nobody_comes_in),
		TEST(an_open_gate_asks_nothing),
		TEST(a_key_that_is_accepted_has_an_id),
		TEST(what_is_refused_or_not_asked_has_no_id),
		TEST(the_admin_key_is_one_of_its_own),
		TEST(metrics_are_for_those_in_the_list),
		cmocka_unit_test(equal_is_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
