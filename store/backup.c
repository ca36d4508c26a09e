#include "config.h"

#include "store/backup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "store/backup_copy.h"
#include "store/backup_files.h"

static const char *const texts[BACKUP__END] = {
	[BACKUP_DONE] = "done",
	[BACKUP_MISSING] = "there is no such file",
	[BACKUP_TAKEN] = "it is there already; --force replaces it",
	[BACKUP_NO_FILE] = "it is a link, or no file",
	[BACKUP_FOREIGN] = "it is no database of sluice",
	[BACKUP_NEWER] = "it is of a newer sluice",
	[BACKUP_DAMAGED] = "it is damaged, or no database",
	[BACKUP_BUSY] = "another process keeps it locked",
	[BACKUP_UNREADABLE] = "it cannot be read",
	[BACKUP_UNWRITABLE] = "it cannot be written",
};

const char *
backup_end_text(enum backup_end end)
{
	return texts[end];
}

/* ---- There. ---- */

static enum backup_end
judge_file(const char *path)
{
	sqlite3	*sqlite;
	enum backup_end end = backup_copy_open(path, SQLITE_OPEN_READONLY,
			    &sqlite);

	if (end == BACKUP_DONE)
		end = backup_copy_judge(sqlite);
	sqlite3_close(sqlite);
	return end;
}

enum backup_end
backup_make(const struct db *db, const char *file, bool force)
{
	char	 made[BACKUP_PATH_SIZE];
	enum backup_end end = backup_files_look_at(file);

	if (end == BACKUP_DONE && !force)
		return BACKUP_TAKEN;
	if (end != BACKUP_DONE && end != BACKUP_MISSING)
		return end;
	end = backup_files_look_at(db_path(db));
	if (end != BACKUP_DONE)
		return end == BACKUP_MISSING ? end : BACKUP_UNREADABLE;
	if (!backup_files_make(file, NULL, made))
		return BACKUP_UNWRITABLE;
	end = backup_copy_run(made, db_path(db));
	if (end == BACKUP_DONE)
		end = judge_file(made);
	if (end == BACKUP_DONE)
		return backup_files_put(made, file, force);
	unlink(made);
	return end;
}

/* ---- And back. ---- */

/* All that it should have and nothing else, such as a trigger of somebody's. */
static const char schema_of[] = "SELECT group_concat(type || name || "
	"ifnull(sql, ''), char(10)) FROM (SELECT * FROM sqlite_master "
	"WHERE name NOT GLOB 'sqlite_*' ORDER BY type, name)";

