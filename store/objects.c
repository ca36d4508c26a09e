#include "config.h"

#include "store/objects.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

#include "store/db.h"

/* Prepare SQL and bind the N texts; NULL on failure. */
static sqlite3_stmt *
objects_prepare(struct db *db, const char *sql, const char *const *texts,
    int n)
{
	sqlite3	*sqlite = db_get(db);
	sqlite3_stmt *stmt;

	if (sqlite == NULL ||
	    sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL) != SQLITE_OK)
		return NULL;
	for (int i = 0; i < n; i++)
		sqlite3_bind_text(stmt, i + 1, texts[i], -1, SQLITE_STATIC);
	return stmt;
}

static bool
objects_finish(sqlite3_stmt *stmt)
{
	bool	 ok = sqlite3_step(stmt) == SQLITE_DONE;

	sqlite3_finalize(stmt);
	return ok;
}

static void
objects_expire(struct db *db, int64_t now)
{
	sqlite3_stmt *stmt = objects_prepare(db,
	    "DELETE FROM objects WHERE expires < ?1", NULL, 0);

	if (stmt == NULL)
		return;
	sqlite3_bind_int64(stmt, 1, now);
	objects_finish(stmt);
}

bool
objects_put(struct db *db, const struct object *o)
{
	const char *texts[] = { o->kind, o->id, o->provider, o->url,
	    o->key_id };
	sqlite3_stmt *stmt = objects_prepare(db, "INSERT OR REPLACE INTO "
	    "objects (kind, id, provider, url, key_id, expires) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)", texts, 5);
	int64_t	 now = time(NULL);

	if (stmt == NULL)
		return false;
	sqlite3_bind_int64(stmt, 6, o->expires);
	if (!objects_finish(stmt))
		return false;
	if (now % 64 == 0)
		objects_expire(db, now);
	return true;
}

static void
objects_copy(char *out, size_t size, sqlite3_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	snprintf(out, size, "%s", text == NULL ? "" : (const char *)text);
}

bool
objects_find(struct db *db, struct object *out, int64_t now)
{
	const char *texts[] = { out->kind, out->id, out->key_id };
	sqlite3_stmt *stmt = objects_prepare(db, "SELECT provider, url, "
	    "expires FROM objects WHERE kind = ?1 AND id = ?2 AND "
	    "key_id = ?3 AND expires >= ?4", texts, 3);
	bool	 found;

	if (stmt == NULL)
		return false;
	sqlite3_bind_int64(stmt, 4, now);
	found = sqlite3_step(stmt) == SQLITE_ROW;
	if (found) {
		objects_copy(out->provider, sizeof out->provider, stmt, 0);
		objects_copy(out->url, sizeof out->url, stmt, 1);
		out->expires = sqlite3_column_int64(stmt, 2);
	}
	sqlite3_finalize(stmt);
	return found;
}
