/* The env_file: its lines, its rights, and that the environment wins. */
#include "config.h"

#include "conf/env.h"

#include "conf/reader.h"
#include "tests/unit/conf/dir.h"

/* Load TEXT as an env_file of mode MODE. */
static struct conf_env *
load(struct dir *d, const char *text, mode_t mode)
{
	struct reader r = {
		.file = dir_path(d, "env"), .report = dir_report, .arg = d
	};

	dir_write(d, "env", text);
	assert_int_equal(chmod(r.file, mode), 0);
	d->reports[0] = '\0';
	d->report_count = 0;
	return env_load(&r);
}

static void
lines_become_variables(void **state)
{
	struct conf_env *env = load(*state, "# comment\n\n"
	    "A=1\n  B = no\n", 0600);

	assert_null(env);
	dir_expect_one(*state, "env:4: expected NAME=value");
	env = load(*state, "# comment\n\n   \nA=1\n\tB=two words \n"
	    "C=\"quoted # = \"\nD='single \" '\nE=\nexport F=a=b\r\n"
	    "G=\"\"\nH=\xc3\xa9", 0600);
	assert_non_null(env);
	assert_string_equal(env_find(env, "A"), "1");
	assert_string_equal(env_find(env, "B"), "two words");
	assert_string_equal(env_find(env, "C"), "quoted # = ");
	assert_string_equal(env_find(env, "D"), "single \" ");
	assert_string_equal(env_find(env, "E"), "");
	assert_string_equal(env_find(env, "F"), "a=b");
	assert_string_equal(env_find(env, "G"), "");
	assert_string_equal(env_find(env, "H"), "\xc3\xa9");
	assert_null(env_find(env, "NOPE"));
	env_free(env);
}

