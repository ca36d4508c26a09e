#include "config.h"

#include "store/throttle.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include <sodium.h>

/*
 * A word: the address's tag, when its window began, the failures since. The tag
 * is half of a hash, so that two addresses hardly ever have the same.
 * An address has two places; where others' windows last in both, the older one
 * makes room.
 */
enum {
	COUNT_BITS = 8, COUNT_MASK = (1 << COUNT_BITS) - 1,
	TIME_BITS = 24, TIME_MASK = (1 << TIME_BITS) - 1,
	TAG_SHIFT = COUNT_BITS + TIME_BITS, PLACES = 2,
	ADDRESS_MAX_BYTES = 64
};

static_assert(crypto_shorthash_KEYBYTES == STATE_SECRET_SIZE &&
    crypto_shorthash_BYTES == sizeof(uint64_t), "the secret is a key");

static const unsigned maxima[] = {
	[THROTTLE_ADMIN_KEY] = THROTTLE_FAILURES_MAX,
	[THROTTLE_CLIENT_KEY] = THROTTLE_GUESSES_MAX,
};

/* Seconds of the window that are left; a beginning in the future is damage. */
static unsigned
left_s(uint64_t word, uint64_t now_s)
{
	uint64_t age_s = (now_s - (word >> COUNT_BITS)) & TIME_MASK;

	return age_s >= THROTTLE_WINDOW_S ? 0 :
	    (unsigned)(THROTTLE_WINDOW_S - age_s);
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
static size_t
shorten(const char *address, unsigned char bytes[ADDRESS_MAX_BYTES])
{
	struct in6_addr six;
	size_t	 n = strnlen(address, ADDRESS_MAX_BYTES);

	if (inet_pton(AF_INET6, address, &six) == 1 &&
	    !IN6_IS_ADDR_V4MAPPED(&six)) {
		memcpy(bytes, &six, 8);
		return 8;
	}
	memcpy(bytes, address, n);
	return n;
}

static uint64_t
make_hash(struct state *s, const void *bytes, size_t n)
{
	unsigned char secret[crypto_shorthash_KEYBYTES],
	    out[crypto_shorthash_BYTES];
	uint64_t hash;

	state_secret(s, secret);
	crypto_shorthash(out, bytes, n, secret);
	memcpy(&hash, out, sizeof hash);
	return hash;
}

static uint64_t
hash_of(struct state *s, enum throttle_kind kind, const char *address)
{
	unsigned char text[1 + ADDRESS_MAX_BYTES];

	text[0] = (unsigned char)kind;
	return make_hash(s, text, 1 + shorten(address, text + 1));
}

unsigned
throttle_wait_s(struct state *s, enum throttle_kind kind, const char *address,
    uint64_t now_s)
{
	uint64_t hash = hash_of(s, kind, address);
	uint64_t word = atomic_load_explicit(find(s, hash, now_s),
		    memory_order_relaxed);

	return !is_of(word, hash, now_s) ||
	    (word & COUNT_MASK) < maxima[kind] ? 0 : left_s(word, now_s);
}

static uint64_t
counted(uint64_t word, uint64_t hash, uint64_t now_s)
{
	if (!is_of(word, hash, now_s))
		return hash >> TAG_SHIFT << TAG_SHIFT |
		    (now_s & TIME_MASK) << COUNT_BITS | 1;
	return (word & COUNT_MASK) == COUNT_MASK ? word : word + 1;
}

void
throttle_note_failure(struct state *s, enum throttle_kind kind,
    const char *address, uint64_t now_s)
{
	uint64_t hash = hash_of(s, kind, address), before;
	_Atomic uint64_t *word = find(s, hash, now_s);

	before = atomic_load_explicit(word, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(word, &before,
	    counted(before, hash, now_s), memory_order_relaxed,
	    memory_order_relaxed))
		continue;
}

/* Its upper half is the pair's, the lower one says when it was shown first. */
void
throttle_note_guess(struct state *s, enum throttle_kind kind,
    const char *address, const char *guess, uint64_t now_s)
{
	const uint64_t pair = hash_of(s, kind, address) ^
	    make_hash(s, guess, strlen(guess));
	_Atomic uint64_t *word = state_guesses(s, pair);
	uint64_t before = atomic_load_explicit(word, memory_order_relaxed);

	if (before >> 32 == pair >> 32 &&
	    (uint32_t)now_s - (uint32_t)before < THROTTLE_WINDOW_S)
		return;
	atomic_store_explicit(word, pair >> 32 << 32 | (uint32_t)now_s,
	    memory_order_relaxed);
	throttle_note_failure(s, kind, address, now_s);
}
