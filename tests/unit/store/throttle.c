/* Wrong secrets are counted by address, in all processes. */
#include "config.h"

#include "store/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/log.h"
#include "store/layout.h"
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
		throttle_note_failure(x->state, THROTTLE_ADMIN_KEY, address, NOW);
}

static void
ten_failures_lock_an_address_for_a_minute(void **state)
{
	struct fixture *x = *state;

	fail_often(x, "192.0.2.1", THROTTLE_FAILURES_MAX - 1);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "192.0.2.1", NOW), 0);
	throttle_note_failure(x->state, THROTTLE_ADMIN_KEY, "192.0.2.1", NOW + 20);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "192.0.2.1", NOW + 20), 40);
	assert_int_equal(throttle_wait_s(x->other, THROTTLE_ADMIN_KEY, "192.0.2.1", NOW + 59), 1);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "192.0.2.1", NOW + 60), 0);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "192.0.2.2", NOW + 20), 0);
}

static void
a_new_window_counts_from_one(void **state)
{
	struct fixture *x = *state;

	fail_often(x, "192.0.2.1", 1000);
	throttle_note_failure(x->state, THROTTLE_ADMIN_KEY, "192.0.2.1", NOW + 60);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "192.0.2.1", NOW + 60), 0);
}

static void
the_count_does_not_run_over(void **state)
{
	struct fixture *x = *state;

	fail_often(x, "", 70000);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "", NOW + 1), 59);
}

/* A clock that was set back, or damage. */
static void
a_window_of_the_future_does_not_lock(void **state)
{
	struct fixture *x = *state;
	fail_often(x, "a", 1000);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "a", NOW - 1), 0);
	for (uint64_t i = 0; i < LAYOUT_FAILURES; i++)
		atomic_store(state_failures(x->state, i), UINT64_MAX);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "a", NOW), 0);
	throttle_note_failure(x->state, THROTTLE_ADMIN_KEY, "a", NOW);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "a", NOW), 0);
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
		assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, address, NOW), 0);
		fail_often(x, address, THROTTLE_FAILURES_MAX);
		assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, address, NOW), 60);
	}
}

static void
a_network_of_ipv6_is_one(void **state)
{
	struct fixture *x = *state;

	fail_often(x, "2001:db8:1:2::1", 5);
	fail_often(x, "2001:db8:1:2:3:4:5:6", 5);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "2001:db8:1:2:ffff::", NOW),
	    60);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "2001:db8:1:3::1", NOW), 0);
	fail_often(x, "2001:db8::1", 5);
	fail_often(x, "2001:db8:0:0:1:2:3:4", 5);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "2001:db8::", NOW), 60);
	fail_often(x, "::ffff:192.0.2.1", THROTTLE_FAILURES_MAX);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "::ffff:192.0.2.2", NOW),
	    0);
	fail_often(x, "::1", THROTTLE_FAILURES_MAX);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY, "::1", NOW), 60);
}

static void
each_kind_of_secret_counts_by_itself(void **state)
{
	struct fixture *x = *state;

	for (unsigned i = 0; i < THROTTLE_GUESSES_MAX; i++)
		throttle_note_failure(x->state, THROTTLE_CLIENT_KEY,
		    "192.0.2.1", NOW);
	assert_int_equal(throttle_wait_s(x->other, THROTTLE_CLIENT_KEY,
	    "192.0.2.1", NOW), 60);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_ADMIN_KEY,
	    "192.0.2.1", NOW), 0);
}

/* A program with a wrong key in its settings is no guesser. */
static void
who_repeats_a_guess_makes_no_other(void **state)
{
	struct fixture *x = *state;
	char	 guess[32];

	for (int i = 0; i < 1000; i++)
		throttle_note_guess(i % 2 ? x->state : x->other,
		    THROTTLE_CLIENT_KEY, "192.0.2.1", "sk-old", NOW + 59);
	for (int i = 1; i < THROTTLE_GUESSES_MAX; i++) {
		assert_int_equal(throttle_wait_s(x->state,
		    THROTTLE_CLIENT_KEY, "192.0.2.1", NOW + 59), 0);
		snprintf(guess, sizeof guess, "sk-%d", i);
		throttle_note_guess(x->state, THROTTLE_CLIENT_KEY,
		    "192.0.2.1", guess, NOW + 59);
		throttle_note_guess(x->state, THROTTLE_CLIENT_KEY,
		    "192.0.2.2", "sk-old", NOW + 59);
	}
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_CLIENT_KEY,
	    "192.0.2.1", NOW + 60), 59);
	assert_int_equal(throttle_wait_s(x->state, THROTTLE_CLIENT_KEY,
	    "192.0.2.2", NOW + 60), 0);
}

/* All processes of a file have the same one, and no other file has it. */
static void
the_secret_is_the_files_own(void **state)
{
	struct fixture *x = *state;
	unsigned char a[STATE_SECRET_SIZE], b[STATE_SECRET_SIZE];
	static const unsigned char none[STATE_SECRET_SIZE];
	struct place *place = place_make();
	struct state *elsewhere = state_open(place->dir);

	state_secret(x->state, a);
	state_secret(x->other, b);
	assert_memory_equal(a, b, sizeof a);
	assert_memory_not_equal(a, none, 8);
	assert_memory_not_equal(a + 8, none, 8);
	state_secret(elsewhere, b);
	assert_memory_not_equal(a, b, sizeof a);
	state_close(elsewhere);
	place_remove(place);
}

/* Where an address is counted cannot be found out beforehand. */
static void
places_depend_on_the_secret(void **state)
{
	struct fixture *x = *state;
	struct place *place = place_make();
	struct state *elsewhere = state_open(place->dir);
	unsigned same = 0;
	char	 address[32];

	for (int i = 0; i < 100; i++) {
		snprintf(address, sizeof address, "10.0.0.%d", i);
		fail_often(x, address, 1);
		throttle_note_failure(elsewhere, THROTTLE_ADMIN_KEY, address,
		    NOW);
	}
	for (uint64_t i = 0; i < LAYOUT_FAILURES; i++)
		same += atomic_load(state_failures(x->state, i)) != 0 &&
		    atomic_load(state_failures(elsewhere, i)) != 0;
	assert_in_range(same, 0, 50);
	state_close(elsewhere);
	place_remove(place);
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
		TEST(each_kind_of_secret_counts_by_itself),
		TEST(who_repeats_a_guess_makes_no_other),
		TEST(the_secret_is_the_files_own),
		TEST(places_depend_on_the_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
