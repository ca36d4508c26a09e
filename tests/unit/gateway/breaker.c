/* The breaker's transitions, who wins a race for the probe, and odd words. */
#include "config.h"

#include "gateway/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/gateway/processes.h"

enum { ME = 0x0102, OTHER = 0x0304, LIMIT = 3, COOLDOWN_MS = 30000, PROBE_MS = 60000 };

static const uint64_t now = UINT64_C(1800000000000);	/* ms: in 2027 */
static const uint64_t day_ms = 86400000;

static bool
go_wrong(_Atomic uint64_t *word, enum breaker_pass pass, uint64_t at)
{
	return breaker_fail(word, pass, LIMIT, false, at, COOLDOWN_MS);
}

static enum breaker_pass
enter(_Atomic uint64_t *word, uint64_t at)
{
	return breaker_enter(word, ME, at, PROBE_MS);
}

/* A breaker that has just opened, at NOW. */
static uint64_t
opened(void)
{
	_Atomic uint64_t word = 0;

	assert_true(breaker_fail(&word, BREAKER_PASS_FREE, LIMIT, true, now,
	    COOLDOWN_MS));
	assert_int_equal(breaker_state(word), BREAKER_OPEN);
	return word;
}

/* One whose cooldown has passed and whose probe, OWNER's, is under way. */
static uint64_t
probed(uint16_t owner)
{
	_Atomic uint64_t word = opened();

	assert_int_equal(breaker_enter(&word, owner, now + COOLDOWN_MS,
	    PROBE_MS), BREAKER_PASS_PROBE);
	assert_int_equal(breaker_state(word), BREAKER_HALF_OPEN);
	assert_int_equal(breaker_owner(word), owner);
	return word;
}

static void
a_word_of_0_is_closed(void **state)
{
	_Atomic uint64_t word = 0;

	(void)state;
	assert_int_equal(breaker_state(0), BREAKER_CLOSED);
	assert_false(breaker_is_out(0, now));
	assert_int_equal(enter(&word, now), BREAKER_PASS_FREE);
	assert_true(word == 0);
}

static void
failures_in_a_row_open_it(void **state)
{
	_Atomic uint64_t word = 0;

	(void)state;
	assert_false(go_wrong(&word, BREAKER_PASS_FREE, now));
	assert_false(go_wrong(&word, BREAKER_PASS_FREE, now));
	assert_int_equal(enter(&word, now), BREAKER_PASS_FREE);
	assert_true(go_wrong(&word, BREAKER_PASS_FREE, now));
	assert_int_equal(breaker_state(word), BREAKER_OPEN);
	assert_true(breaker_is_out(word, now));
	assert_int_equal(enter(&word, now), BREAKER_REFUSED);
}

static void
a_success_between_begins_anew(void **state)
{
	_Atomic uint64_t word = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_false(go_wrong(&word, BREAKER_PASS_FREE, now));
		assert_false(go_wrong(&word, BREAKER_PASS_FREE, now));
		assert_false(breaker_succeed(&word, BREAKER_PASS_FREE, ME));
		assert_true(word == 0);
	}
}

static void
a_limit_of_0_is_none(void **state)
{
	_Atomic uint64_t word = 0;

	(void)state;
	for (int i = 0; i < 2000; i++)
		assert_false(breaker_fail(&word, BREAKER_PASS_FREE, 0, false,
		    now, COOLDOWN_MS));
	assert_true(breaker_fail(&word, BREAKER_PASS_FREE, 0, true, now,
	    COOLDOWN_MS));
}

static void
any_limit_is_reached_exactly(void **state)
{
	static const unsigned limits[] = { 1, 2, 3,
	    BREAKER_FAILURES_MAX - 1, BREAKER_FAILURES_MAX };
	_Atomic uint64_t word;

	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		word = 0;
		for (unsigned j = 1; j < limits[i]; j++)
			assert_false(breaker_fail(&word, BREAKER_PASS_FREE,
			    limits[i], false, now, COOLDOWN_MS));
		assert_true(breaker_fail(&word, BREAKER_PASS_FREE, limits[i],
		    false, now, COOLDOWN_MS));
	}
}

static void
it_stays_open_for_the_cooldown(void **state)
{
	_Atomic uint64_t word = opened();

	(void)state;
	assert_true(breaker_is_out(word, now + COOLDOWN_MS - 1));
	assert_int_equal(enter(&word, now + COOLDOWN_MS - 1), BREAKER_REFUSED);
	assert_false(breaker_is_out(word, now + COOLDOWN_MS));
	assert_int_equal(enter(&word, now + COOLDOWN_MS), BREAKER_PASS_PROBE);
}

