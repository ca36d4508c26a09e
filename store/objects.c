#include "config.h"

#include "store/objects.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "store/db.h"

enum { DAY_S = 86400, ROUND = 64 };

/* For how long they are kept; what is not here, for OTHERS_S after its last use. */
static const struct { const char *kind; int64_t kept_s; } kinds[] = {
	{ "image", DAY_S },
	{ "response", 30 * DAY_S },	/* as long as OpenAI keeps them */
	{ "item", 30 * DAY_S },		/* is a part of one */
};

#define OTHERS_S	(INT64_C(400) * DAY_S)

static bool
objects_are_renewed(const char *kind, int64_t *kept_s)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].kind, kind) == 0) {
			*kept_s = kinds[i].kept_s;
			return false;
		}
	*kept_s = OTHERS_S;
	return true;
}

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

/* OBJECTS_NONE: no row has changed. */
static enum objects_result
objects_finish(sqlite3_stmt *stmt)
{
	bool	 ok = sqlite3_step(stmt) == SQLITE_DONE;
	int	 count = sqlite3_changes(sqlite3_db_handle(stmt));

	sqlite3_finalize(stmt);
	return !ok ? OBJECTS_DB_ERROR : count > 0 ? OBJECTS_OK : OBJECTS_NONE;
}

/* ---- Putting. ---- */

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

/* No key can fill the disk: those that would expire first have to go. */
static void
objects_trim(struct db *db, const struct object *o)
{
	const char *texts[] = { o->key_id, o->kind };
	sqlite3_stmt *stmt = objects_prepare(db, "DELETE FROM objects "
	    "WHERE key_id = ?1 AND kind = ?2 AND expires < (SELECT expires "
	    "FROM objects WHERE key_id = ?1 AND kind = ?2 "
	    "ORDER BY expires DESC LIMIT 1 OFFSET ?3)", texts, 2);

	if (stmt == NULL)
		return;
	sqlite3_bind_int(stmt, 3, OBJECTS_OF_KEY_MAX - 1);
	objects_finish(stmt);
}

/* Now and then, whoever it is that puts something. */
static void
objects_tidy(struct db *db, const struct object *o, int64_t now)
{
	unsigned char draw;

	sqlite3_randomness(sizeof draw, &draw);
	if (draw % ROUND != 0)
		return;
	objects_expire(db, now);
	objects_trim(db, o);
}

enum objects_result
objects_put(struct db *db, const struct object *o, int64_t now)
{
	const char *texts[] = { o->kind, o->id, o->provider, o->url,
	    o->key_id };
	sqlite3_stmt *stmt = objects_prepare(db, "INSERT INTO objects "
	    "(kind, id, provider, url, key_id, expires) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
	    "ON CONFLICT (kind, id, provider) DO UPDATE SET "
	    "url = excluded.url, key_id = excluded.key_id, "
	    "expires = excluded.expires "
	    "WHERE key_id = excluded.key_id OR expires < ?7", texts, 5);
	int64_t	 kept_s;
	enum objects_result result;

	if (stmt == NULL)
		return OBJECTS_DB_ERROR;
	objects_are_renewed(o->kind, &kept_s);
	sqlite3_bind_int64(stmt, 6, now + kept_s);
	sqlite3_bind_int64(stmt, 7, now);
	result = objects_finish(stmt);
	if (result == OBJECTS_OK)
		objects_tidy(db, o, now);
	return result;
}

static bool
objects_run(struct db *db, const char *sql)
{
	sqlite3	*sqlite = db_get(db);

	return sqlite != NULL && sqlite3_exec(sqlite, sql, NULL, NULL,
	    NULL) == SQLITE_OK;
}

enum objects_result
objects_put_all(struct db *db, const struct object *common,
    const struct object_id *ids, size_t n, int64_t now)
{
	struct object o = *common;
	enum objects_result first = OBJECTS_OK, result = OBJECTS_OK;

	if (!objects_run(db, "BEGIN IMMEDIATE"))
		return OBJECTS_DB_ERROR;
	for (size_t i = 0; i < n && result != OBJECTS_DB_ERROR; i++) {
		memcpy(o.kind, ids[i].kind, sizeof o.kind);
		memcpy(o.id, ids[i].id, sizeof o.id);
		result = objects_put(db, &o, now);
		if (i == 0)
			first = result;
	}
	if (result != OBJECTS_DB_ERROR && objects_run(db, "COMMIT"))
		return first;
	objects_run(db, "ROLLBACK");
	return OBJECTS_DB_ERROR;
}

/* ---- Finding. ---- */

static void
objects_copy(char *out, size_t size, sqlite3_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	snprintf(out, size, "%s", text == NULL ? "" : (const char *)text);
}

