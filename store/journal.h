/* journal.h - one JSON line for each settled request, in hourly files. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal {
	char		 dir[4096];
	int		 fd;		/* -1 = closed */
	char		 path[4128];	/* of the open file... */
	uint64_t	 inode;
	uint64_t	 second;	/* ...since 1970, when it was last looked at */
	bool		 warned;	/* that it cannot be written */
};

/* Files go to DIR, which is made if its parent exists. Nothing is opened yet. */
void	journal_open(struct journal *, const char *dir);
void	journal_close(struct journal *);

/*
 * Append LINE (N bytes, newline included) to DIR/YYYYMMDDHH.log of the local
 * hour now: one O_APPEND write, so lines of many processes never mix. A
 * directory that cannot be written is told once, and the line is lost. A file
 * that was moved away (logrotate) is left for a new one within a second.
 * WALL_US is now.
 */
void	journal_append(struct journal *, uint64_t wall_us, const char *line,
	    size_t n);
#endif
