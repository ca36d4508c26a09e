/* segment.h - the file STATE_DIR/state: made, checked, mapped, and its locks.
 *
 * Locks are open file description locks: a process's own, gone with it however
 * it dies, and never waited for.
 */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "store/layout.h"

struct segment {
	struct layout	*map;
	int		 fd;		/* -1 = private memory */
	dev_t		 device;
	ino_t		 inode;
};

/* When others are at it or the file is of another version of sluice... */
enum segment_mode {
	SEGMENT_START,			/* wait some seconds; make it anew */
	SEGMENT_REFRESH			/* give up: two versions would fight */
};

/*
 * Map the file in DIR, which is made if its parent exists. A file that is
 * missing or damaged is made anew. False, with errno, when that cannot be.
 */
bool	segment_open(struct segment *, const char *dir, enum segment_mode);

/* As much memory for this process alone. Aborts when there is none. */
void	segment_open_private(struct segment *);

/* Let go of the locks; the memory stays until segment_unmap. */
void	segment_close(struct segment *);
void	segment_unmap(struct layout *);		/* may be NULL */

/* Whether the file in DIR is still the one that is mapped, and all of it. */
bool	segment_is_current(const struct segment *, const char *dir);

/* How many chunks the file has; these may be touched from now on. */
unsigned segment_chunks(struct layout *);

/* Whether CHUNK may be touched. Any thread. */
bool	segment_has_chunk(struct layout *, uint32_t chunk);

/*
 * Make the file LAYOUT_GROW_CHUNKS longer, unless it has more than COUNT chunks
 * by now. False, with errno: EAGAIN when another process is just doing that.
 */
bool	segment_grow(const struct segment *, unsigned count);

/* False: somebody has cut the file, and to touch its memory may be a SIGBUS. */
bool	segment_is_whole(const struct segment *);

/*
 * Take the lock on BYTE; having it already is fine. False, with errno EAGAIN,
 * when another process has it.
 */
bool	segment_lock(const struct segment *, off_t byte);
void	segment_unlock(const struct segment *, off_t byte);

/* Whether another process has the lock. */
bool	segment_is_locked(const struct segment *, off_t byte);
#endif
