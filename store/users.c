#include "config.h"

#include "store/users.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>
#include <sqlite3.h>

#include "store/db.h"

enum { NAME_TRIES = 1000 };

#define KEYS_AND_USERS	"keys LEFT JOIN users ON users.key_id = keys.id "
#define KEY_NAME	"ifnull(users.name, keys.name) "

/* NULL: the database cannot be used. */
static sqlite3_stmt *
users_prepare(struct db *db, const char *sql)
{
	sqlite3	*sqlite = db_get(db);
	sqlite3_stmt *stmt;

	if (sqlite == NULL ||
	    sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL) != SQLITE_OK)
		return NULL;
	return stmt;
}

static void
bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
	sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC);
}

static const char *
column_text(sqlite3_stmt *stmt, int column)
{
	const void *text = sqlite3_column_text(stmt, column);

	return text == NULL ? "" : text;
}

/* Run it to its end: RETURNING gives a row where something was changed. */
static enum keys_end
users_run(sqlite3_stmt *stmt)
{
	bool	 is_any = false;
	int	 result;

	if (stmt == NULL)
		return KEYS_BROKEN;
	while ((result = sqlite3_step(stmt)) == SQLITE_ROW)
		is_any = true;
	sqlite3_finalize(stmt);
	if (result != SQLITE_DONE)
		return KEYS_BROKEN;
	return is_any ? KEYS_DONE : KEYS_NOT_FOUND;
}

/* ---- Adding. ---- */

static enum keys_end
users_check_only(struct db *db, const struct users_new *user)
{
	sqlite3_stmt *stmt = users_prepare(db, "SELECT 1 FROM "
		    KEYS_AND_USERS "WHERE owner = ?1 AND " KEY_NAME "= ?2");
	enum keys_end end;

	if (stmt != NULL) {
		bind_text(stmt, 1, user->owner);
		bind_text(stmt, 2, user->name);
	}
	end = users_run(stmt);
	if (end == KEYS_NOT_FOUND || (end == KEYS_DONE && !user->is_only))
		return KEYS_DONE;
	return end == KEYS_DONE ? KEYS_NAME_TAKEN : end;
}

/* Numbers are never given away again. -1: it cannot be read. */
static int64_t
users_next_id(struct db *db)
{
	sqlite3_stmt *stmt = users_prepare(db, "SELECT ifnull(max(seq), 0) + 1 "
		    "FROM sqlite_sequence WHERE name = 'users'");
	int64_t	 id = -1;

	if (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW)
		id = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return id;
}

/* A number whose name somebody has given to another key is passed over. */
static enum keys_end
users_add_key(struct db *db, const struct users_new *user, int64_t now_s,
    int64_t *id, char name[KEYS_NAME_MAX])
{
	struct keys_change change = { .owner = user->owner };
	enum keys_end end = KEYS_NAME_TAKEN;
	int64_t	 first = users_next_id(db);

	if (first < 0)
		return KEYS_BROKEN;
	for (*id = first; end == KEYS_NAME_TAKEN && *id < first + NAME_TRIES;
	    ++*id) {
		snprintf(name, KEYS_NAME_MAX, "user-%" PRId64, *id);
		end = keys_add(db, name, user->secret, &change, now_s);
	}
	--*id;
	return end;
}

static enum keys_end
users_add_row(struct db *db, const struct users_new *user, int64_t now_s,
    int64_t id, const char *key_name)
{
	sqlite3_stmt *stmt = users_prepare(db, "INSERT INTO users (id, "
		    "key_id, name, created, updated) SELECT ?1, id, ?2, ?3, "
		    "?3 FROM keys WHERE name = ?4 RETURNING 1");

	if (stmt == NULL)
		return KEYS_BROKEN;
	sqlite3_bind_int64(stmt, 1, id);
	bind_text(stmt, 2, user->name);
	sqlite3_bind_int64(stmt, 3, now_s);
	bind_text(stmt, 4, key_name);
	return users_run(stmt);
}

static enum keys_end
users_add_both(struct db *db, const struct users_new *user, int64_t now_s,
    int64_t *id)
{
	char	 name[KEYS_NAME_MAX];
	enum keys_end end = users_check_only(db, user);

	if (end == KEYS_DONE)
		end = users_add_key(db, user, now_s, id, name);
	return end != KEYS_DONE ? end :
	    users_add_row(db, user, now_s, *id, name);
}

