/* Environment files, shell scripts and Python constants. */
#include "config.h"

#include "conf/import_env.h"

#include "conf/import.h"
#include "tests/unit/conf/dir.h"

static void
ignore_note(void *arg, const char *text)
{
	(void)arg, (void)text;
}

static void
expect(const char *text, const char *name, const char *value)
{
	struct import im;
	const char *got;

	import_init(&im, NULL, ignore_note, NULL);
	import_env_take(&im, text);
	got = import_env_get(&im, name);
	if (value == NULL)
		assert_null(got);
	else {
		assert_non_null(got);
		assert_string_equal(got, value);
	}
	import_fini(&im);
}

static void
values_are_taken_as_they_are_written(void **state)
{
	(void)state;
	expect("A=1", "A", "1");
	expect("A=1\r\nB=2\r\n", "A", "1");
	expect("A = 1 # one\n", "A", "1");
	expect("A=a#b\n", "A", "a#b");
	expect("export A=\"x y\"\n", "A", "x y");
	expect("A='x \" y'  # c\n", "A", "x \" y");
	expect("A=\"x\\\"y\\\\\"\n", "A", "x\"y\\");
	expect("A='{\n\"B\": 1}'\nC=2\n", "A", "{\n\"B\": 1}");
	expect("A='{\nB=1}'\n", "B", NULL);
	expect("A=1\nA=2\n", "A", "2");
	expect("A=1\nA=\n", "A", NULL);
}

static void
other_lines_do_not_count(void **state)
{
	(void)state;
	expect("# A=1\n", "A", NULL);
	expect("  A=1\n", "A", NULL);
	expect("A == 1\n", "A", NULL);
	expect("if A=1:\n", "A", NULL);
	expect("A=\"no end\nB=1\n", "A", NULL);
	expect("A=\"no end\nB=1\n", "B", "1");
	expect("=1\nA", "A", NULL);
}

static void
a_file_stands_in_for_the_environment(void **state)
{
	struct import im;

	(void)state;
	assert_int_equal(setenv("SLUICE_T_OLD", "ours", 1), 0);
	import_init(&im, NULL, ignore_note, NULL);
	assert_string_equal(import_env_get(&im, "SLUICE_T_OLD"), "ours");
	import_env_take(&im, "");
	assert_null(import_env_get(&im, "SLUICE_T_OLD"));
	import_fini(&im);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_taken_as_they_are_written),
		cmocka_unit_test(other_lines_do_not_count),
		cmocka_unit_test(a_file_stands_in_for_the_environment),
	};

	return cmocka_run_group_tests_name("conf/import_env", tests, NULL,
	    NULL);
}
