/* holders.h - which slots have cells of an account, and where.
 *
 * One process's own map of what chunk_owner says, so that who adds up over the
 * slots need not look for their chunks. It is brought up to date at each use,
 * for which one word is looked at (see chunks.h): a process that stores into a
 * cell of its own and adds up then sees every other that did so before it.
 */
#ifndef STORE_HOLDERS_H
#define STORE_HOLDERS_H

#include "store/accounts.h"

struct holders_chunk {
	uint32_t	 next;		/* 1 + another of the same accounts */
	uint8_t		 slot;
	bool		 is_listed;
};

struct holders {
	struct layout	*map;
	unsigned	 unseen;	/* the first chunk that was nobody's */
	uint64_t	 alive_us[LAYOUT_SLOTS];	/* for limits.c: when last */
	uint32_t	 first[LAYOUT_SHARE_CHUNKS];	/* 1 + chunk; 0 = none */
	struct holders_chunk chunks[LAYOUT_CHUNKS];
};

/* About 1 MB, of which only what is needed is touched. Aborts without it. */
struct holders *holders_create(struct layout *);
void	holders_free(struct holders *);	/* may be NULL */

/* For holders_first alone. */
void	holders_look(struct holders *);

/* 1 + the first chunk with cells of the account, or 0; its .next leads on. */
static inline uint32_t
holders_first(struct holders *h, uint32_t account)
{
	if (h->unseen < LAYOUT_CHUNKS &&
	    atomic_load(&h->map->chunk_owner[h->unseen]) != 0)
		holders_look(h);
	return h->first[(account - 1) / LAYOUT_CHUNK_SHARES];
}

/* The account's cells in the chunk that AT - 1 is the number of. */
static inline _Atomic uint64_t *
holders_cells(const struct holders *h, uint32_t at, uint32_t account)
{
	return &h->map->chunks[at - 1].cells[(account - 1) %
	    LAYOUT_CHUNK_SHARES * LAYOUT_ACCOUNT_CELLS];
}
#endif
