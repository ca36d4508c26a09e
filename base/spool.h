/* spool.h - a request body: in memory while small, then an unlinked file. */
#ifndef BASE_SPOOL_H
#define BASE_SPOOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct spool {
	struct buf	 memory;
	size_t		 memory_max;	/* bytes; beyond it the file takes over */
	int		 fd;		/* -1 = all in memory */
	uint64_t	 len;		/* bytes in all */
};

/*
 * How many bytes the files of all spools of this process may have together; until
 * then there is no such limit. What is in files already stays. Loop's thread.
 */
void	spool_set_total(uint64_t most_bytes);

void	spool_init(struct spool *, size_t memory_max);
void	spool_fini(struct spool *);	/* the file is gone with it */

/*
 * Add N bytes at the end. ERR_SPOOL when the file cannot be made or written
 * (it stands in $TMPDIR, else /tmp or /var/tmp), ERR_SPOOL_FULL when there would
 * be too many bytes in files, ERR_NO_MEMORY.
 */
enum err spool_append(struct spool *, const void *, size_t n);

/* Everything as one piece of memory, or NULL when it is in the file. */
const char *spool_memory(const struct spool *);

/* Copy up to N bytes from OFFSET; returns how many, 0 at the end, -1 on error. */
ssize_t	spool_read(const struct spool *, uint64_t offset, void *, size_t n);
#endif
