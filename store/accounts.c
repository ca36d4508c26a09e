#include "config.h"

#include "store/accounts.h"

#include <string.h>

#include "base/clock.h"
#include "store/chunks.h"
#include "store/hashes.h"

/* A word in account_places: the account, and bits of its hash above. */
enum {
	ACCOUNT_BITS = 17,
	ACCOUNT_MASK = (1 << ACCOUNT_BITS) - 1,
	PROBES_MAX = 256		/* were the table sound, some 60 at most */
};

_Static_assert(LAYOUT_ACCOUNTS < 1 << ACCOUNT_BITS, "a word holds any account");

static uint32_t
place_word(uint64_t hash, uint32_t account)
{
	return (uint32_t)(hash >> 32) << ACCOUNT_BITS | account;
}

uint32_t
accounts_count(const struct layout *map)
{
	uint32_t next = atomic_load_explicit(&map->next_account,
	    memory_order_acquire);

	return next < LAYOUT_ACCOUNTS ? next : LAYOUT_ACCOUNTS;
}

/* A number of our own, or 0. */
static uint32_t
take_number(struct layout *map)
{
	uint32_t next = atomic_load(&map->next_account);

	do
		if (next >= LAYOUT_ACCOUNTS)
			return 0;
	while (!atomic_compare_exchange_weak(&map->next_account, &next,
	    next + 1));
	return next + 1;
}

/* Of two who claim a chunk for the same records, one has it for nothing. */
static struct layout_account *
record_get(const struct segment *s, struct accounts_maker *maker,
    uint32_t account)
{
	struct layout_account *found = accounts_record(s->map, account);
	uint32_t which = (account - 1) / LAYOUT_CHUNK_ACCOUNTS, none = 0;
	int	 chunk;

	if (found != NULL)
		return found;
	chunk = chunks_claim(s, CHUNKS_OF_ACCOUNTS, which, &maker->hint);
	if (chunk >= 0)
		atomic_compare_exchange_strong(&s->map->account_chunks[which],
		    &none, (uint32_t)chunk + 1);
	return accounts_record(s->map, account);
}

/* A record that nobody knows yet. */
static uint32_t
make(const struct segment *s, struct accounts_maker *maker,
    const uint8_t id[LAYOUT_ACCOUNT_ID])
{
	struct layout_account *a;

	if (maker->spare == 0)
		maker->spare = take_number(s->map);
	if (maker->spare == 0)
		return 0;
	a = record_get(s, maker, maker->spare);
	if (a == NULL)
		return 0;
	memcpy(a->id, id, LAYOUT_ACCOUNT_ID);
	atomic_store_explicit(&a->born_ms, clock_wall_us() / 1000,
	    memory_order_relaxed);
	return maker->spare;
}

/* Whether WORD is of the account of this ID; its maker may have died just now. */
static bool
is_of(struct layout *map, uint32_t word, uint64_t hash,
    const uint8_t id[LAYOUT_ACCOUNT_ID])
{
	uint32_t account = word & ACCOUNT_MASK;
	struct layout_account *a;

	if (word != place_word(hash, account))
		return false;
	a = accounts_record(map, account);
	if (a == NULL || memcmp(a->id, id, LAYOUT_ACCOUNT_ID) != 0)
		return false;
	if (atomic_load_explicit(&a->is_ready, memory_order_relaxed) != 1)
		atomic_store_explicit(&a->is_ready, 1, memory_order_release);
	return true;
}

/* Into a place that was free; *WORD becomes what stands there. */
static bool
settle(const struct segment *s, struct accounts_maker *maker, uint32_t place,
    uint64_t hash, const uint8_t id[LAYOUT_ACCOUNT_ID], uint32_t *word)
{
	uint32_t account = make(s, maker, id),
		 own = place_word(hash, account);

	if (account == 0)
		return false;
	if (atomic_compare_exchange_strong(&s->map->account_places[place],
	    word, own)) {
		*word = own;
		maker->spare = 0;
	}
	return true;
}

uint32_t
accounts_get(const struct segment *s, struct accounts_maker *maker,
    const uint8_t id[LAYOUT_ACCOUNT_ID])
{
	uint64_t hash = hashes_make(id, LAYOUT_ACCOUNT_ID);
	uint32_t place, word;

	for (uint32_t i = 0; i < PROBES_MAX; i++) {
		place = (uint32_t)(hash + i) & (LAYOUT_ACCOUNT_PLACES - 1);
		word = atomic_load_explicit(&s->map->account_places[place],
		    memory_order_acquire);
		if (word == 0 && !settle(s, maker, place, hash, id, &word))
			return 0;
		if (is_of(s->map, word, hash, id))
			return word & ACCOUNT_MASK;
	}
	return 0;
}
