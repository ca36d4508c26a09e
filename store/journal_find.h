/* journal_find.h - whether a request's line is in the journal already. */
#ifndef STORE_JOURNAL_FIND_H
#define STORE_JOURNAL_FIND_H

#include <stddef.h>
#include <stdint.h>

enum journal_found {
	JOURNAL_FOUND,			/* the whole line */
	JOURNAL_UNENDED,		/* all but its newline, at the file's end */
	JOURNAL_MISSING,		/* or there is but a part of it */
	JOURNAL_UNREADABLE
};

/*
 * Look in the file of WALL_US's hour in DIR for the line with the member
 * "request_id":"ID", from the end backwards. Blocks on the file.
 */
enum journal_found journal_find(const char *dir, uint64_t wall_us,
	    const char *id);

/*
 * The whole line in LINE (N bytes, without its newline): what follows the torn
 * lines, of writers that died or had no disk left, that may stand before it.
 * Its length goes to *LEN. NULL when it is torn itself.
 */
const char *journal_find_whole(const char *line, size_t n, size_t *len);
#endif
