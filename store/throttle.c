#include "config.h"

#include "store/throttle.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#include "store/hashes.h"

/*
 * A word: bits of the address's hash, when its window began, the failures since.
 * An address has two places; where others' windows last in both, the older one
 * makes room.
 */
enum {
	COUNT_BITS = 16, COUNT_MASK = (1 << COUNT_BITS) - 1,
	TAG_SHIFT = 48, PLACES = 2
};

/* Seconds of the window that are left; a beginning in the future is damage. */
static unsigned
left_s(uint64_t word, uint64_t now_s)
{
	uint32_t age_s = (uint32_t)now_s - (uint32_t)(word >> COUNT_BITS);

	return age_s >= THROTTLE_WINDOW_S ? 0 : THROTTLE_WINDOW_S - age_s;
}

/* Whether the word is of this hash, and still counts. */
static bool
is_of(uint64_t word, uint64_t hash, uint64_t now_s)
{
	return word >> TAG_SHIFT == hash >> TAG_SHIFT &&
	    left_s(word, now_s) > 0;
}

/* Its own place, or the one that it may have. */
static _Atomic uint64_t *
find(struct state *s, uint64_t hash, uint64_t now_s)
{
	_Atomic uint64_t *place, *best = NULL;
	unsigned least_s = THROTTLE_WINDOW_S + 1;

	for (unsigned i = 0; i < PLACES; i++) {
		uint64_t word;
		unsigned left;

		place = state_failures(s, hash + i);
		word = atomic_load_explicit(place, memory_order_relaxed);
		if (is_of(word, hash, now_s))
			return place;
		left = left_s(word, now_s);
		if (left < least_s) {
			least_s = left;
			best = place;
		}
	}
	return best;
}

/* Who has an IPv6 address has all of its /64. */
static uint64_t
hash_of(const char *address)
{
	struct in6_addr six;

	return inet_pton(AF_INET6, address, &six) == 1 &&
	    !IN6_IS_ADDR_V4MAPPED(&six) ? hashes_make(&six, 8) :
	    hashes_make(address, strlen(address));
}

unsigned
throttle_wait_s(struct state *s, const char *address, uint64_t now_s)
{
	uint64_t hash = hash_of(address);
	uint64_t word = atomic_load_explicit(find(s, hash, now_s),
		    memory_order_relaxed);

	return !is_of(word, hash, now_s) ||
	    (word & COUNT_MASK) < THROTTLE_FAILURES_MAX ? 0 :
	    left_s(word, now_s);
}

static uint64_t
counted(uint64_t word, uint64_t hash, uint64_t now_s)
{
	if (!is_of(word, hash, now_s))
		return hash >> TAG_SHIFT << TAG_SHIFT |
		    (uint64_t)(uint32_t)now_s << COUNT_BITS | 1;
	return (word & COUNT_MASK) == COUNT_MASK ? word : word + 1;
}

void
throttle_note_failure(struct state *s, const char *address, uint64_t now_s)
{
	uint64_t hash = hash_of(address), before;
	_Atomic uint64_t *word = find(s, hash, now_s);

	before = atomic_load_explicit(word, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(word, &before,
	    counted(before, hash, now_s), memory_order_relaxed,
	    memory_order_relaxed))
		continue;
}