static char *
read_schema(sqlite3 *sqlite)
{
	sqlite3_stmt *stmt;
	char	*schema = NULL;

	if (sqlite3_prepare_v2(sqlite, schema_of, -1, &stmt, NULL) !=
	    SQLITE_OK)
		return NULL;
	if (sqlite3_step(stmt) == SQLITE_ROW &&
	    sqlite3_column_text(stmt, 0) != NULL)
		schema = strdup((const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	return schema;
}

static bool
is_ours(sqlite3 *sqlite)
{
	sqlite3	*fresh = NULL;
	char	*want = NULL, *have = read_schema(sqlite);
	bool	 ok;

	if (sqlite3_open(":memory:", &fresh) == SQLITE_OK &&
	    db_migrate(fresh, ""))
		want = read_schema(fresh);
	sqlite3_close(fresh);
	ok = want != NULL && have != NULL && strcmp(want, have) == 0;
	free(want);
	free(have);
	return ok;
}

/*
 * Who knows a list by heart looks at a counter, which must not be what it was:
 * no count of changes comes near a time in microseconds.
 */
static enum backup_end
count_as_changed(sqlite3 *sqlite)
{
	char	 sql[128];

	snprintf(sql, sizeof sql, "UPDATE changes SET n = max(n + 1, %llu)",
	    (unsigned long long)clock_wall_us());
	return backup_copy_execute(sqlite, sql);
}

/* STAGE, a copy, becomes what the database shall be. */
static enum backup_end
prepare(const struct db *db, const char *stage)
{
	sqlite3	*sqlite;
	enum backup_end end = backup_copy_open(stage, SQLITE_OPEN_READWRITE, &sqlite);

	if (end == BACKUP_DONE)
		end = backup_copy_judge(sqlite);
	if (end == BACKUP_DONE && !(db_migrate(sqlite,
	    db_dir(db)) && is_ours(sqlite)))
		end = BACKUP_FOREIGN;
	if (end == BACKUP_DONE)
		end = count_as_changed(sqlite);
	sqlite3_close(sqlite);
	return end;
}

/* Copy what is there to a file of its own, named after the time. */
static enum backup_end
keep(const char *path, const char *kept)
{
	char	 made[BACKUP_PATH_SIZE];
	enum backup_end end;

	if (!backup_files_make(path, path, made))
		return BACKUP_UNWRITABLE;
	end = backup_copy_run(made, path);
	if (end == BACKUP_DONE)
		return backup_files_put(made, kept, false);
	unlink(made);
	return end;
}

/*
 * The first step takes the lock, so that nothing is written between what is kept
 * and what comes in its place.
 */
static enum backup_end
replace_pages(sqlite3 *to, sqlite3 *from, const char *path, const char *kept)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	enum backup_end end;
	int	 result;

	if (b == NULL)
		return BACKUP_UNWRITABLE;
	end = backup_copy_end(sqlite3_backup_step(b, 0), BACKUP_UNWRITABLE);
	if (end == BACKUP_DONE)
		end = keep(path, kept);
	if (end == BACKUP_DONE)
		end = backup_copy_end(sqlite3_backup_step(b, -1),
		    BACKUP_UNWRITABLE);
	result = sqlite3_backup_finish(b);
	return end != BACKUP_DONE ? end :
	    backup_copy_end(result, BACKUP_UNWRITABLE);
}

/* In one transaction. The importer looks at the file's times for what is new. */
static enum backup_end
overwrite(const char *path, const char *stage, const char *kept)
{
	sqlite3	*to, *from = NULL;
	enum backup_end end = backup_copy_open(path, SQLITE_OPEN_READWRITE,
			    &to);

	if (end == BACKUP_DONE)
		end = backup_copy_open(stage, SQLITE_OPEN_READONLY, &from);
	if (end == BACKUP_DONE)
		end = replace_pages(to, from, path, kept);
	sqlite3_close(from);
	sqlite3_close(to);
	if (end == BACKUP_DONE)
		utimensat(AT_FDCWD, path, NULL, 0);
	return end;
}

/*
 * In the place of what is no database, or gone. Files that stood beside the old
 * one must not be taken for the new one's.
 */
static enum backup_end
exchange(const char *path, const char *stage, const char *kept)
{
	char	 from[BACKUP_PATH_SIZE], to[BACKUP_PATH_SIZE];

	if (kept[0] != '\0' && link(path, kept) != 0)
		return BACKUP_UNWRITABLE;
	snprintf(from, sizeof from, "%s-wal", path);
	snprintf(to, sizeof to, "%s-wal", kept);
	if (kept[0] == '\0' || rename(from, to) != 0)
		unlink(from);
	snprintf(from, sizeof from, "%s-shm", path);
	unlink(from);
	return chmod(stage, 0640) != 0 ? BACKUP_UNWRITABLE :
	    backup_files_put(stage, path, true);
}

static enum backup_end
put_stage(const char *path, const char *stage, char kept[BACKUP_KEPT_SIZE])
{
	time_t	 now = (time_t)(clock_wall_us() / 1000000);
	enum backup_end end = backup_files_look_at(path);
	struct tm tm;
	char	 text[32];

	kept[0] = '\0';
	if (end == BACKUP_MISSING)
		return exchange(path, stage, kept);
	strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	snprintf(kept, BACKUP_KEPT_SIZE, "%s.before-restore-%s", path, text);
	if (end == BACKUP_DONE)
		end = overwrite(path, stage, kept);
	return end == BACKUP_DAMAGED ? exchange(path, stage, kept) :
	    end == BACKUP_DONE || end == BACKUP_BUSY ? end :
	    BACKUP_UNWRITABLE;
}

enum backup_end
backup_restore(const struct db *db, const char *file,
    char kept[BACKUP_KEPT_SIZE])
{
	char	 folder[BACKUP_PATH_SIZE], stage[BACKUP_PATH_SIZE];
	enum backup_end end = backup_files_look_at(file);

	if (end != BACKUP_DONE)
		return end;
	backup_files_folder(db_path(db), folder);
	if (!backup_files_make(db_path(db), folder, stage))
		return BACKUP_UNWRITABLE;
	end = backup_copy_run(stage, file);
	if (end == BACKUP_DONE)
		end = prepare(db, stage);
	if (end == BACKUP_DONE)
		end = put_stage(db_path(db), stage, kept);
	unlink(stage);
	return end;
}