static void
one_probe_at_a_time(void **state)
{
	_Atomic uint64_t word = probed(OTHER);
	uint64_t begun = now + COOLDOWN_MS;

	(void)state;
	assert_true(breaker_is_out(word, begun));
	assert_int_equal(enter(&word, begun), BREAKER_REFUSED);
	assert_int_equal(enter(&word, begun + PROBE_MS - 1), BREAKER_REFUSED);
	assert_int_equal(breaker_owner(word), OTHER);
}

static void
a_good_probe_closes_it(void **state)
{
	_Atomic uint64_t word = probed(ME);

	(void)state;
	assert_true(breaker_succeed(&word, BREAKER_PASS_PROBE, ME));
	assert_true(word == 0);
}

static void
a_bad_probe_opens_it_again(void **state)
{
	_Atomic uint64_t word = probed(ME);
	uint64_t at = now + COOLDOWN_MS + 5;

	(void)state;
	assert_true(go_wrong(&word, BREAKER_PASS_PROBE, at));
	assert_int_equal(breaker_state(word), BREAKER_OPEN);
	assert_true(breaker_is_out(word, at + COOLDOWN_MS - 1));
	assert_false(breaker_is_out(word, at + COOLDOWN_MS));
}

static void
a_probe_that_is_never_heard_of_again_is_replaced(void **state)
{
	_Atomic uint64_t word = probed(OTHER);
	uint64_t late = now + COOLDOWN_MS + PROBE_MS;

	(void)state;
	assert_false(breaker_is_out(word, late));
	assert_int_equal(enter(&word, late), BREAKER_PASS_PROBE);
	assert_int_equal(breaker_owner(word), ME);
	breaker_succeed(&word, BREAKER_PASS_PROBE, OTHER);
	assert_int_equal(breaker_state(word), BREAKER_HALF_OPEN);
	breaker_succeed(&word, BREAKER_PASS_PROBE, ME);
	assert_int_equal(breaker_state(word), BREAKER_CLOSED);
}

static void
a_probe_without_a_verdict_lets_go(void **state)
{
	_Atomic uint64_t word = probed(OTHER);
	uint64_t at = now + COOLDOWN_MS + 1;

	(void)state;
	breaker_let_go(&word, ME, at);		/* not its own */
	assert_int_equal(enter(&word, at), BREAKER_REFUSED);
	breaker_let_go(&word, OTHER, at);
	assert_int_equal(breaker_state(word), BREAKER_OPEN);
	assert_int_equal(enter(&word, at), BREAKER_PASS_PROBE);
	assert_int_equal(breaker_owner(word), ME);
	word = opened();
	breaker_let_go(&word, ME, now);		/* there is none */
	assert_true(breaker_is_out(word, now));
	word = 0;
	breaker_let_go(&word, 0, now);
	assert_true(word == 0);
}

/* What began before the trip says nothing of the time after it. */
static void
a_late_success_does_not_close_it(void **state)
{
	_Atomic uint64_t word = opened();

	(void)state;
	assert_false(breaker_succeed(&word, BREAKER_PASS_FREE, ME));
	assert_int_equal(breaker_state(word), BREAKER_OPEN);
	word = probed(OTHER);
	breaker_succeed(&word, BREAKER_PASS_FREE, OTHER);
	assert_int_equal(breaker_state(word), BREAKER_HALF_OPEN);
}

static void
a_late_failure_does_not_end_a_probe(void **state)
{
	_Atomic uint64_t word = probed(ME);

	(void)state;
	assert_false(go_wrong(&word, BREAKER_PASS_FREE, now + COOLDOWN_MS + 1));
	assert_int_equal(breaker_state(word), BREAKER_HALF_OPEN);
	breaker_succeed(&word, BREAKER_PASS_PROBE, ME);
	assert_int_equal(breaker_state(word), BREAKER_CLOSED);
}

static void
a_forced_success_closes_it(void **state)
{
	_Atomic uint64_t word = opened();

	(void)state;
	assert_true(breaker_succeed(&word, BREAKER_PASS_FORCED, ME));
	assert_true(word == 0);
	word = probed(OTHER);
	breaker_succeed(&word, BREAKER_PASS_FORCED, ME);
	assert_true(word == 0);
}

