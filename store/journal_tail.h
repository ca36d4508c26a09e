/* journal_tail.h - the journal from its newest line backwards. */
#ifndef STORE_JOURNAL_TAIL_H
#define STORE_JOURNAL_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal_tail;

/* The files in DIR (borrowed), of which at most MAX_BYTES are read. Blocks. */
struct journal_tail *journal_tail_open(const char *dir, uint64_t max_bytes);
void	journal_tail_close(struct journal_tail *);

/*
 * The next older line, without its newline, until the next call. Torn lines and
 * those of more than JOURNAL_LINE_MAX bytes are left out. False: there is none,
 * or enough has been read. Blocks.
 */
bool	journal_tail_next(struct journal_tail *, const char **line,
	    size_t *n);

/* Are there lines that were not read, for that would have been too much? */
bool	journal_tail_is_cut(const struct journal_tail *);
#endif
