/* What is put behind a base URL. */
#include "config.h"

#include "conf/base_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void
a_version_is_put_where_there_is_none(void **state)
{
	static const struct { const char *url, *whole; } cases[] = {
		{ "https://h", "https://h/v1" },
		{ "https://h/", "https://h/v1" },
		{ "https://h/v1", "https://h/v1" },
		{ "https://h/v1///", "https://h/v1" },
		{ "https://h/api/v4", "https://h/api/v4" },
		{ "https://h/v1beta/openai", "https://h/v1beta/openai" },
		{ "https://h/openai", "https://h/openai/v1" },
		{ "https://v1.h", "https://v1.h/v1" },
		{ "https://h/video", "https://h/video/v1" },
		{ "https://h/v", "https://h/v/v1" },
		{ "https://h/v1-2", "https://h/v1-2/v1" },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 1024);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(base_url_complete(&arena, cases[i].url),
		    cases[i].whole);
	arena_fini(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_version_is_put_where_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
