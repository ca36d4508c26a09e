#include "config.h"

#include "store/usage_import.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/journal_files.h"
#include "store/usage_batch.h"

enum { BUDGET_US = 1000000, DAY_MS = 86400000 };
#define HOUR_US		3600000000
#define NS_PER_MS	1000000

struct usage_import {
	const struct db	*db;
	uint64_t	 seen;		/* fingerprint when all was done; 0 = never */
	bool		 warned;

	/* of one run */
	const char	*dir;
	uint64_t	 deadline_us;
	unsigned	 deleted;	/* files */
	struct usage_batch batch;
};

struct usage_import *
usage_import_create(const struct db *db)
{
	struct usage_import *u = calloc(1, sizeof *u);

	if (u == NULL)
		abort();
	u->db = db;
	return u;
}

void
usage_import_free(struct usage_import *u)
{
	free(u);
}

/* ---- Is there anything to do? ---- */

/* FNV-1a, over words. */
static uint64_t
mix(uint64_t hash, uint64_t word)
{
	for (int i = 0; i < 8; i++, word >>= 8)
		hash = (hash ^ (word & 0xFF)) * 0x100000001B3;
	return hash;
}

/*
 * Of the files, of the database's file, which may have been replaced, and of
 * the hour: what is too old is looked for once in each. Never 0.
 */
static uint64_t
fingerprint(const struct usage_import *u, const struct journal_files *list,
    unsigned retention_days)
{
	uint64_t hash = mix(0xCBF29CE484222325, clock_wall_us() / HOUR_US);
	struct stat st;

	hash = mix(hash, retention_days);
	if (stat(db_path(u->db), &st) == 0) {
		hash = mix(hash, st.st_ino);	/* which may come again */
		hash = mix(hash, (uint64_t)st.st_ctim.tv_sec);
		hash = mix(hash, (uint64_t)st.st_ctim.tv_nsec);
	}
	for (size_t i = 0; i < list->count; i++) {
		hash = mix(hash, list->files[i].inode);
		hash = mix(hash, (uint64_t)list->files[i].size);
		hash = mix(hash, (uint64_t)list->files[i].mtime_ns);
	}
	return hash == 0 ? 1 : hash;
}

/* ---- The files. ---- */

static bool
is_late(const struct usage_import *u)
{
	return clock_now_us() >= u->deadline_us;
}

/* What has no whole line yet has nothing to import. */
static enum usage_import_end
import_open_file(struct usage_import *u, int fd)
{
	char	 first_id[JOURNAL_ID_SIZE];

	if (!journal_files_first_id(fd, first_id))
		return USAGE_IMPORT_DONE;
	for (;;)
		switch (usage_batch_run(&u->batch, fd, first_id)) {
		case USAGE_BATCH_DONE:
			return USAGE_IMPORT_DONE;
		case USAGE_BATCH_FAILED:
			return USAGE_IMPORT_FAILED;
		case USAGE_BATCH_MORE:
			if (is_late(u))
				return USAGE_IMPORT_MORE;
		}
}

/*
 * Its last line is older than all that is kept. Only a name that the journal
 * gave is deleted: others are somebody else's to keep. One that has changed
 * since it was listed has to wait.
 */
static void
delete_old(struct usage_import *u, const struct journal_file *file,
    const char *path)
{
	struct stat st;

	if (file->mtime_ns / NS_PER_MS >= u->batch.horizon_ms ||
	    !journal_files_is_own(file->name) ||
	    lstat(path, &st) != 0 || st.st_ino != file->inode ||
	    st.st_size != file->size ||
	    (file->size > 0 && !usage_batch_is_seen(&u->batch, file)))
		return;
	if (unlink(path) == 0)
		u->deleted++;
}

static enum usage_import_end
import_file(struct usage_import *u, const struct journal_file *file)
{
	enum usage_import_end end = USAGE_IMPORT_DONE;
	char	 path[4096 + 256];
	int	 fd;

	snprintf(path, sizeof path, "%s/%s", u->dir, file->name);
	if (file->size > 0 && !usage_batch_is_seen(&u->batch, file)) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			return USAGE_IMPORT_DONE;
		end = import_open_file(u, fd);
		close(fd);
	}
	if (end == USAGE_IMPORT_DONE)
		delete_old(u, file, path);
	return end;
}

static enum usage_import_end
import_files(struct usage_import *u, const struct journal_files *list)
{
	enum usage_import_end end = USAGE_IMPORT_DONE;

	for (size_t i = 0; end == USAGE_IMPORT_DONE && i < list->count; i++)
		end = is_late(u) ? USAGE_IMPORT_MORE :
		    import_file(u, &list->files[i]);
	return end;
}

/* ---- A run. ---- */

static enum usage_import_end
prune(struct usage_import *u)
{
	int	 deleted;

	do {
		if (is_late(u))
			return USAGE_IMPORT_MORE;
		deleted = usage_batch_prune(&u->batch);
	} while (deleted > 0);
	return deleted < 0 ? USAGE_IMPORT_FAILED : USAGE_IMPORT_DONE;
}

static void
warn(struct usage_import *u)
{
	if (!u->warned)
		log_error("cannot import the journal into %s, for now: %s",
		    db_path(u->db), u->batch.why);
	u->warned = true;
}

static enum usage_import_end
import_all(struct usage_import *u, const struct journal_files *list,
    unsigned retention_days)
{
	enum usage_import_end end = USAGE_IMPORT_FAILED;
	int64_t	 horizon_ms = retention_days == 0 ? 0 :
		     (int64_t)(clock_wall_us() / 1000) -
		     (int64_t)retention_days * DAY_MS;

	u->deleted = 0;
	if (usage_batch_open(&u->batch, u->db, horizon_ms)) {
		u->deadline_us = clock_now_us() + BUDGET_US;
		end = import_files(u, list);
	}
	if (end == USAGE_IMPORT_DONE && horizon_ms > 0)
		end = prune(u);
	if (end == USAGE_IMPORT_FAILED)
		warn(u);
	else
		u->warned = false;
	usage_batch_close(&u->batch);
	malloc_trim(0);		/* or this thread's arena keeps all that */
	if (u->deleted > 0)
		log_info("deleted %u files of the journal that are older than "
		    "retention_days", u->deleted);
	return end;
}

enum usage_import_end
usage_import_run(struct usage_import *u, const char *journal_dir,
    unsigned retention_days)
{
	enum usage_import_end end = USAGE_IMPORT_DONE;
	struct journal_files list;

	u->dir = journal_dir;
	journal_files_list(&list, journal_dir);
	if (fingerprint(u, &list, retention_days) != u->seen) {
		end = import_all(u, &list, retention_days);
		u->seen = end != USAGE_IMPORT_DONE ? 0 :
		    fingerprint(u, &list, retention_days);
	}
	journal_files_free(&list);
	return end;
}
