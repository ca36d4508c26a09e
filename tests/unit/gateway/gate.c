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

static void
only_whole_keys_open(void **state)
{
	static const char *const wrong[] = {
		"", " ", "sk-on", "sk-one2", "SK-ONE", " sk-one", "sk-one ",
		"sk-one, sk-two", "sk-one,sk-two", ",", "Bearer sk-one",
	};
	struct snapshot *s = load(*state, "", "sk-one, sk-two ,sk-three");

	assert_int_equal(gate_check(s, "sk-one"), ERR_NONE);
	assert_int_equal(gate_check(s, "sk-two"), ERR_NONE);
	assert_int_equal(gate_check(s, "sk-three"), ERR_NONE);
	assert_int_equal(gate_check(s, NULL), ERR_INVALID_API_KEY);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(gate_check(s, wrong[i]), ERR_INVALID_API_KEY);
	snapshot_unref(s);
}

static void
without_keys_nobody_comes_in(void **state)
{
	struct snapshot *s = load(*state, "", " , ,");

	assert_int_equal(gate_check(s, NULL), ERR_INVALID_API_KEY);
	assert_int_equal(gate_check(s, ""), ERR_INVALID_API_KEY);
	assert_int_equal(gate_check(s, " "), ERR_INVALID_API_KEY);
	snapshot_unref(s);
}

static void
an_open_gate_asks_nothing(void **state)
{
	struct snapshot *s = load(*state, "auth: { open = true; };", "sk-one");

	assert_int_equal(gate_check(s, NULL), ERR_NONE);
	assert_int_equal(gate_check(s, "wrong"), ERR_NONE);
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
		cmocka_unit_test(equal_is_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
