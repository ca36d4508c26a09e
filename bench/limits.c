/* limits.c - what limits add to a request, with 100,000 keys that have some:
 * one JSON line. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/log.h"
#include "bench/many_keys.h"
#include "store/limits.h"

enum {
	SLOTS = 8,			/* that have all keys' cells */
	ROUNDS = 200000,
	REPEATS = 5,
	PER_MINUTE = 1000000,
	TOKENS = 1000
};

struct bench {
	struct many_keys keys;
	struct state	*states[SLOTS];
	struct state	*state;		/* the one that is measured */
	const char	*ids[MANY_KEYS];
	uint32_t	 accounts[MANY_KEYS];
	uint64_t	 now_us;
};

static const struct limits_sum reserved = { TOKENS, TOKENS * 10 };

static void
find_keys(struct bench *b)
{
	struct call call;

	for (unsigned i = 0; i < MANY_KEYS; i++) {
		many_keys_check(&b->keys, &call, i, ERR_NONE);
		b->ids[i] = call.key_id;
	}
}

static void
spend(struct state *s, uint32_t account, uint64_t now_us)
{
	state_begin(s);
	limits_spend(s, account, (int64_t)(now_us / 1000000), &reserved);
	state_commit(s, NULL, now_us, "req_a", "}\n", 2, NULL, 0);
}

/* Every slot has spent something of every key. In ns for each first use. */
static double
fill(struct bench *b)
{
	uint64_t start_us = clock_now_us();

	for (unsigned i = 0; i < SLOTS; i++)
		b->states[i] = state_open(b->keys.dir);
	for (unsigned i = 0; i < SLOTS; i++)
		for (unsigned j = 0; j < MANY_KEYS; j++) {
			b->accounts[j] = limits_find(b->states[i], b->ids[j]);
			if (!limits_enter(b->states[i], b->accounts[j], 100))
				abort();
			spend(b->states[i], b->accounts[j], b->now_us);
			limits_leave(b->states[i], b->accounts[j]);
		}
	b->state = b->states[SLOTS - 1];
	return (double)(clock_now_us() - start_us) * 1000 / SLOTS / MANY_KEYS;
}

static void
check_key(struct bench *b, unsigned key)
{
	struct call call;

	many_keys_check(&b->keys, &call, key, ERR_NONE);
}

static void
find(struct bench *b, unsigned key)
{
	if (limits_find(b->state, b->ids[key]) == 0)
		abort();
}

static void
enter_and_leave(struct bench *b, unsigned key)
{
	if (!limits_enter(b->state, b->accounts[key], 100))
		abort();
	limits_leave(b->state, b->accounts[key]);
}

static void
take(struct bench *b, unsigned key)
{
	struct limits_left left;

	limits_take(b->state, b->accounts[key], LIMITS_REQUESTS, 1, PER_MINUTE,
	    b->now_us, &left);
	limits_take(b->state, b->accounts[key], LIMITS_TOKENS, TOKENS,
	    PER_MINUTE, b->now_us, &left);
}

static void
reserve_and_release(struct bench *b, unsigned key)
{
	limits_reserve(b->state, b->accounts[key], &reserved);
	limits_release(b->state, b->accounts[key], &reserved);
}

static void
read_one(struct bench *b, unsigned key)
{
	struct limits_spent spent;

	limits_read(b->state, b->accounts[key], (int64_t)(b->now_us / 1000000),
	    &spent);
	if (spent.periods[LIMITS_DAY].tokens < SLOTS * TOKENS)
		abort();
}

static void
settle_one(struct bench *b, unsigned key)
{
	spend(b->state, b->accounts[key], b->now_us);
}

/* All that a request does before it is let in and when it is done, but settling. */
static void
limit(struct bench *b, unsigned key)
{
	uint32_t account = limits_find(b->state, b->ids[key]);
	struct limits_spent spent;
	struct limits_left left;

	limits_enter(b->state, account, 100);
	limits_take(b->state, account, LIMITS_REQUESTS, 1, PER_MINUTE,
	    b->now_us, &left);
	limits_take(b->state, account, LIMITS_TOKENS, TOKENS, PER_MINUTE,
	    b->now_us, &left);
	limits_reserve(b->state, account, &reserved);
	limits_read(b->state, account, (int64_t)(b->now_us / 1000000), &spent);
	limits_release(b->state, account, &reserved);
	limits_leave(b->state, account);
}

static void
check_and_limit(struct bench *b, unsigned key)
{
	check_key(b, key);
	limit(b, key);
}

/* The best of some, in ns each; the keys by turns, far apart. */
static double
measure(struct bench *b, void (*run)(struct bench *, unsigned key))
{
	uint64_t best = UINT64_MAX, took;

	for (int i = 0; i < REPEATS; i++) {
		b->now_us += 60000000;
		took = clock_now_us();
		for (int j = 0; j < ROUNDS; j++)
			run(b, j * 7919LL % MANY_KEYS);
		took = clock_now_us() - took;
		best = took < best ? took : best;
	}
	return (double)best * 1000 / ROUNDS;
}

static long
peak_kb(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void
report(struct bench *b, double first_ns)
{
	double	 key = measure(b, check_key), account = measure(b, find),
		 enter = measure(b, enter_and_leave),
		 buckets = measure(b, take),
		 reserve = measure(b, reserve_and_release),
		 read = measure(b, read_one), settle = measure(b, settle_one),
		 limits = measure(b, limit), all = measure(b, check_and_limit);

	printf("{\"keys\":%d,\"slots\":%d,\"first_use_ns\":%.0f,"
	    "\"key_ns\":%.0f,\"find_ns\":%.0f,\"enter_leave_ns\":%.0f,"
	    "\"take_both_ns\":%.0f,\"reserve_release_ns\":%.0f,"
	    "\"read_ns\":%.0f,\"settle_ns\":%.0f,\"limits_ns\":%.0f,"
	    "\"request_ns\":%.0f,\"peak_kb\":%ld,\"is_private\":%s}\n",
	    MANY_KEYS, SLOTS, first_ns, key, account, enter, buckets, reserve,
	    read, settle, limits, all, peak_kb(),
	    state_is_private(b->state) ? "true" : "false");
}

int
main(void)
{
	static struct bench b;

	log_open(NULL, LOG_LEVEL_ERROR);
	many_keys_open(&b.keys);
	find_keys(&b);
	b.now_us = clock_wall_us();
	report(&b, fill(&b));
	for (unsigned i = 0; i < SLOTS; i++)
		state_close(b.states[i]);
	many_keys_close(&b.keys);
	return 0;
}
