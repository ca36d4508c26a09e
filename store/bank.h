/* bank.h - the cells of one slot, in chunks that all slots have in common.
 *
 * A chunk is claimed by who holds the slot, and stays: the counts of the dead
 * belong to the totals, and the slot's next owner goes on adding to them. Only
 * the holder of a slot writes to its cells.
 */
#ifndef STORE_BANK_H
#define STORE_BANK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/segment.h"

struct bank {
	struct segment	 segment;	/* borrowed */
	unsigned	 slot;
	bool		 is_full;	/* there are no chunks left */
	bool		 warned_full;
	unsigned	 hint;		/* see chunks_claim */
	_Atomic uint64_t *chunks[LAYOUT_BANK_CHUNKS];	/* NULL = not there */
};

/* The cells of SLOT as they are in the segment. */
void	bank_init(struct bank *, const struct segment *, unsigned slot);

/* Like bank_find, but a missing chunk is claimed. NULL: none is left; told once. */
_Atomic uint64_t *bank_get(struct bank *, uint32_t cell);

/* The cell, or NULL when the bank has not got it or there is no such cell. */
static inline _Atomic uint64_t *
bank_find(const struct bank *b, uint32_t cell)
{
	_Atomic uint64_t *chunk;

	if (cell >= LAYOUT_CELLS)
		return NULL;
	chunk = b->chunks[cell / LAYOUT_CHUNK_CELLS];
	return chunk == NULL ? NULL : &chunk[cell % LAYOUT_CHUNK_CELLS];
}

/* What all slots have in each cell of series. */
struct bank_sums {
	uint64_t	 all[LAYOUT_SERIES_CELLS];
	uint64_t	 living[LAYOUT_SERIES_CELLS];
};

/* Add up to SUMS (zeroed); IS_ALIVE tells which slots are. */
void	bank_sum(struct layout *map, const bool is_alive[LAYOUT_SLOTS],
	    struct bank_sums *);
#endif
