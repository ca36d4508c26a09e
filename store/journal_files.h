/* journal_files.h - the files of the journal, to be read from the outside. */
#ifndef STORE_JOURNAL_FILES_H
#define STORE_JOURNAL_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOURNAL_ID_SIZE = 64, JOURNAL_LINE_MAX = 4 << 20 };

struct journal_file {
	char		*name;		/* within the directory */
	uint64_t	 inode;
	int64_t		 size, mtime_ns;
};

struct journal_files {
	struct journal_file *files;	/* by name: the oldest first */
	size_t		 count;
};

/*
 * List what was written as YYYYMMDDHH.log, also what has been renamed to
 * YYYYMMDDHH.log and more since. No directory is an empty one.
 */
void	journal_files_list(struct journal_files *, const char *dir);
void	journal_files_free(struct journal_files *);

/* Whether NAME is as the journal made it: nothing renamed it. */
bool	journal_files_is_own(const char *name);

/*
 * The id of the request in the first whole line of FD: it is one file's and its
 * copies', whatever becomes of name and inode. False: there is none (yet) within
 * JOURNAL_LINE_MAX bytes.
 */
bool	journal_files_first_id(int fd, char id[JOURNAL_ID_SIZE]);
#endif
