/* What is shown of a secret. */
#include "config.h"

#include "base/hint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
no_more_than_a_third_is_shown(void **state)
{
	static const struct { const char *secret, *hint; } cases[] = {
		{ "", "..." }, { "ab", "..." }, { "abc", "...c" },
		{ "abcdefgh", "...gh" }, { "user-api-key", "...-key" },
		{ "sk-456789012345", "s...2345" },
		{ "sk-456789012345678wxyz", "sk-...wxyz" },
		{ "sk-4567890123456789012345678901234567890wxyz",
		  "sk-...wxyz" },
	};
	char	 hint[HINT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		hint_make(cases[i].secret, hint);
		assert_string_equal(hint, cases[i].hint);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_than_a_third_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
