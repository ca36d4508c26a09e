/* Clocks run forward, and times are written as the journal wants them. */
#include "config.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void
use_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void
monotonic_time_never_goes_back(void **state)
{
	uint64_t last = clock_now_us(), now;

	(void)state;
	assert_true(last > 0);
	for (int i = 0; i < 10000; i++, last = now) {
		now = clock_now_us();
		assert_true(now >= last);
	}
}

static void
wall_time_is_that_of_the_system(void **state)
{
	time_t before = time(NULL);
	uint64_t now = clock_wall_us();

	(void)state;
	assert_true(now / 1000000 + 1 >= (uint64_t)before);
	assert_true(now / 1000000 <= (uint64_t)time(NULL) + 1);
}

static void
times_are_local_with_milliseconds(void **state)
{
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	use_zone("UTC");
	clock_format(0, text);
	assert_string_equal(text, "1970-01-01 00:00:00.000");
	clock_format(1777901820123999, text);
	assert_string_equal(text, "2026-05-04 13:37:00.123");
	use_zone("XYZ-5:30");
	clock_format(1777901821007000, text);
	assert_string_equal(text, "2026-05-04 19:07:01.007");
	use_zone("UTC");
}

static void
far_years_do_not_overflow_the_text(void **state)
{
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	use_zone("UTC");
	clock_format(UINT64_MAX, text);
	assert_true(strlen(text) < CLOCK_TEXT_SIZE);
	assert_non_null(strchr(text, '.'));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(monotonic_time_never_goes_back),
		cmocka_unit_test(wall_time_is_that_of_the_system),
		cmocka_unit_test(times_are_local_with_milliseconds),
		cmocka_unit_test(far_years_do_not_overflow_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
