#include "config.h"

#include "store/holds.h"

/* The count is never less than it should be, whenever this is killed. */
void
holds_set(struct bank *b, _Atomic uint64_t *cell, uint64_t value)
{
	_Atomic uint32_t *count =
	    &b->segment.map->slots[b->slot].hold_count;
	uint32_t n = atomic_load_explicit(count, memory_order_relaxed);
	uint64_t before = atomic_load_explicit(cell, memory_order_relaxed);

	if (before == 0 && value != 0)
		atomic_store_explicit(count, n + 1, memory_order_relaxed);
	atomic_store(cell, value);
	if (before != 0 && value == 0 && n > 0)
		atomic_store_explicit(count, n - 1, memory_order_release);
}

static void
clear_chunk(_Atomic uint64_t *cells)
{
	for (unsigned i = 0; i < LAYOUT_CHUNK_SHARES; i++)
		for (unsigned j = 0; j < LAYOUT_HOLDS; j++) {
			_Atomic uint64_t *cell =
			    &cells[i * LAYOUT_ACCOUNT_CELLS + j];

			if (atomic_load_explicit(cell,
			    memory_order_relaxed) != 0)
				atomic_store_explicit(cell, 0,
				    memory_order_relaxed);
		}
}

void
holds_clear(const struct bank *b)
{
	_Atomic uint32_t *count =
	    &b->segment.map->slots[b->slot].hold_count;

	if (atomic_load_explicit(count, memory_order_acquire) == 0)
		return;
	for (unsigned i = LAYOUT_SERIES_CHUNKS; i < LAYOUT_BANK_CHUNKS; i++)
		if (b->chunks[i] != NULL)
			clear_chunk(b->chunks[i]);
	atomic_store_explicit(count, 0, memory_order_release);
}
