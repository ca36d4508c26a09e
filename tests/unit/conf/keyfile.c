/* The lines of an env_file: what is written is what env.c reads. */
#include "config.h"

#include "conf/keyfile.h"

#include "conf/env.h"
#include "conf/reader.h"
#include "tests/unit/conf/dir.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* The text that keyfile_write makes. To be freed. */
static char *
text_of(const char *old, const struct keyfile_variable *list, size_t count)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	keyfile_write(f, old, list, count);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void
every_value_can_be_read_again(void **state)
{
	static const struct keyfile_variable list[] = {
		{ "A", "plain" }, { "B", "" }, { "C", " spaces around " },
		{ "D", "\"quoted\"" }, { "E", "'single'" }, { "F", "a=b#c" },
		{ "G", "in\"side" }, { "H", "\xc3\xa9" },
	};
	struct dir *d = *state;
	char *text = text_of(NULL, list, COUNT(list));
	struct reader r = {
		.file = dir_path(d, "env"), .report = dir_report, .arg = d
	};
	struct conf_env *env;

	dir_write(d, "env", text);
	assert_int_equal(chmod(r.file, 0600), 0);
	env = env_load(&r);
	if (env == NULL)
		fail_msg("%s of %s", d->reports, text);
	for (size_t i = 0; i < COUNT(list); i++) {
		assert_true(keyfile_can_hold(list[i].value));
		assert_string_equal(env_find(env, list[i].name),
		    list[i].value);
	}
	env_free(env);
	free(text);
}

static void
some_values_fit_no_line(void **state)
{
	(void)state;
	assert_true(keyfile_can_hold("sk-1"));
	assert_true(keyfile_can_hold(""));
	assert_true(keyfile_can_hold("a\"b'c"));
	assert_false(keyfile_can_hold("\"b'c"));
	assert_false(keyfile_can_hold("a\"b'c "));
	assert_false(keyfile_can_hold("a\nb"));
	assert_false(keyfile_can_hold("a\rb"));
	assert_false(keyfile_can_hold("a\x7f"));
	assert_false(keyfile_can_hold("\xff"));
}

static void
old_lines_stay_but_for_the_new_variables(void **state)
{
	static const struct keyfile_variable list[] = {
		{ "A", "new" }, { "NONE", NULL }
	};
	char *text = text_of("# A=1\n\nAB=2\n  export  A = old\nA=old\nBA=3",
	    list, COUNT(list));

	(void)state;
	assert_string_equal(text, "# A=1\n\nAB=2\nBA=3\nA=new\nNONE=\n");
	free(text);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, dir_setup, dir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_value_can_be_read_again),
		TEST(some_values_fit_no_line),
		TEST(old_lines_stay_but_for_the_new_variables),
	};

	return cmocka_run_group_tests_name("conf/keyfile", tests, NULL, NULL);
}
