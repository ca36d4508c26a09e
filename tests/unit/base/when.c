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
		{ "2026-05-04T00:30+02:00", -1 }, { "2026-05-04Z", -1 },
		{ "2026-05-04T02:00:00+02:00", 1777852800 },
		{ "2026-05-03T19:30:00.25-04:30", 1777852800 },
		{ "2026-05-04T00:00:09.999Z", 1777852809 },
		{ "2026-05-04T00:00:09.Z", -1 },
		{ "2026-05-04T00:00:00+2:00", -1 },
		{ "2026-05-04T00:00:00+02:0x", -1 },
		{ "2026-05-04T00:00:00+24:00", -1 },
		{ "2026-05-04T00:00:00 02:00", -1 },
		{ "2026-05-04T00:00:00ZZ", -1 },
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
seconds_are_digits(void **state)
{
	static const struct { const char *text; int64_t time_s; } cases[] = {
		{ "0", 0 }, { "1777852800", 1777852800 },
		{ "99999999999", 99999999999 }, { "100000000000", -1 },
		{ "", -1 }, { "-1", -1 }, { "1.5", -1 }, { " 1", -1 },
	};
	int64_t	 time_s;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (when_parse_seconds(cases[i].text, &time_s))
			assert_int_equal(time_s, cases[i].time_s);
		else
			assert_int_equal(cases[i].time_s, -1);
}

static void
what_is_written_can_be_read(void **state)
{
	char	 text[WHEN_TEXT_SIZE];
	int64_t	 time_s;

	(void)state;
	when_format(1777852809, text);
	assert_string_equal(text, "2026-05-04T00:00:09Z");
	assert_true(when_parse_time(text, &time_s));
	assert_int_equal(time_s, 1777852809);
	when_format(-1, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	when_format(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
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
		cmocka_unit_test(seconds_are_digits),
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(durations_have_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
