/* backup_copy.h - one database's pages into another file, and what such a file is. */
#ifndef STORE_BACKUP_COPY_H
#define STORE_BACKUP_COPY_H

#include "store/backup.h"

struct sqlite3;

/* A result of SQLite's; OTHER: what is wrong when it does not say. */
enum backup_end backup_copy_end(int result, enum backup_end other);

/* *SQLITE is to be closed in any case. FLAGS: SQLITE_OPEN_READONLY or _READWRITE. */
enum backup_end backup_copy_open(const char *path, int flags,
	    struct sqlite3 **sqlite);

enum backup_end backup_copy_execute(struct sqlite3 *, const char *sql);

/*
 * Copy FROM, sound or not, as it is at one moment, to TO, an empty file, which
 * needs no others beside it afterwards.
 */
enum backup_end backup_copy_run(const char *to, const char *from);

/* Is it a database of this sluice or an older one, and sound? */
enum backup_end backup_copy_judge(struct sqlite3 *);
#endif
