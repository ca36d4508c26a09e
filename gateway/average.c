#include "config.h"

#include "gateway/average.h"

#include <math.h>

/* The word: 32 bits of time, 8 of count, 24 of value. */
enum { TICK_MS = 64, VALUE_BITS = 24, COUNT_BITS = 8 };

static const double half_life_ticks = 60000.0 / TICK_MS;
static const double value_one = (1 << VALUE_BITS) - 1;

static uint32_t
ticks_of(uint64_t now_ms)
{
	return (uint32_t)(now_ms / TICK_MS);
}

static unsigned
count_of(uint64_t word)
{
	unsigned count = (word >> VALUE_BITS) & ((1 << COUNT_BITS) - 1);

	return count < AVERAGE_COUNT_MAX ? count : AVERAGE_COUNT_MAX;
}

double
average_get(uint64_t word)
{
	return (double)(word & ((1 << VALUE_BITS) - 1)) / value_one;
}

/*
 * 1 for what was learned just now, a half after a minute, and so on. A time that
 * is not yet is now: clocks are set back at times.
 */
static double
freshness(uint64_t word, uint64_t now_ms)
{
	uint32_t age = ticks_of(now_ms) -
	    (uint32_t)(word >> (VALUE_BITS + COUNT_BITS));

	return age > UINT32_MAX / 2 ? 1.0 : exp2(age / -half_life_ticks);
}

unsigned
average_count(uint64_t word, uint64_t now_ms)
{
	return (unsigned)(count_of(word) * freshness(word, now_ms) +
	    0.5);
}

double
average_faded(uint64_t word, uint64_t now_ms)
{
	double	 average = average_get(word);

	return average > 0 ? average * freshness(word, now_ms) : 0;
}

static uint64_t
average_next(uint64_t word, double value, uint64_t now_ms)
{
	unsigned count = average_count(word, now_ms);
	double	 average = average_get(word);

	average += (value - average) / (count + 1);
	if (count < AVERAGE_COUNT_MAX)
		count++;
	return (uint64_t)ticks_of(now_ms) << (VALUE_BITS + COUNT_BITS) |
	    (uint64_t)count << VALUE_BITS |
	    (uint64_t)(average * value_one + 0.5);
}

void
average_add(_Atomic uint64_t *word, double value, uint64_t now_ms)
{
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);

	value = !(value > 0) ? 0 : value < 1 ? value : 1;
	while (!atomic_compare_exchange_weak_explicit(word, &old,
	    average_next(old, value, now_ms), memory_order_relaxed,
	    memory_order_relaxed))
		;
}