static void
a_forced_failure_does_not_end_a_probe(void **state)
{
	_Atomic uint64_t word = probed(OTHER);

	(void)state;
	assert_false(go_wrong(&word, BREAKER_PASS_FORCED, now + COOLDOWN_MS + 1));
	assert_int_equal(breaker_state(word), BREAKER_HALF_OPEN);
	assert_int_equal(breaker_owner(word), OTHER);
}

/* LiteLLM #40130: a second failure took a long pause back. */
static void
the_later_deadline_counts(void **state)
{
	_Atomic uint64_t word = 0;

	(void)state;
	assert_true(breaker_fail(&word, BREAKER_PASS_FREE, LIMIT, true, now,
	    600000));
	assert_false(breaker_fail(&word, BREAKER_PASS_FREE, LIMIT, true, now,
	    COOLDOWN_MS));
	assert_true(breaker_is_out(word, now + 599999));
	assert_false(breaker_fail(&word, BREAKER_PASS_FORCED, LIMIT, false,
	    now + 1000, 900000));
	assert_true(breaker_is_out(word, now + 900999));
	assert_false(breaker_is_out(word, now + 901000));
}

/* Its probe had been given up, and another's failure has opened it meanwhile. */
static void
a_late_probe_does_not_bring_the_deadline_forward(void **state)
{
	_Atomic uint64_t word = probed(ME);
	uint64_t late = now + COOLDOWN_MS + PROBE_MS;

	(void)state;
	assert_int_equal(breaker_enter(&word, OTHER, late, PROBE_MS),
	    BREAKER_PASS_PROBE);
	assert_true(breaker_fail(&word, BREAKER_PASS_PROBE, LIMIT, false, late,
	    600000));
	assert_false(go_wrong(&word, BREAKER_PASS_PROBE, late + 1));
	assert_true(breaker_is_out(word, late + 599999));
}

static void
a_hint_makes_the_next_try_the_probe(void **state)
{
	_Atomic uint64_t word = opened();

	(void)state;
	breaker_hint(&word, now);
	assert_int_equal(breaker_state(word), BREAKER_OPEN);
	assert_int_equal(enter(&word, now), BREAKER_PASS_PROBE);
	breaker_hint(&word, now);
	assert_int_equal(enter(&word, now), BREAKER_REFUSED);
	word = 0;
	breaker_hint(&word, now);
	assert_true(word == 0);
}

static void
no_deadline_is_further_off_than_a_day(void **state)
{
	_Atomic uint64_t word = 0;

	(void)state;
	assert_true(breaker_fail(&word, BREAKER_PASS_FREE, LIMIT, true, now,
	    UINT64_MAX));
	assert_true(breaker_is_out(word, now + day_ms - 1));
	assert_false(breaker_is_out(word, now + day_ms));
}

/* A clock that was far ahead and is right again must not keep a channel out. */
static void
a_deadline_far_off_has_passed(void **state)
{
	_Atomic uint64_t word = 0;
	uint64_t ahead = now + 1000 * day_ms;

	(void)state;
	assert_true(breaker_fail(&word, BREAKER_PASS_FREE, LIMIT, true, ahead,
	    COOLDOWN_MS));
	assert_true(breaker_is_out(word, ahead));
	assert_false(breaker_is_out(word, now));
	assert_int_equal(enter(&word, now), BREAKER_PASS_PROBE);
	assert_int_equal(enter(&word, now), BREAKER_REFUSED);
	word = 0;
	breaker_fail(&word, BREAKER_PASS_FREE, LIMIT, true, ahead, COOLDOWN_MS);
	assert_false(go_wrong(&word, BREAKER_PASS_FORCED, now));
	assert_true(breaker_is_out(word, now));
	assert_false(breaker_is_out(word, now + COOLDOWN_MS));
}

static void
step_randomly(_Atomic uint64_t *word, unsigned which, uint64_t at)
{
	enum breaker_pass pass = which / 8 % 3;

	switch (which % 8) {
	case 0:
		breaker_succeed(word, pass, ME);
		break;
	case 1:
		breaker_fail(word, pass, LIMIT, which & 64, at, COOLDOWN_MS);
		break;
	case 2:
		breaker_let_go(word, ME, at);
		break;
	case 3:
		breaker_hint(word, at);
		break;
	default:
		enter(word, at);
	}
}

