/* Reading a file whole, and what is refused before libconfig sees it. */
#include "config.h"

#include "conf/source.h"

#include <errno.h>
#include <unistd.h>

#include "tests/unit/conf/dir.h"

#define TEXT(s) s, sizeof(s) - 1

/* LINE 0: nothing is wrong. WHY: a part of what is said. */
static const struct sample {
	const char	*text;
	size_t		 size;
	unsigned	 line;
	const char	*why;
} samples[] = {
	{ TEXT(""), 0, NULL },
	{ TEXT("a = 1;\r\n\tb = \"x\";\f\v"), 0, NULL },
	{ TEXT("a = \"\xc3\xa9\"; # \xe2\x82\xac\n"), 0, NULL },
	{ TEXT("# \"\n/* \" ( */ a = 1; // {\n"), 0, NULL },
	{ TEXT("a = \"# /* @include ( \\\" \\\\\";"), 0, NULL },
	{ TEXT("a = 2147483647; b = 2147483648L; c = 99999999999.5;"), 0, NULL },
	{ TEXT("a = 0x7fffffff; b = 0xffffffffL; c = 1e99; d-9999999999 = 1;"), 0, NULL },
	{ TEXT("/* @include \"x\" */\n# @include \"x\"\n"), 0, NULL },
	{ TEXT("a = 1 / 2;"), 0, NULL },

	{ TEXT("\n@include \"x\"\n"), 2, "@include" },
	{ TEXT("a = 1; @include \"x\"\n"), 1, "@include" },
	{ TEXT("\n\na = 2147483648;"), 3, "L at the end" },
	{ TEXT("a = 104857600000;"), 1, "L at the end" },
	{ TEXT("a = -2147483649;"), 1, "L at the end" },
	{ TEXT("a = 0xffffffff;"), 1, "L at the end" },
	{ TEXT("a = \"x\n\n"), 1, "string has no end" },
	{ TEXT("a = \"x\\"), 1, "string has no end" },
	{ TEXT("\n/* x\n"), 2, "comment has no end" },
	{ TEXT("a\0 = 1;"), 1, "NUL" },
	{ TEXT("a = \"\0\";"), 1, "NUL" },
	{ TEXT("# \0"), 1, "NUL" },
	{ TEXT("a = \"\\x00\";"), 1, "NUL" },
	{ TEXT("a = \"\x01\";"), 1, "control" },
	{ TEXT("\x1b[31m"), 1, "control" },
	{ TEXT("\n# \xff\n"), 2, "UTF-8" },
	{ TEXT("a = \"\xc0\x80\";"), 1, "UTF-8" },
	{ TEXT("a = \"\xed\xa0\x80\";"), 1, "UTF-8" },
	{ TEXT("a = \"\xe2\x82"), 1, "UTF-8" },
	{ TEXT("a = ((((((((((((((((1))))))))))))))));"), 0, NULL },
	{ TEXT("a = (((((((((((((((((1)))))))))))))))));"), 1, "too deeply" },
	{ TEXT(")))]]]}}}"), 0, NULL },
};

static void
every_sample_is_judged_as_it_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		/* Its own memory, so that a step too far is seen. */
		struct source source = { .size = s->size };
		const char *why = NULL;
		unsigned line;

		source.text = calloc(1, s->size + 1);
		memcpy(source.text, s->text, s->size);
		line = source_check(&source, &why);
		if (line != s->line || (s->line != 0 &&
		    (why == NULL || strstr(why, s->why) == NULL)))
			fail_msg("%s: line %u (%s)", s->text, line,
			    why == NULL ? "-" : why);
		source_fini(&source);
	}
}

/* COUNT times TEXT, in a source. */
static struct source
repeated(const char *text, size_t count)
{
	size_t n = strlen(text);
	struct source s = { .size = n * count };

	s.text = malloc(s.size + 1);
	for (size_t i = 0; i < count; i++)
		memcpy(s.text + i * n, text, n);
	s.text[s.size] = '\0';
	return s;
}

static void
nothing_is_without_bound(void **state)
{
	static const struct { const char *text; size_t count; const char *why; }
	hostile[] = {
		{ "(", 100000, "too deeply" },
		{ "a={", 100000, "too deeply" },
		{ "a=1;", 100000, "too many settings" },
		{ "\n", 70000, "too many lines" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct source s = repeated(hostile[i].text, hostile[i].count);
		const char *why;

		assert_int_not_equal(source_check(&s, &why), 0);
		assert_non_null(strstr(why, hostile[i].why));
		source_fini(&s);
	}
}

static void
a_file_is_read_whole(void **state)
{
	struct source s;
	const char *why;

	dir_write_bytes(*state, "x", "a\0b\n", 4);
	assert_int_equal(source_load(&s, dir_path(*state, "x"), 4, &why), 0);
	assert_int_equal(s.size, 4);
	assert_memory_equal(s.text, "a\0b\n", 5);
	source_fini(&s);
	dir_write(*state, "x", "");
	assert_int_equal(source_load(&s, dir_path(*state, "x"), 4, &why), 0);
	assert_int_equal(s.size, 0);
	assert_string_equal(s.text, "");
	source_fini(&s);
}

static void
what_is_no_fit_file_is_refused(void **state)
{
	struct source s;
	const char *why = NULL;

	assert_int_equal(source_load(&s, dir_path(*state, "none"), 9, &why),
	    ENOENT);
	assert_int_equal(source_load(&s, dir_path(*state, "providers.d"), 9,
	    &why), EISDIR);
	assert_int_equal(mkfifo(dir_path(*state, "fifo"), 0600), 0);
	assert_int_equal(source_load(&s, dir_path(*state, "fifo"), 9, &why),
	    EINVAL);
	assert_string_equal(why, "Not a regular file");
	dir_write(*state, "big", "0123456789");
	assert_int_equal(source_load(&s, dir_path(*state, "big"), 9, &why),
	    EFBIG);
	assert_null(s.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sample_is_judged_as_it_should),
		cmocka_unit_test(nothing_is_without_bound),
		cmocka_unit_test_setup_teardown(a_file_is_read_whole,
		    dir_setup, dir_teardown),
		cmocka_unit_test_setup_teardown(what_is_no_fit_file_is_refused,
		    dir_setup, dir_teardown),
	};

	return cmocka_run_group_tests_name("conf/source", tests, NULL, NULL);
}
