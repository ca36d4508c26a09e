#include "config.h"

#include "store/bank.h"

#include <string.h>

#include "base/log.h"
#include "store/chunks.h"

void
bank_init(struct bank *b, const struct segment *segment, unsigned slot)
{
	struct layout *map = segment->map;
	unsigned owner, which, count = segment_chunks(map);

	memset(b, 0, sizeof *b);
	b->segment = *segment;
	b->slot = slot;
	for (unsigned i = 0; i < count; i++)
		if (chunks_owner(map, i, &owner, &which) && owner == slot)
			b->chunks[which] = map->chunks[i].cells;
}

static void
claim(struct bank *b, unsigned which)
{
	int	 i = chunks_claim(&b->segment, b->slot, which, &b->hint);

	if (i >= 0) {
		b->chunks[which] = b->segment.map->chunks[i].cells;
		return;
	}
	b->is_full = true;
	if (!b->warned_full)
		log_warn("the state segment has no room for more counts");
	b->warned_full = true;
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
	unsigned slot, which, count = segment_chunks(map);
	uint64_t value;
	size_t	 cell;

	for (unsigned i = 0; i < count; i++) {
		if (!chunks_owner(map, i, &slot, &which) ||
		    slot == CHUNKS_OF_ACCOUNTS || which >= LAYOUT_SERIES_CHUNKS)
			continue;
		cell = (size_t)which * LAYOUT_CHUNK_CELLS;
		for (unsigned j = 0; j < LAYOUT_CHUNK_CELLS; j++, cell++) {
			value = atomic_load_explicit(&map->chunks[i].cells[j],
			    memory_order_relaxed);
			sums->all[cell] += value;
			if (is_alive[slot])
				sums->living[cell] += value;
		}
	}
}