static bool
users_exec(struct db *db, const char *sql)
{
	sqlite3	*sqlite = db_get(db);

	return sqlite != NULL &&
	    sqlite3_exec(sqlite, sql, NULL, NULL, NULL) == SQLITE_OK;
}

enum keys_end
users_add(struct db *db, const struct users_new *user, int64_t now_s,
    int64_t *id)
{
	enum keys_end end = KEYS_BROKEN;

	if (!users_exec(db, "BEGIN IMMEDIATE"))
		return end;
	end = users_add_both(db, user, now_s, id);
	if (end == KEYS_DONE && !users_exec(db, "COMMIT"))
		end = KEYS_BROKEN;
	if (end != KEYS_DONE)
		users_exec(db, "ROLLBACK");
	return end;
}

/* ---- Deleting. ---- */

enum keys_end
users_delete(struct db *db, int64_t id)
{
	sqlite3_stmt *stmt = users_prepare(db, "DELETE FROM keys WHERE id = "
		    "(SELECT key_id FROM users WHERE id = ?1) RETURNING 1");

	if (stmt != NULL)
		sqlite3_bind_int64(stmt, 1, id);
	return users_run(stmt);
}

enum keys_end
users_delete_key(struct db *db, const char *owner, const char *name,
    const char *secret)
{
	sqlite3_stmt *stmt = users_prepare(db, "DELETE FROM keys WHERE id IN "
		    "(SELECT keys.id FROM " KEYS_AND_USERS "WHERE hash = ?1 "
		    "AND owner = ?2 AND " KEY_NAME "= ?3) RETURNING 1");
	unsigned char hash[KEYS_HASH];

	if (stmt == NULL)
		return KEYS_BROKEN;
	crypto_hash_sha256(hash, (const unsigned char *)secret,
	    strlen(secret));
	sqlite3_bind_blob(stmt, 1, hash, sizeof hash, SQLITE_STATIC);
	bind_text(stmt, 2, owner);
	bind_text(stmt, 3, name);
	return users_run(stmt);
}

/* ---- Reading. ---- */

#define SELECT_USERS "SELECT users.id, users.name, hint, users.created, " \
	"max(updated, ifnull(rotated, 0)) FROM users " \
	"JOIN keys ON keys.id = key_id "

enum keys_end
users_each(struct db *db, int64_t id,
    void (*each)(void *, const struct users_record *), void *arg)
{
	sqlite3_stmt *stmt = users_prepare(db, id == 0 ?
		    SELECT_USERS "ORDER BY users.id" :
		    SELECT_USERS "WHERE users.id = ?1");
	enum keys_end end = id == 0 ? KEYS_DONE : KEYS_NOT_FOUND;
	int	 result;

	if (stmt == NULL)
		return KEYS_BROKEN;
	sqlite3_bind_int64(stmt, 1, id);
	while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
		end = KEYS_DONE;
		each(arg, &(struct users_record){
			.id = sqlite3_column_int64(stmt, 0),
			.name = column_text(stmt, 1),
			.hint = column_text(stmt, 2),
			.created = sqlite3_column_int64(stmt, 3),
			.updated = sqlite3_column_int64(stmt, 4),
		});
	}
	sqlite3_finalize(stmt);
	return result == SQLITE_DONE ? end : KEYS_BROKEN;
}

enum keys_end
users_each_key(struct db *db, int64_t now_s,
    void (*each)(void *, const struct users_key *), void *arg)
{
	sqlite3_stmt *stmt = users_prepare(db, "SELECT " KEY_NAME ", owner, "
		    "hint, enabled AND ifnull(expires, ?1 + 1) > ?1 FROM "
		    KEYS_AND_USERS "ORDER BY owner, 1");
	int	 result;

	if (stmt == NULL)
		return KEYS_BROKEN;
	sqlite3_bind_int64(stmt, 1, now_s);
	while ((result = sqlite3_step(stmt)) == SQLITE_ROW)
		each(arg, &(struct users_key){
			.name = column_text(stmt, 0),
			.owner = column_text(stmt, 1),
			.hint = column_text(stmt, 2),
			.is_good = sqlite3_column_int(stmt, 3) != 0,
		});
	sqlite3_finalize(stmt);
	return result == SQLITE_DONE ? KEYS_DONE : KEYS_BROKEN;
}