/* Whatever it holds: a day later at the latest it lets somebody through. */
static void
any_word_is_harmless(void **state)
{
	uint64_t noise = 1;
	_Atomic uint64_t word;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		noise = noise * UINT64_C(6364136223846793005) + 1442695;
		word = i == 0 ? UINT64_MAX : noise ^ noise >> 32;
		assert_true(breaker_state(word) <= BREAKER_HALF_OPEN);
		bool is_out = breaker_is_out(word, now);
		assert_int_equal(enter(&word, now) == BREAKER_REFUSED, is_out);
		step_randomly(&word, (unsigned)(noise >> 40), now);
		assert_int_not_equal(enter(&word, now + day_ms),
		    BREAKER_REFUSED);
	}
}

/* A machine without a clock of its own starts in 1970. */
static void
any_time_is_harmless(void **state)
{
	static const uint64_t times[] = { 0, 1, UINT64_C(1735689600000),
	    UINT64_MAX };
	_Atomic uint64_t word;

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		word = 0;
		go_wrong(&word, BREAKER_PASS_FREE, times[i]);
		go_wrong(&word, BREAKER_PASS_FREE, times[i]);
		assert_true(go_wrong(&word, BREAKER_PASS_FREE, times[i]));
		enter(&word, times[i]);
		breaker_succeed(&word, BREAKER_PASS_FORCED, ME);
		assert_true(word == 0);
	}
}

enum { ROUNDS = 20000 };

struct race {
	_Atomic uint64_t words[ROUNDS];
	_Atomic uint32_t passed[ROUNDS];
	_Atomic uint32_t opened[ROUNDS];
};

static void
race_for_the_probe(void *arg, unsigned number)
{
	struct race *r = arg;

	for (int i = 0; i < ROUNDS; i++)
		if (breaker_enter(&r->words[i], (uint16_t)(number + 1),
		    now + COOLDOWN_MS, PROBE_MS) == BREAKER_PASS_PROBE)
			atomic_fetch_add(&r->passed[i], number + 1 + 256);
}

static void
one_of_many_processes_gets_the_probe(void **state)
{
	struct race *r = shared_alloc(sizeof *r);

	(void)state;
	for (int i = 0; i < ROUNDS; i++)
		r->words[i] = opened();
	assert_true(processes_run(race_for_the_probe, r));
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(r->passed[i] / 256, 1);
		assert_int_equal(breaker_owner(r->words[i]),
		    r->passed[i] % 256);
	}
	shared_free(r, sizeof *r);
}

static void
fail_together(void *arg, unsigned number)
{
	struct race *r = arg;

	(void)number;
	for (int i = 0; i < ROUNDS; i++)
		if (breaker_fail(&r->words[i], BREAKER_PASS_FREE, PROCESSES,
		    false, now, COOLDOWN_MS))
			atomic_fetch_add(&r->opened[i], 1);
}

/* No failure is lost, and one call opens it. */
static void
processes_count_failures_together(void **state)
{
	struct race *r = shared_alloc(sizeof *r);

	(void)state;
	assert_true(processes_run(fail_together, r));
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(breaker_state(r->words[i]), BREAKER_OPEN);
		assert_int_equal(r->opened[i], 1);
	}
	shared_free(r, sizeof *r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_of_0_is_closed),
		cmocka_unit_test(failures_in_a_row_open_it),
		cmocka_unit_test(a_success_between_begins_anew),
		cmocka_unit_test(a_limit_of_0_is_none),
		cmocka_unit_test(any_limit_is_reached_exactly),
		cmocka_unit_test(it_stays_open_for_the_cooldown),
		cmocka_unit_test(one_probe_at_a_time),
		cmocka_unit_test(a_good_probe_closes_it),
		cmocka_unit_test(a_bad_probe_opens_it_again),
		cmocka_unit_test(
		    a_probe_that_is_never_heard_of_again_is_replaced),
		cmocka_unit_test(a_probe_without_a_verdict_lets_go),
		cmocka_unit_test(a_late_success_does_not_close_it),
		cmocka_unit_test(a_late_failure_does_not_end_a_probe),
		cmocka_unit_test(a_forced_success_closes_it),
		cmocka_unit_test(a_forced_failure_does_not_end_a_probe),
		cmocka_unit_test(the_later_deadline_counts),
		cmocka_unit_test(
		    a_late_probe_does_not_bring_the_deadline_forward),
		cmocka_unit_test(a_hint_makes_the_next_try_the_probe),
		cmocka_unit_test(no_deadline_is_further_off_than_a_day),
		cmocka_unit_test(a_deadline_far_off_has_passed),
		cmocka_unit_test(any_word_is_harmless),
		cmocka_unit_test(any_time_is_harmless),
		cmocka_unit_test(one_of_many_processes_gets_the_probe),
		cmocka_unit_test(processes_count_failures_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
