/* What counts as text. */
#include "config.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
text_is_told_from_what_is_none(void **state)
{
	static const struct { const char *text; bool line, lines; } cases[] = {
		{ "", true, true }, { "plain", true, true },
		{ "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80", true,
		    true },
		{ "two\nlines", false, true }, { "\r\n\t", false, true },
		{ "bell\a", false, false }, { "\x1B[1m", false, false },
		{ "del\x7F", false, false }, { "\v", false, false },
		{ "\xC0\xAF", false, false }, { "\xED\xA0\x80", false, false },
		{ "cut\xE2\x82", false, false }, { "\xFF", false, false },
		{ "\xF4\x90\x80\x80", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *text = cases[i].text;

		assert_int_equal(text_is_line(text, strlen(text)),
		    cases[i].line);
		assert_int_equal(text_is_lines(text, strlen(text)),
		    cases[i].lines);
	}
	assert_false(text_is_line("a\0b", 3));
	assert_false(text_is_lines("a\0b", 3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_told_from_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
