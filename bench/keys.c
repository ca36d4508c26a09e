/* keys.c - what it costs to find one of 100,000 keys, and to read them all: one
 * JSON line. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "bench/many_keys.h"

enum { ROUNDS = 200000, REPEATS = 5 };

/* In nanoseconds each: hashing, finding, judging. The best of some. */
static double
check(const struct many_keys *b, enum err expected)
{
	uint64_t best = UINT64_MAX, took;
	struct call call;

	for (int i = 0; i < REPEATS; i++) {
		took = clock_now_us();
		for (int j = 0; j < ROUNDS; j++)
			many_keys_check(b, &call, j * 7919LL % MANY_KEYS,
			    expected);
		took = clock_now_us() - took;
		best = took < best ? took : best;
	}
	return (double)best * 1000 / ROUNDS;
}

int
main(void)
{
	static struct many_keys b;
	uint64_t read_us;

	log_open(NULL, LOG_LEVEL_ERROR);
	many_keys_open(&b);
	read_us = many_keys_read(&b);
	printf("{\"keys\":%d,\"find_ns\":%.0f,\"refuse_ns\":%.0f,"
	    "\"read_ms\":%.1f}\n", MANY_KEYS, check(&b, ERR_NONE),
	    check(&b, ERR_INVALID_API_KEY), (double)read_us / 1000);
	many_keys_close(&b);
	return 0;
}
