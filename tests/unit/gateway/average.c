/* The average: what it learns, how it fades, and that no word harms it. */
#include "config.h"

#include "gateway/average.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/gateway/processes.h"

static const uint64_t now = UINT64_C(1800000000000);	/* ms: in 2027 */

#define assert_near(a, b, tolerance) \
	assert_true(fabs((double)(a) - (b)) <= (tolerance))

static void
a_word_of_0_knows_nothing(void **state)
{
	(void)state;
	assert_true(average_get(0) == 0);
	assert_true(average_faded(0, now) == 0);
	assert_int_equal(average_count(0, now), 0);
}

static void
the_first_values_weigh_the_same(void **state)
{
	_Atomic uint64_t word = 0;

	(void)state;
	average_add(&word, 0.8, now);
	assert_near(average_get(word), 0.8, 1e-6);
	assert_int_equal(average_count(word, now), 1);
	average_add(&word, 0.2, now);
	average_add(&word, 0.2, now);
	assert_near(average_get(word), 0.4, 1e-6);
	assert_int_equal(average_count(word, now), 3);
}

/* Not a mean of everything, as the seed's was (P38). */
static void
recent_values_weigh_more(void **state)
{
	_Atomic uint64_t word = 0;

	(void)state;
	for (int i = 0; i < 10000; i++)
		average_add(&word, 1, now);
	assert_int_equal(average_count(word, now), AVERAGE_COUNT_MAX);
	for (int i = 0; i < AVERAGE_COUNT_MAX; i++)
		average_add(&word, 0, now);
	assert_true(average_get(word) < 0.4);
	assert_true(average_get(word) > 0.3);
}

static void
values_are_held_within_bounds(void **state)
{
	static const double odd[] = { -1, -INFINITY, NAN, 2, INFINITY };
	static const double taken[] = { 0, 0, 0, 1, 1 };
	_Atomic uint64_t word;

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		atomic_store(&word, 0);
		average_add(&word, odd[i], now);
		assert_true(average_get(word) == taken[i]);
		assert_int_equal(average_count(word, now), 1);
	}
}

static void
it_fades_by_the_clock(void **state)
{
	_Atomic uint64_t word = 0;

	(void)state;
	for (int i = 0; i < 20; i++)
		average_add(&word, 1, now);
	assert_int_equal(average_count(word, now), 20);
	assert_int_equal(average_count(word, now + 30000), 14);
	assert_int_equal(average_count(word, now + 60000), 10);
	assert_int_equal(average_count(word, now + 120000), 5);
	assert_int_equal(average_count(word, now + 86400000), 0);
	assert_near(average_faded(word, now), 1, 1e-6);
	assert_near(average_faded(word, now + 60000), 0.5, 0.001);
	assert_near(average_faded(word, now + 600000), 1.0 / 1024, 1e-5);
	assert_near(average_faded(word, now + 86400000), 0, 1e-9);
	assert_near(average_get(word), 1, 1e-6);
}

static void
after_a_pause_one_value_counts_more(void **state)
{
	_Atomic uint64_t word = 0, rested;

	(void)state;
	for (int i = 0; i < 20; i++)
		average_add(&word, 1, now);
	atomic_store(&rested, word);
	average_add(&word, 0, now);
	assert_near(average_get(word), 20.0 / 21, 1e-3);
	average_add(&rested, 0, now + 120000);	/* 5 are left of 20 */
	assert_near(average_get(rested), 5.0 / 6, 1e-3);
	average_add(&rested, 0, now + 86400000);
	assert_true(average_get(rested) == 0);
	assert_int_equal(average_count(rested, now + 86400000), 1);
}

static void
a_clock_set_back_takes_nothing_away(void **state)
{
	_Atomic uint64_t word = 0;

	(void)state;
	for (int i = 0; i < 8; i++)
		average_add(&word, 0.5, now);
	assert_int_equal(average_count(word, now - 3600000), 8);
	assert_near(average_faded(word, now - 3600000), 0.5, 1e-6);
	average_add(&word, 0.5, now - 3600000);
	assert_int_equal(average_count(word, now - 3600000), 9);
	assert_int_equal(average_count(word, now - 3600000 + 60000), 5);
}

static void
check_word(uint64_t any, uint64_t at_ms)
{
	_Atomic uint64_t word = any;

	for (int i = 0; i < 3; i++) {
		double	 average = average_get(word);
		double	 faded = average_faded(word, at_ms);

		assert_true(average >= 0 && average <= 1);
		assert_true(faded >= 0 && faded <= average);
		assert_true(average_count(word, at_ms) <= AVERAGE_COUNT_MAX);
		average_add(&word, i / 2.0, at_ms);
	}
	assert_true(average_count(word, at_ms) > 0);
	for (int i = 0; i < 400; i++)
		average_add(&word, 1, at_ms);
	assert_near(average_get(word), 1, 1e-5);
}

/* The memory may hold anything, at any time. */
static void
any_word_is_harmless(void **state)
{
	static const uint64_t times[] = { 0, 1, now, UINT64_MAX };
	uint64_t word = 1;

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		check_word(0, times[i]);
		check_word(UINT64_MAX, times[i]);
		check_word(UINT64_C(1) << 63, times[i]);
		check_word(UINT64_C(0xff000000), times[i]);
		for (int j = 0; j < 2000; j++) {
			word = word * UINT64_C(6364136223846793005) + 1442695;
			check_word(word ^ word >> 32, times[i]);
		}
	}
}

enum { WORDS = 20000 };

/* A word that another process has changed meanwhile must not be lost. */
static void
add_twice_to_each(void *arg, unsigned number)
{
	_Atomic uint64_t *words = arg;

	for (int i = 0; i < WORDS; i++) {
		average_add(&words[i], number % 2, now);
		average_add(&words[i], number % 2, now);
	}
}

static void
no_process_undoes_what_another_adds(void **state)
{
	_Atomic uint64_t *words = shared_alloc(WORDS * sizeof *words);

	(void)state;
	assert_true(processes_run(add_twice_to_each, words));
	for (int i = 0; i < WORDS; i++) {
		assert_int_equal(average_count(words[i], now), 2 * PROCESSES);
		assert_near(average_get(words[i]), 0.5, 1e-5);
	}
	shared_free(words, WORDS * sizeof *words);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_of_0_knows_nothing),
		cmocka_unit_test(the_first_values_weigh_the_same),
		cmocka_unit_test(recent_values_weigh_more),
		cmocka_unit_test(values_are_held_within_bounds),
		cmocka_unit_test(it_fades_by_the_clock),
		cmocka_unit_test(after_a_pause_one_value_counts_more),
		cmocka_unit_test(a_clock_set_back_takes_nothing_away),
		cmocka_unit_test(any_word_is_harmless),
		cmocka_unit_test(no_process_undoes_what_another_adds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
