/* journal.h - one JSON line for each settled request, in hourly files. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	JOURNAL_PATH_SIZE = 4128,
	JOURNAL_WAITING_MAX = 1 << 20	/* bytes of lines that are kept */
};

struct journal {
	char		 dir[4096];
	int		 fd;		/* -1 = closed */
	char		 path[JOURNAL_PATH_SIZE];	/* of the open file... */
	uint64_t	 inode;
	uint64_t	 second;	/* ...since 1970, when it was last looked at */
	bool		 warned;	/* that it cannot be written: the last attempt failed */
	bool		 is_torn;	/* its last line may have no end */
	struct buf	 waiting;	/* lines that could not be written, in order */
	uint64_t	 lost;		/* lines, since journal_take_lost */
};

/* Files go to DIR, which is made if its parent exists. Nothing is opened yet. */
void	journal_open(struct journal *, const char *dir);

/* What follows goes to DIR, with what waits. */
void	journal_move(struct journal *, const char *dir);

/* Lines that wait still are lost, which is told. */
void	journal_close(struct journal *);

/*
 * Append LINE (N bytes, newline included) to DIR/YYYYMMDDHH.log of the local
 * hour now: one O_APPEND write, so lines of many processes never mix. Where it
 * cannot be written that is told once, with the reason, and the line waits in
 * memory, where there is room for JOURNAL_WAITING_MAX bytes; it is lost if not. A
 * file that was moved away (logrotate) is left for a new one within a second.
 * WALL_US is now.
 *
 * A full disk, or a death, can leave a part of a line without a newline, and
 * another process's line right behind it. So what stands before {"asctime" in a
 * line is torn, and an empty line is none: journal_find_whole.
 */
void	journal_append(struct journal *, uint64_t wall_us, const char *line,
	    size_t n);

/* Write what waits, as far as that goes. For once a second. */
void	journal_flush(struct journal *, uint64_t wall_us);

/* How many lines were lost since the last call. */
uint64_t journal_take_lost(struct journal *);

/* Do lines wait? */
bool	journal_is_failing(const struct journal *);

/*
 * Can a line be written to DIR? A file without a name is written to, which can
 * block: for the thread pool.
 */
bool	journal_can_write(const char *dir);

/* The path of the file in DIR for the local hour of WALL_US. */
void	journal_path(const char *dir, uint64_t wall_us,
	    char path[JOURNAL_PATH_SIZE]);

/*
 * Append the line of a process that died before it could, to the file of its
 * hour; on a line of its own, whatever that ends in. False, with errno, when
 * not all of it was written.
 */
bool	journal_append_late(const char *dir, uint64_t wall_us,
	    const char *line, size_t n);

/* Append the newline that a line of the dead lacks. False, with errno: it was not written. */
bool	journal_end_late(const char *dir, uint64_t wall_us);
#endif
