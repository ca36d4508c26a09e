#include "config.h"

#include "store/keys.h"

#include <string.h>

#include <sodium.h>
#include <sqlite3.h>

#include "base/utf8.h"
#include "store/db.h"

/* 2100-01-01: what is later is a slip. */
#define TIME_MAX_S	INT64_C(4102444800)

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz";

static const char name_bytes[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz._@+-";

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
	[KEYS_BAD_SECRET] = "a key is 16 to 512 letters, digits and signs of "
	    "ASCII without spaces and commas",
	[KEYS_NAME_TAKEN] = "there is a key of this name",
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

/* ---- What may be stored. ---- */

static bool
is_name(const char *name)
{
	size_t	 n = strlen(name);

	return n > 0 && n <= KEYS_NAME_MAX && name[0] != '-' &&
	    strspn(name, name_bytes) == n;
}

static bool
is_secret(const char *secret)
{
	size_t	 n = strlen(secret);

	for (const char *c = secret; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || *c == ',')
			return false;
	return n >= KEYS_SECRET_MIN && n <= KEYS_SECRET_MAX;
}

static bool
is_line(const char *text, size_t n)
{
	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_length((const unsigned char *)text + i, n - i);
		if (len == 0 || (unsigned char)text[i] < ' ' ||
		    text[i] == '\177')
			return false;
	}
	return true;
}

/* What elsewhere is special in a pattern is none, lest somebody rely on it. */
static bool
is_pattern(const char *pattern, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strchr(" ?[]\\", pattern[i]) != NULL)
			return false;
	return n > 0 && n <= KEYS_PATTERN_MAX && is_line(pattern, n);
}

static bool
is_pattern_list(const char *list)
{
	size_t	 n, count = 0;

	if (*list == '\0')
		return true;
	for (;; list += n + 1) {
		n = strcspn(list, "\n");
		if (!is_pattern(list, n) || ++count > KEYS_PATTERNS_MAX)
			return false;
		if (list[n] == '\0')
			return true;
	}
}

/* "/v1/chat/completions" would never match, and that should be told. */
static bool
is_endpoint_list(const char *list)
{
	return is_pattern_list(list) && strncmp(list, "/v1/", 4) != 0 &&
	    strstr(list, "\n/v1/") == NULL;
}

static bool
is_time(int64_t time_s)
{
	return time_s >= 0 && time_s < TIME_MAX_S;
}

static enum keys_end
judge_change(const struct keys_change *c)
{
	if (c->owner != NULL && (strlen(c->owner) > KEYS_OWNER_MAX ||
	    !is_line(c->owner, strlen(c->owner))))
		return KEYS_BAD_OWNER;
	if (c->models != NULL && !is_pattern_list(c->models))
		return KEYS_BAD_MODELS;
	if (c->endpoints != NULL && !is_endpoint_list(c->endpoints))
		return KEYS_BAD_ENDPOINTS;
	return c->has_expires && !is_time(c->expires) ? KEYS_BAD_TIME :
	    KEYS_DONE;
}

/* ---- Statements. ---- */

/* Prepare SQL, in which NAME is ?1. KEYS_DONE, or *STMT is NULL. */
static enum keys_end
keys_prepare(sqlite3_stmt **stmt, struct db *db, const char *sql,
    const char *name)
{
	sqlite3	*sqlite;

	*stmt = NULL;
	if (!is_name(name))
		return KEYS_BAD_NAME;
	sqlite = db_get(db);
	if (sqlite == NULL ||
	    sqlite3_prepare_v2(sqlite, sql, -1, stmt, NULL) != SQLITE_OK)
		return KEYS_BROKEN;
	sqlite3_bind_text(*stmt, 1, name, -1, SQLITE_STATIC);
	return KEYS_DONE;
}

/* Run it; RETURNING gives a row where something was changed, else it is NONE. */
static enum keys_end
keys_run(sqlite3_stmt *stmt, enum keys_end none)
{
	int	 first = sqlite3_step(stmt), last = first;

	if (first == SQLITE_ROW)
		last = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	if (last == SQLITE_CONSTRAINT)
		return KEYS_NAME_TAKEN;
	if (last != SQLITE_DONE)
		return KEYS_BROKEN;
	return first == SQLITE_ROW ? KEYS_DONE : none;
}

static void
bind_hash(sqlite3_stmt *stmt, int index, const char *secret)
{
	unsigned char hash[KEYS_HASH];

	crypto_hash_sha256(hash, (const unsigned char *)secret,
	    strlen(secret));
	sqlite3_bind_blob(stmt, index, hash, sizeof hash, SQLITE_TRANSIENT);
}

