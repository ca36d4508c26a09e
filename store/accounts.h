/* accounts.h - the shared records of keys that have limits, found by their ids.
 *
 * Records are numbered, LAYOUT_CHUNK_ACCOUNTS in a chunk of their own, whose
 * number is in account_chunks. A record is written first and then made known by
 * one store into account_places, a table with open addressing: so there are no
 * half made ones, and of two processes that come with the same id one finds the
 * other's word in the place that it wanted.
 */
#ifndef STORE_ACCOUNTS_H
#define STORE_ACCOUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "store/segment.h"

/* What one process keeps for making accounts; all 0 at first. */
struct accounts_maker {
	uint32_t	 spare;		/* an account that was not needed, or 0 */
	unsigned	 hint;		/* see chunks_claim */
};

/* The word base_state; while it is written: ACCOUNTS_BASE_WRITER, and by whom. */
enum {
	ACCOUNTS_BASE_NONE, ACCOUNTS_BASE_READY,
	ACCOUNTS_BASE_WRITER = 1 << 16	/* state_owner below */
};

/* The account of ID, found or made: from 1. 0: no room. */
uint32_t accounts_get(const struct segment *, struct accounts_maker *,
	    const uint8_t id[LAYOUT_ACCOUNT_ID]);

/* How many numbers were given away: none of the accounts is greater. */
uint32_t accounts_count(const struct layout *);

/* The record, or NULL when there is no such account. */
static inline struct layout_account *
accounts_record(struct layout *map, uint32_t account)
{
	uint32_t number = account - 1, chunk;

	if (number >= LAYOUT_ACCOUNTS)
		return NULL;
	chunk = atomic_load_explicit(
	    &map->account_chunks[number / LAYOUT_CHUNK_ACCOUNTS],
	    memory_order_acquire) - 1;
	if (!segment_has_chunk(map, chunk))
		return NULL;
	return &map->chunks[chunk].accounts[number % LAYOUT_CHUNK_ACCOUNTS];
}

/* The first of the account's cells (enum layout_account_cell) in every bank. */
static inline uint32_t
accounts_cell(uint32_t account)
{
	uint32_t number = account - 1;

	return (LAYOUT_SERIES_CHUNKS + number / LAYOUT_CHUNK_SHARES) *
	    LAYOUT_CHUNK_CELLS +
	    number % LAYOUT_CHUNK_SHARES * LAYOUT_ACCOUNT_CELLS;
}
#endif
