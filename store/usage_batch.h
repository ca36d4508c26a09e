/* usage_batch.h - some lines of one file of the journal, in one transaction. */
#ifndef STORE_USAGE_BATCH_H
#define STORE_USAGE_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "store/db.h"
#include "store/journal_files.h"
#include "store/key_ids.h"
#include "store/usage_line.h"

enum usage_batch_statement {
	USAGE_BATCH_IS_SEEN, USAGE_BATCH_POSITION, USAGE_BATCH_SAVE,
	USAGE_BATCH_LAST, USAGE_BATCH_INSERT, USAGE_BATCH_HOURS,
	USAGE_BATCH_DAYS, USAGE_BATCH_PRUNE, USAGE_BATCH_PRUNE_HOURS,
	USAGE_BATCH_STATEMENT__MAX
};

struct usage_batch {
	sqlite3		*sqlite;
	sqlite3_stmt	*ready[USAGE_BATCH_STATEMENT__MAX];
	int64_t		 horizon_ms;	/* what is older has been deleted */
	int64_t		 since_ms;	/* older lines of the file are ignored */
	struct key_ids	 key_ids;	/* for lines of the versions before */
	struct usage_line line;
	char		 why[SECRET_FILE_WHY_SIZE];	/* the last failure */
};

enum usage_batch_end {
	USAGE_BATCH_DONE,		/* the file is read up to its end */
	USAGE_BATCH_MORE,
	USAGE_BATCH_FAILED		/* the database; nothing has changed */
};

/* Connect to the database. False: it cannot be used. */
bool	usage_batch_open(struct usage_batch *, const struct db *,
	    int64_t horizon_ms);
void	usage_batch_close(struct usage_batch *);

/* Whether the file is imported as it is, by inode, size and time. */
bool	usage_batch_is_seen(struct usage_batch *, const struct journal_file *);

/* Import up to JOURNAL_LINE_MAX bytes of FD, the file of FIRST_ID. */
enum usage_batch_end usage_batch_run(struct usage_batch *, int fd,
	    const char *first_id);

/* Delete some of what is older than the horizon. Returns how much; -1: failed. */
int	usage_batch_prune(struct usage_batch *);
#endif