static void
bind_id(sqlite3_stmt *stmt, int index, const char *secret)
{
	unsigned char hash[KEYS_HASH];
	char	 id[KEYS_ID_SIZE];

	crypto_hash_sha256(hash, (const unsigned char *)secret,
	    strlen(secret));
	sodium_bin2hex(id, sizeof id, hash, sizeof id / 2);
	sqlite3_bind_text(stmt, index, id, -1, SQLITE_TRANSIENT);
}

/* NULL where it is not given. */
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
}

enum keys_end
keys_add(struct db *db, const char *name, const char *secret,
    const struct keys_change *change, int64_t now_s)
{
	sqlite3_stmt *stmt;
	enum keys_end end = judge_change(change);

	if (end == KEYS_DONE && !is_secret(secret))
		end = KEYS_BAD_SECRET;
	if (end == KEYS_DONE)
		end = keys_prepare(&stmt, db, "INSERT INTO keys (name, owner, "
		    "models, endpoints, enabled, expires, created, hash, id) "
		    "SELECT ?1, ifnull(?2, ''), ifnull(?3, ''), "
		    "ifnull(?4, ''), ifnull(?5, 1), nullif(?6, 0), ?7, ?8, ?9 "
		    "WHERE NOT EXISTS (SELECT 1 FROM keys WHERE hash = ?8) "
		    "AND NOT EXISTS (SELECT 1 FROM keys WHERE old_hash = ?8) "
		    "AND NOT EXISTS (SELECT 1 FROM keys WHERE id = ?9) "
		    "RETURNING 1", name);
	if (end != KEYS_DONE)
		return end;
	bind_change(stmt, change);
	sqlite3_bind_int64(stmt, 7, now_s);
	bind_hash(stmt, 8, secret);
	bind_id(stmt, 9, secret);
	return keys_run(stmt, KEYS_SECRET_TAKEN);
}

enum keys_end
keys_set(struct db *db, const char *name, const struct keys_change *change)
{
	sqlite3_stmt *stmt;
	enum keys_end end = judge_change(change);

	if (end == KEYS_DONE)
		end = keys_prepare(&stmt, db, "UPDATE keys SET "
		    "owner = ifnull(?2, owner), models = ifnull(?3, models), "
		    "endpoints = ifnull(?4, endpoints), "
		    "enabled = ifnull(?5, enabled), "
		    "expires = nullif(ifnull(?6, expires), 0) "
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

enum keys_end
keys_rotate(struct db *db, const char *name, const char *secret,
    int64_t grace_s, int64_t now_s)
{
	sqlite3_stmt *stmt;
	enum keys_end end;

	if (!is_secret(secret))
		return KEYS_BAD_SECRET;
	if (grace_s < 0 || !is_time(now_s + grace_s))
		return KEYS_BAD_TIME;
	end = keys_prepare(&stmt, db, "UPDATE keys SET "
	    "old_hash = CASE WHEN ?3 > ?4 THEN hash END, "
	    "old_until = CASE WHEN ?3 > ?4 THEN ?3 END, "
	    "rotated = ?4, hash = ?2 WHERE name = ?1 RETURNING 1", name);
	if (end != KEYS_DONE)
		return end;
	bind_hash(stmt, 2, secret);
	sqlite3_bind_int64(stmt, 3, now_s + grace_s);
	sqlite3_bind_int64(stmt, 4, now_s);
	return keys_run(stmt, KEYS_NOT_FOUND);
}

static const char *
column_text(sqlite3_stmt *stmt, int column)
{
	const void *text = sqlite3_column_text(stmt, column);

	return text == NULL ? "" : text;
}

enum keys_end
keys_each(struct db *db, void (*each)(void *, const struct keys_record *),
    void *arg)
{
	sqlite3	*sqlite = db_get(db);
	sqlite3_stmt *stmt;
	int	 result;

	if (sqlite == NULL || sqlite3_prepare_v2(sqlite, "SELECT id, name, "
	    "owner, models, endpoints, enabled, created, expires, rotated, "
	    "old_until FROM keys ORDER BY name", -1, &stmt, NULL) != SQLITE_OK)
		return KEYS_BROKEN;
	while ((result = sqlite3_step(stmt)) == SQLITE_ROW)
		each(arg, &(struct keys_record){
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
		});
	sqlite3_finalize(stmt);
	return result == SQLITE_DONE ? KEYS_DONE : KEYS_BROKEN;
}