static void
comments_are_no_part_of_values(void **state)
{
	static const struct { const char *line; const char *value; } cases[] = {
		{ "A=ck # me", "ck" }, { "A=ck\t# me # you", "ck" },
		{ "A=ck#me", "ck#me" }, { "A=ck#me # you", "ck#me" },
		{ "A=#ck", "#ck" }, { "A= # me", "" }, { "A= ck  # me", "ck" },
		{ "A=two words # me", "two words" }, { "A=ck #", "ck" },
		{ "A=\"ck # me\"", "ck # me" }, { "A='ck' # me", "ck" },
		{ "A=\"ck\"\t#me", "ck" }, { "export A=ck # me", "ck" },
		{ "A=it's # me", "it's" }, { "A=\"a'b\" # 'x'", "a'b" },
		{ "\xef\xbb\xbf" "A=ck # me", "ck" },
		{ "\xef\xbb\xbf# me\r\nA=ck # me\r\n", "ck" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_env *env = load(*state, cases[i].line, 0600);

		if (env == NULL)
			fail_msg("%s", cases[i].line);
		assert_string_equal(env_find(env, "A"), cases[i].value);
		env_free(env);
	}
}

static void
bad_lines_are_reported_by_number(void **state)
{
	static const struct { const char *text; const char *report; } bad[] = {
		{ "A\n", "env:1: expected NAME=value" },
		{ "\n=x\n", "env:2: expected NAME=value" },
		{ "9A=x\n", "env:1: expected NAME=value" },
		{ "A-B=x\n", "env:1: expected NAME=value" },
		{ "A=1\nA=2\n", "env:2: this variable is set a second time" },
		{ "A = x\n", "env:1: expected NAME=value without a space" },
		{ "A\t=x\n", "env:1: expected NAME=value without a space" },
		{ "A=1\n\xef\xbb\xbf" "B=2\n", "env:2: expected NAME=value" },
		{ "A='x'# y\n", "env:1: this quoted value" },
		{ "A=\"x\n", "env:1: this quoted value" },
		{ "A='x' y\n", "env:1: this quoted value" },
		{ "A=\"\n", "env:1: this quoted value" },
		{ "A=x\x01y\n", "env:1: expected a value without control" },
		{ "A=x\xff\n", "env:1: expected a value without control" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(load(*state, bad[i].text, 0600));
		dir_expect_one(*state, bad[i].report);
	}
}

static void
a_value_is_never_reported(void **state)
{
	struct dir *d = *state;

	assert_null(load(d, "A=\"sk-secret\nB sk-secret\nA=sk-secret\x02\n",
	    0600));
	assert_int_equal(d->report_count, 3);
	assert_null(strstr(d->reports, "secret"));
}

static void
others_must_not_read_it(void **state)
{
	static const mode_t open_modes[] = { 0644, 0640, 0604, 0660, 0601 };
	struct conf_env *env;

	for (size_t i = 0; i < sizeof(open_modes) / sizeof(open_modes[0]); i++) {
		assert_null(load(*state, "A=1\n", open_modes[i]));
		dir_expect_one(*state, "env:0: others may read");
	}
	env = load(*state, "A=1\n", 0400);
	assert_non_null(env);
	env_free(env);
}

static void
what_is_no_fit_file_is_refused(void **state)
{
	struct dir *d = *state;
	struct reader r = { .report = dir_report, .arg = d };
	static char big[70000];

	r.file = dir_path(d, "none");
	assert_null(env_load(&r));
	dir_expect_one(d, "none:0: No such file");
	d->reports[0] = '\0';
	d->report_count = 0;
	r.file = dir_path(d, "providers.d");
	assert_null(env_load(&r));
	dir_expect_one(d, "providers.d:0: Is a directory");
	memset(big, '\n', sizeof(big) - 1);
	assert_null(load(d, big, 0600));
	dir_expect_one(d, "env:0: File too large");
	dir_write_bytes(d, "nul", "A=1\nB=\0\n", 8);
	assert_int_equal(chmod(dir_path(d, "nul"), 0600), 0);
	d->reports[0] = '\0';
	d->report_count = 0;
	r.file = dir_path(d, "nul");
	assert_null(env_load(&r));
	dir_expect_one(d, "nul:0: a NUL byte");
}

static void
there_is_a_last_variable(void **state)
{
	static char text[16000];
	struct conf_env *env;
	size_t n = 0;

	for (int i = 0; i < 1000; i++)
		n += (size_t)sprintf(text + n, "V%d=%d\n", i, i);
	env = load(*state, text, 0600);
	assert_non_null(env);
	assert_string_equal(env_find(env, "V999"), "999");
	env_free(env);
	sprintf(text + n, "W=1\n");
	assert_null(load(*state, text, 0600));
	dir_expect_one(*state, "env:1001: more than 1000");
}

static void
the_environment_wins(void **state)
{
	struct conf_env *env = load(*state,
	    "SLUICE_T1=file\nSLUICE_T2=file\nSLUICE_T3=file\nSLUICE_T4=\n",
	    0600);

	setenv("SLUICE_T1", "process", 1);
	setenv("SLUICE_T2", "", 1);
	unsetenv("SLUICE_T3");
	assert_string_equal(env_get(env, "SLUICE_T1"), "process");
	assert_string_equal(env_get(env, "SLUICE_T2"), "file");
	assert_string_equal(env_get(env, "SLUICE_T3"), "file");
	assert_null(env_get(env, "SLUICE_T4"));
	assert_null(env_get(env, "SLUICE_T5"));
	assert_null(env_get(NULL, "SLUICE_T3"));
	env_free(env);
	env_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)

/* The bytes that /proc/PID/environ would show go with it. */
static void
a_hidden_variable_is_found_by_us_alone(void **state)
{
	char text[] = "HIDDEN_ONE=secret-of-ours";

	(void)state;
	assert_int_equal(putenv(text), 0);
	env_hide("HIDDEN_ONE");
	assert_null(getenv("HIDDEN_ONE"));
	assert_string_equal(text, "HIDDEN_ONE=");
	assert_string_equal(env_get(NULL, "HIDDEN_ONE"), "secret-of-ours");
	env_hide("HIDDEN_ONE");
	assert_string_equal(env_get(NULL, "HIDDEN_ONE"), "secret-of-ours");
	setenv("HIDDEN_ONE", "newer", 1);
	assert_string_equal(env_get(NULL, "HIDDEN_ONE"), "newer");
	env_hide("HIDDEN_ONE");
	assert_string_equal(env_get(NULL, "HIDDEN_ONE"), "newer");
	assert_null(getenv("HIDDEN_ONE"));
	env_hide("HIDDEN_NOTHING");
	assert_null(env_get(NULL, "HIDDEN_NOTHING"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_become_variables),
		TEST(comments_are_no_part_of_values),
		TEST(bad_lines_are_reported_by_number),
		TEST(a_value_is_never_reported),
		TEST(others_must_not_read_it),
		TEST(what_is_no_fit_file_is_refused),
		TEST(there_is_a_last_variable),
		TEST(the_environment_wins),
		TEST(a_hidden_variable_is_found_by_us_alone),
	};

	return cmocka_run_group_tests_name("conf/env", tests, NULL, NULL);
}
