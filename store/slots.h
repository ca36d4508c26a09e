/* slots.h - a slot for each process; what the dead left in theirs. */
#ifndef STORE_SLOTS_H
#define STORE_SLOTS_H

#include <stdbool.h>

#include "store/bank.h"
#include "store/segment.h"

/*
 * Take the lowest free slot and, into BANK, its cells. A slot whose last owner
 * left a line that needs the journal is left for slots_recover. -1, with errno
 * EAGAIN when all are taken.
 */
int	slots_take(const struct segment *, struct bank *);

/* Leave the own slot, so that nobody has to clear it up. */
void	slots_leave(const struct segment *, const struct bank *);

/*
 * Finish what the owner of SLOT left, if it is dead and left anything. True
 * when that is done; false also when the journal in JOURNAL_DIR cannot be used.
 */
bool	slots_recover(const struct segment *, unsigned slot,
	    const char *journal_dir);

/* Whether another process has SLOT. */
bool	slots_is_held(const struct segment *, unsigned slot);
#endif
