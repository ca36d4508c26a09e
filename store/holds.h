/* holds.h - cells of accounts that count only while their process lives.
 *
 * The slot has a count of those that are not 0, so that a process that holds
 * nothing need not look for them when it leaves.
 */
#ifndef STORE_HOLDS_H
#define STORE_HOLDS_H

#include "store/bank.h"

/* Set a cell of the bank's, for all to see before this returns. */
void	holds_set(struct bank *, _Atomic uint64_t *cell, uint64_t value);

/* Zero all of them. The slot is one's own, or that of a dead process. */
void	holds_clear(const struct bank *);
#endif
