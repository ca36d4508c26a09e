/* chunks.h - the pieces of the segment that are given out, and to whom.
 *
 * The word chunk_owner[i] says that chunk i is the k-th of the bank of a slot
 * (see bank.h), or of the accounts (see accounts.h); 0: of none. It is set once,
 * from 0, always the first that is 0, and stays. So whoever knows the first that
 * was 0 sees by that one word whether chunks were given out since.
 */
#ifndef STORE_CHUNKS_H
#define STORE_CHUNKS_H

#include <stdbool.h>

#include "store/segment.h"

enum { CHUNKS_OF_ACCOUNTS = LAYOUT_SLOTS };	/* where a slot is asked for */

/*
 * Chunk I has an owner. *SLOT and *WHICH are within bounds; of accounts, *SLOT is
 * CHUNKS_OF_ACCOUNTS. False also for a word that cannot be.
 */
bool	chunks_owner(const struct layout *, unsigned i, unsigned *slot,
	    unsigned *which);

/*
 * Take a free chunk for SLOT (or CHUNKS_OF_ACCOUNTS), whose WHICH-th it becomes;
 * the file grows for it. *HINT is the caller's, 0 at first. May wait for some
 * milliseconds for another process that makes the file grow. -1: no room.
 */
int	chunks_claim(const struct segment *, unsigned slot, unsigned which,
	    unsigned *hint);
#endif
