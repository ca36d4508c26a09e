/* usage_import.h - the journal's lines go into the database, each exactly once.
 *
 * Rows, sums and how far the file was read change in one transaction, so it may
 * die anywhere, and two may run at once.
 */
#ifndef STORE_USAGE_IMPORT_H
#define STORE_USAGE_IMPORT_H

#include "store/db.h"

struct usage_import;

/* DB is borrowed, and only for its path. */
struct usage_import *usage_import_create(const struct db *);
void	usage_import_free(struct usage_import *);

enum usage_import_end {
	USAGE_IMPORT_DONE,
	USAGE_IMPORT_MORE,		/* it stopped after about a second */
	USAGE_IMPORT_FAILED		/* told to the log, once */
};

/*
 * Import what is new in the journal of JOURNAL_DIR. Then, unless RETENTION_DAYS
 * is 0, delete what is older than that: rows, hourly sums, and files of the
 * journal that are imported; daily sums stay. Costs a look at the directory when
 * there is nothing to do. After a failure the next run begins where this one
 * did. Blocks.
 */
enum usage_import_end usage_import_run(struct usage_import *,
	    const char *journal_dir, unsigned retention_days);
#endif
