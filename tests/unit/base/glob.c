/* Patterns: what they match, and that no pattern takes for ever. */
#include "config.h"

#include "base/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
stars_stand_for_anything(void **state)
{
	static const struct { const char *pattern, *text; bool matches; }
	cases[] = {
		{ "", "", true }, { "", "a", false }, { "a", "", false },
		{ "gpt-4o", "gpt-4o", true }, { "gpt-4o", "gpt-4o2", false },
		{ "gpt-4o", "GPT-4O", false }, { "gpt-4o", "xgpt-4o", false },
		{ "*", "", true }, { "*", "a/b\nc", true },
		{ "gpt-*", "gpt-", true }, { "gpt-*", "gpt", false },
		{ "gpt-*", "xgpt-4", false }, { "*-mini", "a-mini", true },
		{ "*-mini", "a-mini2", false }, { "*-mini", "-mini-mini", true },
		{ "a*b*c", "abc", true }, { "a*b*c", "aXbYbZc", true },
		{ "a*b*c", "acb", false }, { "**a**", "a", true },
		{ "*/x", "team/sub/x", true }, { "a*a", "a", false },
		{ "?", "a", false }, { "[a]", "a", false }, { "\\*", "*", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (glob_matches(cases[i].pattern, strlen(cases[i].pattern),
		    cases[i].text) != cases[i].matches)
			fail_msg("\"%s\", \"%s\"", cases[i].pattern,
			    cases[i].text);
}

static void
a_list_has_a_pattern_on_each_line(void **state)
{
	(void)state;
	assert_true(glob_list_matches("a\nb*\nc", "a"));
	assert_true(glob_list_matches("a\nb*\nc", "bcd"));
	assert_true(glob_list_matches("a\nb*\nc", "c"));
	assert_false(glob_list_matches("a\nb*\nc", "ab"));
	assert_false(glob_list_matches("a\nb*\nc", "a\nb"));
	assert_false(glob_list_matches("a\nb*\nc", ""));
	assert_false(glob_list_matches("", ""));
	assert_false(glob_list_matches("\n\n", ""));
	assert_true(glob_list_matches("\n*\n", ""));
}

/* Trying each star's every length would take 2^64 steps and more. */
static void
hostile_patterns_end(void **state)
{
	enum { STARS = 60, TEXT = 500 };
	char	 pattern[2 * STARS + 2], text[TEXT + 1];

	(void)state;
	for (int i = 0; i < STARS; i++)
		memcpy(&pattern[2 * i], "*a", 2);
	strcpy(&pattern[2 * STARS], "b");
	memset(text, 'a', TEXT);
	text[TEXT] = '\0';
	assert_false(glob_matches(pattern, strlen(pattern), text));
	text[TEXT - 1] = 'b';
	assert_true(glob_matches(pattern, strlen(pattern), text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stars_stand_for_anything),
		cmocka_unit_test(a_list_has_a_pattern_on_each_line),
		cmocka_unit_test(hostile_patterns_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
