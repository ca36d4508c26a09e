/* backup.h - copies of the database while others work with it, there and back.
 *
 * Calls block and may take long; they belong in sluicectl.
 */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include <stdbool.h>

#include "store/db.h"

enum backup_end {
	BACKUP_DONE,
	BACKUP_MISSING,			/* nothing is there to be copied */
	BACKUP_TAKEN,			/* a file is there already */
	BACKUP_NO_FILE,			/* a link or a directory is there */
	BACKUP_FOREIGN,			/* it is no database of sluice */
	BACKUP_NEWER,			/* its schema is of a newer sluice */
	BACKUP_DAMAGED,
	BACKUP_BUSY,			/* others did not let go of it */
	BACKUP_UNREADABLE,
	BACKUP_UNWRITABLE,
	BACKUP__END
};

/* A sentence about what it is that was read or written. */
const char *backup_end_text(enum backup_end);

/*
 * Copy the database, as it is at one moment, to FILE, with mode 0600. A file that
 * is there is replaced only with FORCE, a link never.
 */
enum backup_end backup_make(const struct db *, const char *file, bool force);

/* The old database's new name is written to KEPT; "" = there was none. */
enum { BACKUP_KEPT_SIZE = 4200 };

/*
 * Make what is in FILE the contents of the database, in one transaction where
 * there is a sound one: who has it open sees either. The old one is kept beside
 * it. Lists that processes know by heart count as changed. Where FILE or the
 * database cannot be used nothing has changed.
 */
enum backup_end backup_restore(const struct db *, const char *file,
	    char kept[BACKUP_KEPT_SIZE]);
#endif
