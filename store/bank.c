#include "config.h"

#include "store/bank.h"

#include <string.h>

#include "base/log.h"

/* An owner word: the slot + 1 in the upper half, which of its chunks below. */
static uint32_t
owner_word(unsigned slot, unsigned which)
{
	return (uint32_t)(slot + 1) << 16 | which;
}

static bool
owner_read(const _Atomic uint32_t *word, unsigned *slot, unsigned *which)
{
	uint32_t owner = atomic_load_explicit(word, memory_order_acquire);

	*slot = (owner >> 16) - 1;
	*which = owner & 0xFFFF;
	return owner != 0 && *slot < LAYOUT_SLOTS &&
	    *which < LAYOUT_BANK_CHUNKS;
}

void
bank_init(struct bank *b, struct layout *map, unsigned slot)
{
	unsigned owner, which;

	memset(b, 0, sizeof *b);
	b->map = map;
	b->slot = slot;
	for (unsigned i = 0; i < LAYOUT_CHUNKS; i++)
		if (owner_read(&map->chunk_owner[i], &owner, &which) &&
		    owner == slot)
			b->chunks[which] = map->chunks[i];
}

static void
claim(struct bank *b, unsigned which)
{
	uint32_t free_word;

	for (unsigned i = 0; i < LAYOUT_CHUNKS; i++) {
		free_word = 0;
		if (atomic_compare_exchange_strong_explicit(
		    &b->map->chunk_owner[i], &free_word,
		    owner_word(b->slot, which), memory_order_acq_rel,
		    memory_order_relaxed)) {
			b->chunks[which] = b->map->chunks[i];
			return;
		}
	}
	b->is_full = true;
	log_warn("the state segment has no room for more counts");
}

_Atomic uint64_t *
bank_get(struct bank *b, uint32_t cell)
{
	_Atomic uint64_t *found = bank_find(b, cell);

	if (found != NULL || cell >= LAYOUT_CELLS || b->is_full)
		return found;
	claim(b, cell / LAYOUT_CHUNK_CELLS);
	return bank_find(b, cell);
}

void
bank_sum(struct layout *map, const bool is_alive[LAYOUT_SLOTS],
    struct bank_sums *sums)
{
	unsigned slot, which;
	uint64_t value;
	size_t	 cell;

	for (unsigned i = 0; i < LAYOUT_CHUNKS; i++) {
		if (!owner_read(&map->chunk_owner[i], &slot, &which))
			continue;
		cell = (size_t)which * LAYOUT_CHUNK_CELLS;
		for (unsigned j = 0; j < LAYOUT_CHUNK_CELLS; j++, cell++) {
			value = atomic_load_explicit(&map->chunks[i][j],
			    memory_order_relaxed);
			sums->all[cell] += value;
			if (is_alive[slot])
				sums->living[cell] += value;
		}
	}
}
