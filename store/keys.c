#include "config.h"

#include "store/keys.h"

#include <string.h>

#include <sodium.h>
#include <sqlite3.h>

#include "base/hint.h"
#include "base/log.h"
#include "store/db.h"
#include "store/key_ids.h"
#include "store/keys_rules.h"

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz";

static const char *const texts[KEYS__END] = {
	[KEYS_DONE] = "done",
	[KEYS_BAD_NAME] = "a name is 1 to 64 letters, digits and . _ @ + -",
	[KEYS_BAD_OWNER] = "an owner is at most 128 bytes of text on one line",
	[KEYS_BAD_MODELS] = "models are at most 64 patterns of at most 128 "
	    "bytes, without spaces and ? [ ] \\; only * is special",
	[KEYS_BAD_ENDPOINTS] = "endpoints are at most 64 patterns of API "
	    "paths such as chat/completions, without /v1, spaces and "
	    "? [ ] \\; only * is special",
	[KEYS_BAD_TIME] = "the time is not between 1970 and 2100",
	[KEYS_BAD_REMOTE_USER] = "a remote user is at most 256 bytes of text "
	    "on one line",
	[KEYS_BAD_LIMIT] = "limits are at most 1000000 requests and "
	    "1000000000 tokens a minute, 10000 requests at a time, budgets "
	    "of 1000000000000000 tokens and of 1000000000 in money",
	[KEYS_BAD_SECRET] = "a key is 16 to 512 letters, digits and signs of "
	    "ASCII without spaces and commas",
	[KEYS_NAME_TAKEN] = "there is a key of this name",
	[KEYS_REMOTE_USER_TAKEN] = "another key has this remote user",
	[KEYS_SECRET_TAKEN] = "this key is known already",
	[KEYS_NOT_FOUND] = "there is no key of this name",
	[KEYS_BROKEN] = "the database cannot be used",
};

const char *
keys_end_text(enum keys_end end)
{
	return texts[end];
}

void
keys_make(char secret[KEYS_MADE_SIZE])
{
	size_t	 n = 3;

	memcpy(secret, "sk-", n);
	while (n < KEYS_MADE_SIZE - 1)
		secret[n++] = digits[randombytes_uniform(sizeof digits - 1)];
	secret[n] = '\0';
}

/* ---- Statements. ---- */

/* Prepare SQL, in which NAME is ?1. KEYS_DONE, or *STMT is NULL. */
static enum keys_end
keys_prepare(sqlite3_stmt **stmt, struct db *db, const char *sql,
    const char *name)
{
	sqlite3	*sqlite;

	*stmt = NULL;
	if (!keys_rules_is_name(name))
		return KEYS_BAD_NAME;
	sqlite = db_get(db);
	if (sqlite == NULL ||
	    sqlite3_prepare_v2(sqlite, sql, -1, stmt, NULL) != SQLITE_OK)
		return KEYS_BROKEN;
	sqlite3_bind_text(*stmt, 1, name, -1, SQLITE_STATIC);
	return KEYS_DONE;
}

/* Which unique column stood in the way? With the connection locked. */
static enum keys_end
keys_find_taken(sqlite3_stmt *stmt)
{
	const char *text = sqlite3_errmsg(sqlite3_db_handle(stmt));

	if (strstr(text, "hash") != NULL)
		return KEYS_SECRET_TAKEN;
	return strstr(text, "remote_user") != NULL ? KEYS_REMOTE_USER_TAKEN :
	    KEYS_NAME_TAKEN;
}

/* Run it; RETURNING gives a row where something was changed, else it is NONE. */
static enum keys_end
keys_run(sqlite3_stmt *stmt, enum keys_end none)
{
	sqlite3_mutex *mutex = sqlite3_db_mutex(sqlite3_db_handle(stmt));
	int	 first, last;
	enum keys_end end;

	sqlite3_mutex_enter(mutex);	/* for the message to be ours */
	first = last = sqlite3_step(stmt);
	if (first == SQLITE_ROW)
		last = sqlite3_step(stmt);
	if (last == SQLITE_CONSTRAINT)
		end = keys_find_taken(stmt);
	else if (last != SQLITE_DONE)
		end = KEYS_BROKEN;
	else
		end = first == SQLITE_ROW ? KEYS_DONE : none;
	sqlite3_mutex_leave(mutex);
	sqlite3_finalize(stmt);
	return end;
}

static void
bind_hash(sqlite3_stmt *stmt, int index, const char *secret)
{
	unsigned char hash[KEYS_HASH];

	crypto_hash_sha256(hash, (const unsigned char *)secret,
	    strlen(secret));
	sqlite3_bind_blob(stmt, index, hash, sizeof hash, SQLITE_TRANSIENT);
}

/* False: the file that ids are made with cannot be used, which was told. */
static bool
make_id(struct db *db, const char *secret, char id[KEYS_ID_SIZE])
{
	unsigned char hash[KEYS_HASH];
	struct key_ids ids;
	bool	 ok = key_ids_load(&ids, db_dir(db));

	if (!ok)
		log_error("no key can be made: %s", ids.file.why);
	crypto_hash_sha256(hash, (const unsigned char *)secret,
	    strlen(secret));
	key_ids_make(&ids, hash, id);
	key_ids_forget(&ids);
	return ok;
}

