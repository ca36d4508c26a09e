/* Days, weeks and months against the C library's calendar. */
#include "config.h"

#include "store/period.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct tm
tm_of(int64_t day)
{
	time_t	 at = (time_t)day * PERIOD_DAY_S;
	struct tm tm;

	assert_non_null(gmtime_r(&at, &tm));
	return tm;
}

static int64_t
day_of(int year, int month, int day)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1,
		.tm_mday = day };

	return period_day(timegm(&tm));
}

static void
assert_period(enum limits_period kind, int64_t day, int64_t from, int64_t to)
{
	struct period p = period_of(kind, day);

	assert_int_equal(p.from, from);
	assert_int_equal(p.to, to);
	assert_true(period_has(p, day));
	assert_true(period_has(p, from));
	assert_false(period_has(p, from - 1));
	assert_true(period_has(p, to - 1));
	assert_false(period_has(p, to));
}

static void
a_second_has_its_day(void **state)
{
	(void)state;
	assert_int_equal(period_day(0), 0);
	assert_int_equal(period_day(86399), 0);
	assert_int_equal(period_day(86400), 1);
	assert_int_equal(period_day(-1), -1);
	assert_int_equal(period_day(-86400), -1);
	assert_int_equal(period_day(-86401), -2);
	assert_int_equal(period_day(1777896000), day_of(2026, 5, 4));
}

static void
a_day_is_a_day(void **state)
{
	(void)state;
	assert_period(LIMITS_DAY, 0, 0, 1);
	assert_period(LIMITS_DAY, 20577, 20577, 20578);
	assert_period(LIMITS_DAY, -5, -5, -4);
}

static void
a_week_begins_on_monday(void **state)
{
	int64_t	 monday = day_of(2026, 5, 4);

	(void)state;
	for (int64_t i = 0; i < 7; i++)
		assert_period(LIMITS_WEEK, monday + i, monday, monday + 7);
	assert_period(LIMITS_WEEK, 0, -3, 4);
	/* 31 December 2025 is in the week of 1 January 2026. */
	assert_period(LIMITS_WEEK, day_of(2025, 12, 31), day_of(2025, 12, 29),
	    day_of(2026, 1, 5));
	assert_period(LIMITS_WEEK, day_of(2026, 1, 4), day_of(2025, 12, 29),
	    day_of(2026, 1, 5));
}

static void
a_month_has_its_length(void **state)
{
	static const struct { int year, month, days; } months[] = {
		{ 2026, 1, 31 }, { 2026, 2, 28 }, { 2026, 4, 30 },
		{ 2026, 12, 31 }, { 2024, 2, 29 }, { 2000, 2, 29 },
		{ 2100, 2, 28 }, { 1900, 2, 28 }, { 1969, 12, 31 },
		{ 1970, 1, 31 }, { 2400, 2, 29 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof months / sizeof months[0]; i++) {
		int64_t	 from = day_of(months[i].year, months[i].month, 1);

		for (int day = 0; day < months[i].days; day++)
			assert_period(LIMITS_MONTH, from + day, from,
			    from + months[i].days);
	}
}

static void
eight_centuries_agree_with_the_library(void **state)
{
	(void)state;
	for (int64_t day = -150000; day < 150000; day++) {
		struct tm tm = tm_of(day);
		struct period week = period_of(LIMITS_WEEK, day),
			      month = period_of(LIMITS_MONTH, day);

		assert_int_equal(day - month.from, tm.tm_mday - 1);
		assert_int_equal(tm_of(month.to).tm_mday, 1);
		assert_in_range(month.to - month.from, 28, 31);
		assert_int_equal(day - week.from, (tm.tm_wday + 6) % 7);
		assert_int_equal(week.to - week.from, 7);
	}
}

static void
the_farthest_times_do_no_harm(void **state)
{
	static const int64_t times[] = { INT64_MIN, INT64_MIN + 1,
		INT64_MAX - 1, INT64_MAX };
	int64_t	 from_s, to_s;

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
		for (int kind = 0; kind < LIMITS__PERIODS; kind++) {
			struct period p = period_of(kind, times[i]);

			assert_true(period_has(p,
			    period_day(times[i])));
			limits_period_bounds(kind, times[i], &from_s, &to_s);
			assert_true(from_s < to_s);
		}
}

static void
bounds_are_in_seconds(void **state)
{
	int64_t	 from_s, to_s;

	(void)state;
	limits_period_bounds(LIMITS_MONTH, day_of(2026, 2, 14), &from_s, &to_s);
	assert_int_equal(from_s, 1769904000);
	assert_int_equal(to_s, 1772323200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_has_its_day),
		cmocka_unit_test(a_day_is_a_day),
		cmocka_unit_test(a_week_begins_on_monday),
		cmocka_unit_test(a_month_has_its_length),
		cmocka_unit_test(eight_centuries_agree_with_the_library),
		cmocka_unit_test(the_farthest_times_do_no_harm),
		cmocka_unit_test(bounds_are_in_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
