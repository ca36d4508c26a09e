/* How much streams may hold that wait for their end, together. */
#include "config.h"

#include "handlers/try.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { STREAMS = 20, MB = 1 << 20 };

static struct app app;
static struct exchange x = { .app = &app };
static struct target ends = { .release = CONF_RELEASE_END },
    others = { .release = CONF_RELEASE_TOKEN };
static struct plan_step to_end = { .target = &ends },
    to_token = { .target = &others };

static void
streams_that_wait_for_their_end_have_a_total(void **state)
{
	struct try tries[STREAMS];

	(void)state;
	app.held_bytes = 0;
	for (size_t i = 0; i < STREAMS; i++)
		tries[i] = (struct try){ .x = &x, .step = &to_end };
	for (size_t i = 0; i < STREAMS; i++) {
		assert_int_equal(try_may_hold(&tries[i]), i <= 16);
		try_count_held(&tries[i], 3 * MB);	/* it grows */
		try_count_held(&tries[i], 16 * MB);
		assert_int_equal(app.held_bytes, (i + 1) * 16 * MB);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_false(try_may_hold(&tries[0]));
		try_count_held(&tries[i], 0);		/* it has gone */
		try_count_held(&tries[i], 0);
	}
	assert_true(try_may_hold(&tries[0]));
	for (size_t i = 0; i < STREAMS; i++)
		try_count_held(&tries[i], 0);
	assert_int_equal(app.held_bytes, 0);
}

static void
others_are_not_counted_nor_kept_from_holding(void **state)
{
	struct try one = { .x = &x, .step = &to_token };

	(void)state;
	app.held_bytes = 1024 * (uint64_t)MB;
	assert_true(try_may_hold(&one));
	try_count_held(&one, 5);
	assert_int_equal(app.held_bytes, 1024 * (uint64_t)MB);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_that_wait_for_their_end_have_a_total),
		cmocka_unit_test(others_are_not_counted_nor_kept_from_holding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
