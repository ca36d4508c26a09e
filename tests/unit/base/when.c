/* Times and durations as people write them. */
#include "config.h"

#include "base/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
times_are_utc(void **state)
{
	static const struct { const char *text; int64_t time_s; } cases[] = {
		{ "2026-05-04", 1777852800 }, { "2026-05-04T01", 1777856400 },
		{ "2026-05-04T01Z", 1777856400 },
		{ "2026-05-04T00:30", 1777854600 },
		{ "2026-05-04T00:00:09Z", 1777852809 }, { "1970-01-01", 0 },
		{ "", -1 }, { "tomorrow", -1 }, { "2026-05-04 ", -1 },
		{ "2026-13-01", -1 }, { "1969-12-31", -1 },
		{ "2026-05-04T00:30+02:00", -1 },
	};
	int64_t	 time_s;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (when_parse_time(cases[i].text, &time_s))
			assert_int_equal(time_s, cases[i].time_s);
		else
			assert_int_equal(cases[i].time_s, -1);
}

static void
durations_have_a_unit(void **state)
{
	static const struct { const char *text; int64_t duration_s; } cases[] = {
		{ "90s", 90 }, { "30m", 1800 }, { "24h", 86400 },
		{ "7d", 604800 }, { "0s", 0 }, { "999999999d", 86399999913600 },
		{ "", -1 }, { "7", -1 }, { "d", -1 }, { "7w", -1 },
		{ "-7d", -1 }, { "7d ", -1 }, { " 7d", -1 }, { "7dd", -1 },
		{ "9999999999s", -1 }, { "1.5h", -1 },
	};
	int64_t	 duration_s;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (when_parse_duration(cases[i].text, &duration_s))
			assert_int_equal(duration_s, cases[i].duration_s);
		else
			assert_int_equal(cases[i].duration_s, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_utc),
		cmocka_unit_test(durations_have_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