/* A write for each day on which it is used, not for each use. */
static void
objects_renew(struct db *db, const struct object *o, int64_t now)
{
	const char *texts[] = { o->kind, o->id, o->provider, o->key_id };
	sqlite3_stmt *stmt;
	int64_t	 kept_s;

	if (!objects_are_renewed(o->kind, &kept_s) ||
	    o->expires > now + kept_s - DAY_S)
		return;
	stmt = objects_prepare(db, "UPDATE objects SET expires = ?5 "
	    "WHERE kind = ?1 AND id = ?2 AND provider = ?3 AND key_id = ?4",
	    texts, 4);
	if (stmt == NULL)
		return;
	sqlite3_bind_int64(stmt, 5, now + kept_s);
	objects_finish(stmt);
}

enum objects_result
objects_find(struct db *db, struct object *out, int64_t now)
{
	const char *texts[] = { out->kind, out->id, out->key_id,
	    out->provider };
	sqlite3_stmt *stmt = objects_prepare(db, "SELECT provider, url, "
	    "expires FROM objects WHERE kind = ?1 AND id = ?2 AND "
	    "key_id = ?3 AND ?4 IN (provider, '') AND expires >= ?5 "
	    "ORDER BY expires DESC LIMIT 1", texts, 4);
	int	 step;

	if (stmt == NULL)
		return OBJECTS_DB_ERROR;
	sqlite3_bind_int64(stmt, 5, now);
	step = sqlite3_step(stmt);
	if (step == SQLITE_ROW) {
		objects_copy(out->provider, sizeof out->provider, stmt, 0);
		objects_copy(out->url, sizeof out->url, stmt, 1);
		out->expires = sqlite3_column_int64(stmt, 2);
	}
	sqlite3_finalize(stmt);
	if (step != SQLITE_ROW)
		return step == SQLITE_DONE ? OBJECTS_NONE : OBJECTS_DB_ERROR;
	objects_renew(db, out, now);
	return OBJECTS_OK;
}

/* A statement that asks whether there is one: OBJECTS_OK. */
static enum objects_result
objects_ask(sqlite3_stmt *stmt)
{
	int	 step = sqlite3_step(stmt);

	return step == SQLITE_ROW ? OBJECTS_OK : step == SQLITE_DONE ?
	    OBJECTS_NONE : OBJECTS_DB_ERROR;
}

enum objects_result
objects_find_own(struct db *db, const struct object *o,
    const char *const *ids, bool *is_own, size_t n, int64_t now)
{
	const char *texts[] = { o->kind, "", o->provider, o->key_id };
	sqlite3_stmt *stmt = objects_prepare(db, "SELECT 1 FROM objects "
	    "WHERE kind = ?1 AND id = ?2 AND provider = ?3 AND key_id = ?4 "
	    "AND expires >= ?5", texts, 4);
	enum objects_result result = stmt == NULL ? OBJECTS_DB_ERROR :
		    OBJECTS_OK;

	for (size_t i = 0; i < n && result != OBJECTS_DB_ERROR; i++) {
		sqlite3_bind_text(stmt, 2, ids[i], -1, SQLITE_STATIC);
		sqlite3_bind_int64(stmt, 5, now);
		result = objects_ask(stmt);
		is_own[i] = result == OBJECTS_OK;
		sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
	return result == OBJECTS_DB_ERROR ? result : OBJECTS_OK;
}

enum objects_result
objects_find_any(struct db *db, const struct object *o, int64_t now)
{
	const char *texts[] = { o->kind, o->provider, o->key_id };
	sqlite3_stmt *stmt = objects_prepare(db, "SELECT 1 FROM objects "
	    "WHERE key_id = ?3 AND kind = ?1 AND expires >= ?4 AND "
	    "provider = ?2 LIMIT 1", texts, 3);
	enum objects_result result = OBJECTS_DB_ERROR;

	if (stmt != NULL) {
		sqlite3_bind_int64(stmt, 4, now);
		result = objects_ask(stmt);
	}
	sqlite3_finalize(stmt);
	return result;
}

enum objects_result
objects_find_others(struct db *db, const struct object *o, int64_t now)
{
	const char *texts[] = { o->kind, o->id, o->key_id };
	sqlite3_stmt *stmt = objects_prepare(db, "SELECT 1 FROM objects "
	    "WHERE kind = ?1 AND id = ?2 AND key_id <> ?3 AND expires >= ?4",
	    texts, 3);
	enum objects_result result = OBJECTS_DB_ERROR;

	if (stmt != NULL) {
		sqlite3_bind_int64(stmt, 4, now);
		result = objects_ask(stmt);
	}
	sqlite3_finalize(stmt);
	return result;
}

enum objects_result
objects_forget(struct db *db, const struct object *o)
{
	const char *texts[] = { o->kind, o->id, o->provider, o->key_id };
	sqlite3_stmt *stmt = objects_prepare(db, "DELETE FROM objects "
	    "WHERE kind = ?1 AND id = ?2 AND provider = ?3 AND key_id = ?4",
	    texts, 4);

	return stmt == NULL ? OBJECTS_DB_ERROR : objects_finish(stmt);
}