static void
bind_hint(sqlite3_stmt *stmt, int index, const char *secret)
{
	char	 hint[HINT_SIZE];

	hint_make(secret, hint);
	sqlite3_bind_text(stmt, index, hint, -1, SQLITE_TRANSIENT);
}

/* ?2 to ?16, NULL where it is not given. */
static void
bind_change(sqlite3_stmt *stmt, const struct keys_change *c)
{
	sqlite3_bind_text(stmt, 2, c->owner, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 3, c->models, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 4, c->endpoints, -1, SQLITE_STATIC);
	if (c->has_enabled)
		sqlite3_bind_int(stmt, 5, c->enabled);
	if (c->has_expires)
		sqlite3_bind_int64(stmt, 6, c->expires);
	sqlite3_bind_text(stmt, 7, c->remote_user, -1, SQLITE_STATIC);
	for (int i = 0; i < KEYS__LIMITS; i++)
		if (c->has_limit[i])
			sqlite3_bind_int64(stmt, 8 + i, (int64_t)
			    keys_limits_get(&c->limits, (enum keys_limit)i));
}

enum keys_end
keys_add(struct db *db, const char *name, const char *secret,
    const struct keys_change *change, int64_t now_s)
{
	sqlite3_stmt *stmt;
	char	 id[KEYS_ID_SIZE];
	enum keys_end end = keys_rules_judge(change);

	if (end == KEYS_DONE && !keys_rules_is_secret(secret))
		end = KEYS_BAD_SECRET;
	if (end == KEYS_DONE && !make_id(db, secret, id))
		end = KEYS_BROKEN;
	if (end == KEYS_DONE)
		end = keys_prepare(&stmt, db, "INSERT INTO keys (name, owner, "
		    "models, endpoints, enabled, expires, remote_user, "
		    KEYS_LIMITS_COLUMNS ", created, hash, id, hint) "
		    "SELECT ?1, ifnull(?2, ''), ifnull(?3, ''), "
		    "ifnull(?4, ''), ifnull(?5, 1), nullif(?6, 0), "
		    "nullif(?7, ''), ifnull(?8, 0), ifnull(?9, 0), "
		    "ifnull(?10, 0), ifnull(?11, 0), ifnull(?12, 0), "
		    "ifnull(?13, 0), ifnull(?14, 0), ifnull(?15, 0), "
		    "ifnull(?16, 0), ?17, ?18, ?19, ?20 "
		    "WHERE NOT EXISTS (SELECT 1 FROM keys WHERE hash = ?18) "
		    "AND NOT EXISTS (SELECT 1 FROM keys WHERE old_hash = ?18) "
		    "AND NOT EXISTS (SELECT 1 FROM keys WHERE id = ?19) "
		    "RETURNING 1", name);
	if (end != KEYS_DONE)
		return end;
	bind_change(stmt, change);
	sqlite3_bind_int64(stmt, 17, now_s);
	bind_hash(stmt, 18, secret);
	sqlite3_bind_text(stmt, 19, id, -1, SQLITE_STATIC);
	bind_hint(stmt, 20, secret);
	return keys_run(stmt, KEYS_SECRET_TAKEN);
}

enum keys_end
keys_set(struct db *db, const char *name, const struct keys_change *change)
{
	sqlite3_stmt *stmt;
	enum keys_end end = keys_rules_judge(change);

	if (end == KEYS_DONE)
		end = keys_prepare(&stmt, db, "UPDATE keys SET "
		    "owner = ifnull(?2, owner), models = ifnull(?3, models), "
		    "endpoints = ifnull(?4, endpoints), "
		    "enabled = ifnull(?5, enabled), "
		    "expires = nullif(ifnull(?6, expires), 0), "
		    "remote_user = nullif(ifnull(?7, remote_user), ''), "
		    "rpm = ifnull(?8, rpm), tpm = ifnull(?9, tpm), "
		    "concurrency = ifnull(?10, concurrency), "
		    "day_tokens = ifnull(?11, day_tokens), "
		    "day_cost_nano = ifnull(?12, day_cost_nano), "
		    "week_tokens = ifnull(?13, week_tokens), "
		    "week_cost_nano = ifnull(?14, week_cost_nano), "
		    "month_tokens = ifnull(?15, month_tokens), "
		    "month_cost_nano = ifnull(?16, month_cost_nano) "
		    "WHERE name = ?1 RETURNING 1", name);
	if (end != KEYS_DONE)
		return end;
	bind_change(stmt, change);
	return keys_run(stmt, KEYS_NOT_FOUND);
}

enum keys_end
keys_delete(struct db *db, const char *name)
{
	sqlite3_stmt *stmt;
	enum keys_end end = keys_prepare(&stmt, db,
	    "DELETE FROM keys WHERE name = ?1 RETURNING 1", name);

	return end != KEYS_DONE ? end : keys_run(stmt, KEYS_NOT_FOUND);
}

