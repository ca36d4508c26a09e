#include "config.h"

#include "store/backup_copy.h"

#include <string.h>

#include <sqlite3.h>

#include "store/db.h"

enum { BUSY_MS = 3000 };

enum backup_end
backup_copy_end(int result, enum backup_end other)
{
	switch (result & 0xFF) {
	case SQLITE_OK:
	case SQLITE_DONE:
		return BACKUP_DONE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return BACKUP_BUSY;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return BACKUP_DAMAGED;
	default:
		return other;
	}
}

enum backup_end
backup_copy_open(const char *path, int flags, sqlite3 **sqlite)
{
	int	 result = sqlite3_open_v2(path, sqlite, flags |
		     SQLITE_OPEN_NOMUTEX, NULL);

	sqlite3_busy_timeout(*sqlite, BUSY_MS);
	return backup_copy_end(result, BACKUP_UNREADABLE);
}

enum backup_end
backup_copy_execute(sqlite3 *sqlite, const char *sql)
{
	return backup_copy_end(sqlite3_exec(sqlite, sql, NULL, NULL, NULL),
	    BACKUP_UNWRITABLE);
}

/* Page by page, sound or not, as it is at one moment. */
static enum backup_end
copy(sqlite3 *to, sqlite3 *from)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");

	if (b == NULL)
		return BACKUP_UNWRITABLE;
	sqlite3_backup_step(b, -1);
	return backup_copy_end(sqlite3_backup_finish(b), BACKUP_UNWRITABLE);
}

enum backup_end
backup_copy_run(const char *to, const char *from)
{
	sqlite3	*target = NULL, *source;
	enum backup_end end = backup_copy_open(from, SQLITE_OPEN_READONLY, &source);

	if (end == BACKUP_DONE)
		end = backup_copy_open(to, SQLITE_OPEN_READWRITE, &target);
	if (end == BACKUP_DONE)
		end = copy(target, source);
	if (end == BACKUP_DONE)
		end = backup_copy_execute(target, "PRAGMA journal_mode = DELETE");
	sqlite3_close(target);
	sqlite3_close(source);
	return end;
}

static bool
is_sound(sqlite3 *sqlite)
{
	sqlite3_stmt *stmt;
	bool	 ok;

	if (sqlite3_prepare_v2(sqlite, "PRAGMA integrity_check(1)", -1, &stmt,
	    NULL) != SQLITE_OK)
		return false;
	ok = sqlite3_step(stmt) == SQLITE_ROW &&
	    strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
	sqlite3_finalize(stmt);
	return ok;
}

enum backup_end
backup_copy_judge(sqlite3 *sqlite)
{
	int	 version = db_version(sqlite);

	if (version < 0)
		return backup_copy_end(sqlite3_errcode(sqlite),
		    BACKUP_UNREADABLE);
	if (version == 0)
		return BACKUP_FOREIGN;
	if (version > db_version_known())
		return BACKUP_NEWER;
	return is_sound(sqlite) ? BACKUP_DONE : BACKUP_DAMAGED;
}
