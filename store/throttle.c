#include "config.h"

#include "store/throttle.h"

#include <string.h>

#include "store/hashes.h"

/* A word: when its window began in the upper 48 bits, the failures since below. */
enum { COUNT_BITS = 16, COUNT_MASK = (1 << COUNT_BITS) - 1 };

static _Atomic uint64_t *
find(struct state *s, const char *address)
{
	return state_failures(s, hashes_make(address, strlen(address)));
}

/* Seconds of the window that are left; a beginning in the future is damage. */
static unsigned
left_s(uint64_t word, uint64_t now_s)
{
	uint64_t began_s = word >> COUNT_BITS;

	return began_s > now_s || now_s - began_s >= THROTTLE_WINDOW_S ? 0 :
	    (unsigned)(THROTTLE_WINDOW_S - (now_s - began_s));
}

unsigned
throttle_wait_s(struct state *s, const char *address, uint64_t now_s)
{
	uint64_t word = atomic_load_explicit(find(s, address),
		    memory_order_relaxed);

	return (word & COUNT_MASK) < THROTTLE_FAILURES_MAX ? 0 :
	    left_s(word, now_s);
}

void
throttle_note_failure(struct state *s, const char *address, uint64_t now_s)
{
	_Atomic uint64_t *word = find(s, address);
	uint64_t before = atomic_load_explicit(word, memory_order_relaxed),
		 after;

	do {
		after = left_s(before, now_s) == 0 ? now_s << COUNT_BITS | 1 :
		    (before & COUNT_MASK) == COUNT_MASK ? before : before + 1;
	} while (!atomic_compare_exchange_weak_explicit(word, &before, after,
	    memory_order_relaxed, memory_order_relaxed));
}