/* Nothing was rotated: there is no such key, or the secret was another's. */
static enum keys_end
explain_unrotated(struct db *db, const char *name)
{
	sqlite3_stmt *stmt;
	enum keys_end end = keys_prepare(&stmt, db,
	    "SELECT 1 FROM keys WHERE name = ?1", name);

	if (end == KEYS_DONE)
		end = keys_run(stmt, KEYS_NOT_FOUND);
	return end == KEYS_DONE ? KEYS_SECRET_TAKEN : end;
}

/* Of two entries of one secret, nobody could say which one counts. */
enum keys_end
keys_rotate(struct db *db, const char *name, const char *secret,
    int64_t grace_s, int64_t now_s)
{
	sqlite3_stmt *stmt;
	enum keys_end end;

	if (!keys_rules_is_secret(secret))
		return KEYS_BAD_SECRET;
	if (grace_s < 0 || !keys_rules_is_time(now_s + grace_s))
		return KEYS_BAD_TIME;
	end = keys_prepare(&stmt, db, "UPDATE keys SET "
	    "old_hash = CASE WHEN ?3 > ?4 THEN hash END, "
	    "old_until = CASE WHEN ?3 > ?4 THEN ?3 END, "
	    "rotated = ?4, hash = ?2, hint = ?5 WHERE name = ?1 "
	    "AND NOT EXISTS (SELECT 1 FROM keys WHERE hash = ?2) "
	    "AND NOT EXISTS (SELECT 1 FROM keys WHERE old_hash = ?2 "
	    "AND name <> ?1) RETURNING 1", name);
	if (end != KEYS_DONE)
		return end;
	bind_hash(stmt, 2, secret);
	sqlite3_bind_int64(stmt, 3, now_s + grace_s);
	sqlite3_bind_int64(stmt, 4, now_s);
	bind_hint(stmt, 5, secret);
	end = keys_run(stmt, KEYS_NOT_FOUND);
	return end == KEYS_NOT_FOUND ? explain_unrotated(db, name) : end;
}

/* ---- Reading. ---- */

#define SELECT_RECORDS "SELECT id, name, owner, models, endpoints, enabled, " \
	"created, expires, rotated, old_until, hint, remote_user, " \
	KEYS_LIMITS_COLUMNS " FROM keys "

static const char *
column_text(sqlite3_stmt *stmt, int column)
{
	const void *text = sqlite3_column_text(stmt, column);

	return text == NULL ? "" : text;
}

static void
tell_row(sqlite3_stmt *stmt, void (*each)(void *, const struct keys_record *),
    void *arg)
{
	struct keys_record record = {
		.id = column_text(stmt, 0),
		.name = column_text(stmt, 1),
		.owner = column_text(stmt, 2),
		.models = column_text(stmt, 3),
		.endpoints = column_text(stmt, 4),
		.enabled = sqlite3_column_int(stmt, 5) != 0,
		.created = sqlite3_column_int64(stmt, 6),
		.expires = sqlite3_column_int64(stmt, 7),
		.rotated = sqlite3_column_int64(stmt, 8),
		.old_until = sqlite3_column_int64(stmt, 9),
		.hint = column_text(stmt, 10),
		.remote_user = column_text(stmt, 11),
	};

	for (int i = 0; i < KEYS__LIMITS; i++)
		keys_limits_set(&record.limits, (enum keys_limit)i,
		    (uint64_t)sqlite3_column_int64(stmt, 12 + i));
	each(arg, &record);
}

/* All rows of STMT, which is finalized. */
static enum keys_end
tell_rows(sqlite3_stmt *stmt,
    void (*each)(void *, const struct keys_record *), void *arg,
    enum keys_end none)
{
	bool	 is_any = false;
	int	 result;

	for (; (result = sqlite3_step(stmt)) == SQLITE_ROW; is_any = true)
		tell_row(stmt, each, arg);
	sqlite3_finalize(stmt);
	if (result != SQLITE_DONE)
		return KEYS_BROKEN;
	return is_any ? KEYS_DONE : none;
}

enum keys_end
keys_each(struct db *db, void (*each)(void *, const struct keys_record *),
    void *arg)
{
	sqlite3	*sqlite = db_get(db);
	sqlite3_stmt *stmt;

	if (sqlite == NULL || sqlite3_prepare_v2(sqlite, SELECT_RECORDS
	    "ORDER BY name", -1, &stmt, NULL) != SQLITE_OK)
		return KEYS_BROKEN;
	return tell_rows(stmt, each, arg, KEYS_DONE);
}

enum keys_end
keys_tell(struct db *db, const char *name,
    void (*each)(void *, const struct keys_record *), void *arg)
{
	sqlite3_stmt *stmt;
	enum keys_end end = keys_prepare(&stmt, db, SELECT_RECORDS
	    "WHERE name = ?1", name);

	return end != KEYS_DONE ? end : tell_rows(stmt, each, arg,
	    KEYS_NOT_FOUND);
}
