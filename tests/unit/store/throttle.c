/* Wrong secrets are counted by address, in all processes. */
#include "config.h"

#include "store/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/log.h"
#include "store/hashes.h"
#include "tests/unit/store/children.h"

#define NOW UINT64_C(1777852800)

struct fixture {
	struct place	*place;
	struct state	*state, *other;
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	log_open(NULL, LOG_LEVEL_ERROR);
	x->place = place_make();
	x->state = state_open(x->place->dir);
	x->other = state_open(x->place->dir);
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	state_close(x->state);
	state_close(x->other);
	place_remove(x->place);
	free(x);
	return 0;
}

static void
fail_often(struct fixture *x, const char *address, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		throttle_note_failure(x->state, address, NOW);
}

static void
ten_failures_lock_an_address_for_a_minute(void **state)
{
	struct fixture *x = *state;

	fail_often(x, "192.0.2.1", THROTTLE_FAILURES_MAX - 1);
	assert_int_equal(throttle_wait_s(x->state, "192.0.2.1", NOW), 0);
	throttle_note_failure(x->state, "192.0.2.1", NOW + 20);
	assert_int_equal(throttle_wait_s(x->state, "192.0.2.1", NOW + 20), 40);
	assert_int_equal(throttle_wait_s(x->other, "192.0.2.1", NOW + 59), 1);
	assert_int_equal(throttle_wait_s(x->state, "192.0.2.1", NOW + 60), 0);
	assert_int_equal(throttle_wait_s(x->state, "192.0.2.2", NOW + 20), 0);
}

static void
a_new_window_counts_from_one(void **state)
{
	struct fixture *x = *state;

	fail_often(x, "192.0.2.1", 1000);
	throttle_note_failure(x->state, "192.0.2.1", NOW + 60);
	assert_int_equal(throttle_wait_s(x->state, "192.0.2.1", NOW + 60), 0);
}

static void
the_count_does_not_run_over(void **state)
{
	struct fixture *x = *state;

	fail_often(x, "", 70000);
	assert_int_equal(throttle_wait_s(x->state, "", NOW + 1), 59);
}

/* A clock that was set back, or damage. */
static void
a_window_of_the_future_does_not_lock(void **state)
{
	struct fixture *x = *state;
	_Atomic uint64_t *word = state_failures(x->state,
		    hashes_make("a", 1));

	fail_often(x, "a", 1000);
	assert_int_equal(throttle_wait_s(x->state, "a", NOW - 1), 0);
	atomic_store(word, UINT64_MAX);
	assert_int_equal(throttle_wait_s(x->state, "a", NOW), 0);
	throttle_note_failure(x->state, "a", NOW);
	assert_int_equal(throttle_wait_s(x->state, "a", NOW), 0);
}

/* Far more addresses than there are counts. */
static void
nobody_waits_for_anothers_failures(void **state)
{
	struct fixture *x = *state;
	char	 address[32];

	for (int i = 0; i < 5000; i++) {
		snprintf(address, sizeof address, "10.0.%d.%d", i / 250,
		    i % 250);
		assert_int_equal(throttle_wait_s(x->state, address, NOW), 0);
		fail_often(x, address, THROTTLE_FAILURES_MAX);
		assert_int_equal(throttle_wait_s(x->state, address, NOW), 60);
	}
}

static void
a_network_of_ipv6_is_one(void **state)
{
	struct fixture *x = *state;

	fail_often(x, "2001:db8:1:2::1", 5);
	fail_often(x, "2001:db8:1:2:3:4:5:6", 5);
	assert_int_equal(throttle_wait_s(x->state, "2001:db8:1:2:ffff::", NOW),
	    60);
	assert_int_equal(throttle_wait_s(x->state, "2001:db8:1:3::1", NOW), 0);
	fail_often(x, "2001:db8::1", 5);
	fail_often(x, "2001:db8:0:0:1:2:3:4", 5);
	assert_int_equal(throttle_wait_s(x->state, "2001:db8::", NOW), 60);
	fail_often(x, "::ffff:192.0.2.1", THROTTLE_FAILURES_MAX);
	assert_int_equal(throttle_wait_s(x->state, "::ffff:192.0.2.2", NOW),
	    0);
	fail_often(x, "::1", THROTTLE_FAILURES_MAX);
	assert_int_equal(throttle_wait_s(x->state, "::1", NOW), 60);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(ten_failures_lock_an_address_for_a_minute),
		TEST(a_new_window_counts_from_one),
		TEST(the_count_does_not_run_over),
		TEST(a_window_of_the_future_does_not_lock),
		TEST(nobody_waits_for_anothers_failures),
		TEST(a_network_of_ipv6_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
