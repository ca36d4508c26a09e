#include "config.h"

#include "store/unpaid.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "store/db.h"
#include "store/journal_find.h"

#define HOUR_MS		INT64_C(3600000)

#define KEPT_MS		(30 * 24 * HOUR_MS)

enum { SETTLING_HOURS = 3 };		/* in whose files the line of a claim may be */

static sqlite3_stmt *
prepare(struct db *db, const char *sql, const char *const *texts, int n)
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

/* UNPAID_NONE: no row has changed. */
static enum unpaid_result
finish(sqlite3_stmt *stmt)
{
	bool	 ok;
	int	 count;

	if (stmt == NULL)
		return UNPAID_DB_ERROR;
	ok = sqlite3_step(stmt) == SQLITE_DONE;
	count = sqlite3_changes(sqlite3_db_handle(stmt));
	sqlite3_finalize(stmt);
	return !ok ? UNPAID_DB_ERROR : count > 0 ? UNPAID_OK : UNPAID_NONE;
}

static void
unpaid_expire(struct db *db, int64_t now_ms)
{
	sqlite3_stmt *stmt = prepare(db, "DELETE FROM unpaid "
	    "WHERE made_ms < ?1", NULL, 0);

	if (stmt != NULL)
		sqlite3_bind_int64(stmt, 1, now_ms - KEPT_MS);
	finish(stmt);
}

enum unpaid_result
unpaid_put(struct db *db, const struct unpaid *u)
{
	const char *texts[] = { u->provider, u->id, u->url, u->key_id,
	    u->model };
	sqlite3_stmt *stmt;

	unpaid_expire(db, u->made_ms);
	stmt = prepare(db, "INSERT INTO unpaid (provider, id, url, key_id, "
	    "model, made_ms, claim, claimed_ms) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, '', 0) "
	    "ON CONFLICT (provider, id) DO NOTHING", texts, 5);
	if (stmt != NULL)
		sqlite3_bind_int64(stmt, 6, u->made_ms);
	return finish(stmt);
}

/* ---- Finding. ---- */

static void
copy(char *out, size_t size, sqlite3_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	snprintf(out, size, "%s", text == NULL ? "" : (const char *)text);
}

static enum unpaid_result
read_row(sqlite3_stmt *stmt, struct unpaid *out)
{
	int	 step;

	if (stmt == NULL)
		return UNPAID_DB_ERROR;
	step = sqlite3_step(stmt);
	if (step == SQLITE_ROW) {
		copy(out->url, sizeof out->url, stmt, 0);
		copy(out->model, sizeof out->model, stmt, 1);
		out->made_ms = sqlite3_column_int64(stmt, 2);
	}
	sqlite3_finalize(stmt);
	return step == SQLITE_ROW ? UNPAID_OK : step == SQLITE_DONE ?
	    UNPAID_NONE : UNPAID_DB_ERROR;
}

enum unpaid_result
unpaid_find(struct db *db, struct unpaid *out)
{
	const char *texts[] = { out->provider, out->id, out->key_id };

	return read_row(prepare(db, "SELECT url, model, made_ms FROM unpaid "
	    "WHERE provider = ?1 AND id = ?2 AND key_id = ?3", texts, 3), out);
}

/* ---- Paying. ---- */

/* Whose claim it is, and since when; "" = nobody's. */
static enum unpaid_result
read_claim(struct db *db, const struct unpaid *u,
    char claim[UNPAID_CLAIM_MAX], int64_t *since_ms)
{
	const char *texts[] = { u->provider, u->id, u->key_id };
	sqlite3_stmt *stmt = prepare(db, "SELECT claim, claimed_ms "
	    "FROM unpaid WHERE provider = ?1 AND id = ?2 AND key_id = ?3",
	    texts, 3);
	int	 step;

	if (stmt == NULL)
		return UNPAID_DB_ERROR;
	step = sqlite3_step(stmt);
	if (step == SQLITE_ROW) {
		copy(claim, UNPAID_CLAIM_MAX, stmt, 0);
		*since_ms = sqlite3_column_int64(stmt, 1);
	}
	sqlite3_finalize(stmt);
	return step == SQLITE_ROW ? UNPAID_OK : step == SQLITE_DONE ?
	    UNPAID_NONE : UNPAID_DB_ERROR;
}

/* In which of the hours that it may have taken to end is the claim's line? */
static bool
is_missing(const char *dir, const char *claim, int64_t since_ms)
{
	for (int i = 0; i < SETTLING_HOURS; i++)
		switch (journal_find(dir, (uint64_t)(since_ms + i * HOUR_MS) *
		    1000, claim)) {
		case JOURNAL_MISSING:
			break;
		default:
			return false;	/* it is there, or nobody can tell */
		}
	return true;
}

static enum unpaid_result
take(struct db *db, const struct unpaid *u, const char *from,
    const char *claim, int64_t now_ms)
{
	const char *texts[] = { u->provider, u->id, from, claim };
	sqlite3_stmt *stmt = prepare(db, "UPDATE unpaid SET claim = ?4, "
	    "claimed_ms = ?5 WHERE provider = ?1 AND id = ?2 AND claim = ?3",
	    texts, 4);

	if (stmt != NULL)
		sqlite3_bind_int64(stmt, 5, now_ms);
	return finish(stmt);
}

enum unpaid_result
unpaid_claim(struct db *db, const struct unpaid *u, const char *claim,
    int64_t now_ms, const char *dir)
{
	char	 last[UNPAID_CLAIM_MAX] = "";
	int64_t	 since_ms = 0;
	enum unpaid_result result = read_claim(db, u, last, &since_ms);

	if (result != UNPAID_OK)
		return result;
	if (last[0] != '\0' && (since_ms + HOUR_MS > now_ms ||
	    !is_missing(dir, last, since_ms)))
		return UNPAID_NONE;
	return take(db, u, last, claim, now_ms);
}

enum unpaid_result
unpaid_release(struct db *db, const struct unpaid *u, const char *claim)
{
	return take(db, u, claim, "", 0);
}

enum unpaid_result
unpaid_forget(struct db *db, const struct unpaid *u, const char *claim)
{
	const char *texts[] = { u->provider, u->id, claim };

	return finish(prepare(db, "DELETE FROM unpaid WHERE provider = ?1 "
	    "AND id = ?2 AND claim = ?3", texts, 3));
}
