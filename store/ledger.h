/* ledger.h - a line and its counts: both, or neither, whoever dies when.
 *
 * The record in the process's slot is a redo log of one transaction:
 *
 *	EMPTY	id, time, line and, for every cell, its value AFTERWARDS are
 *		written into the record
 *	HELD	the line is appended to the journal
 *	WRITTEN	the values are stored into the cells
 *	EMPTY	again
 *
 * What a process left when it died, whoever has its slot's lock now finishes:
 * a HELD line may be in the journal or not, which is looked up by its request
 * id; WRITTEN values are stored, once more perhaps. Because they are values and
 * not differences, and because only the holder of the slot writes its cells,
 * any step may be done twice, and finishing may itself be killed anywhere.
 */
#ifndef STORE_LEDGER_H
#define STORE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/bank.h"
#include "store/layout.h"

/* The words are no small numbers, so that damage is not taken for a state. */
enum ledger_state {
	LEDGER_EMPTY = 0,
	LEDGER_HELD = 0x48656C64,
	LEDGER_WRITTEN = 0x57726974
};

/* What a transaction will add. */
struct ledger_batch {
	unsigned	 count;
	uint32_t	 cells[STATE_BATCH_MAX];
	uint64_t	 deltas[STATE_BATCH_MAX];
	uint8_t		 hints[256];	/* by cell: 1 + where it may be, or 0 */
};

void	ledger_begin(struct ledger_batch *);

/* False: the batch is full. */
bool	ledger_add(struct ledger_batch *, uint32_t cell, uint64_t delta);

/* What the cell would hold were the batch committed now. */
uint64_t ledger_value(const struct ledger_batch *, const struct bank *,
	    uint32_t cell);

/*
 * Fill the record from what is to be. A LINE of more than STATE_LINE_MAX bytes
 * cannot be held: if this process dies then, the record is dropped.
 */
void	ledger_hold(struct layout_record *, const struct bank *,
	    const struct ledger_batch *, uint64_t wall_us, const char *id,
	    const char *line, size_t n);

/* The line is in the journal: go on to WRITTEN. */
void	ledger_written(struct layout_record *);

/* Store the values into the cells, in the order in which they were added. */
void	ledger_apply(const struct layout_record *, const struct bank *);

/* Done: EMPTY. */
void	ledger_clear(struct layout_record *);

/* Whether finishing the record needs the journal. */
bool	ledger_needs_journal(const struct layout_record *);

/*
 * Finish the record of a dead process, whose bank this is. A damaged one is
 * dropped. False: the journal in JOURNAL_DIR cannot be read or written; the
 * record stays for another time.
 */
bool	ledger_recover(struct layout_record *, const struct bank *,
	    const char *journal_dir);
#endif
