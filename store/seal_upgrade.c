#include "config.h"

#include "store/seal_upgrade.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sodium.h>
#include <sqlite3.h>

#include "base/arena.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/origin.h"
#include "conf/provider.h"
#include "store/db.h"
#include "store/managed.h"
#include "store/secrets.h"

enum { FIRST_CHUNK_BYTES = 1024, ID_SIZE = 24 };

struct upgrade {
	sqlite3		*sqlite;
	const struct conf *conf;
	struct seal	 seal;
	struct arena	 arena;
	unsigned	 bound, known, lost;	/* keys: now, before, not opened */
};

/* ---- Channels. ---- */

static bool
save_channel(struct upgrade *u, int64_t id, const void *sealed, size_t n)
{
	sqlite3_stmt *stmt = managed_prepare(u->sqlite,
	    "UPDATE channels SET sealed = ?2 WHERE id = ?1 RETURNING id");

	if (stmt != NULL) {
		sqlite3_bind_int64(stmt, 1, id);
		sqlite3_bind_blob(stmt, 2, sealed, (int)n, SQLITE_STATIC);
	}
	return managed_run(stmt, MANAGED_BROKEN, MANAGED_BROKEN, NULL) ==
	    MANAGED_DONE;
}

/* The row that STMT stands on. False: the database failed. */
static bool
bind_channel(struct upgrade *u, sqlite3_stmt *stmt)
{
	const void *sealed = sqlite3_column_blob(stmt, 3);
	size_t	 n = (size_t)sqlite3_column_bytes(stmt, 3);
	char	 secret[SEAL_SECRET_MAX + 1], id[ID_SIZE],
		 origin[ORIGIN_SIZE];
	unsigned char again[SEAL_MAX];
	const struct seal_purpose purpose = { SEAL_CHANNEL, id, origin };
	bool	 ok = true;

	snprintf(id, sizeof id, "%lld", sqlite3_column_int64(stmt, 0));
	if (!origin_make(managed_column(stmt, 2), origin))
		u->lost++;
	else if (seal_open(&u->seal, &purpose, sealed, n, secret))
		u->known++;
	else if (seal_open_unbound(&u->seal, sealed, n, secret)) {
		ok = save_channel(u, sqlite3_column_int64(stmt, 0), again,
		    seal_close(&u->seal, &purpose, secret, again));
		u->bound++;
	} else {
		log_warn("the key of channel %s was sealed with another seal "
		    "key, or is damaged: give the key again",
		    managed_column(stmt, 1));
		u->lost++;
	}
	sodium_memzero(secret, sizeof secret);
	return ok;
}

static bool
bind_channels(struct upgrade *u)
{
	sqlite3_stmt *stmt = managed_prepare(u->sqlite, "SELECT id, name, "
	    "base_url, sealed FROM channels WHERE sealed IS NOT NULL AND "
	    "NOT (SELECT is_bound FROM sealing) ORDER BY id");
	int	 result = SQLITE_ERROR;

	while (stmt != NULL && (result = sqlite3_step(stmt)) == SQLITE_ROW)
		if (!bind_channel(u, stmt))
			break;
	sqlite3_finalize(stmt);
	return result == SQLITE_DONE;
}

/* ---- What stands in for variables. ---- */

static bool
save_variable(struct upgrade *u, const char *name, const char *secret)
{
	size_t	 count;
	const char *const *places = provider_places_of(u->conf, name,
		    &u->arena, &count);
	sqlite3_stmt *stmt;
	bool	 ok = true;

	for (size_t i = 0; ok && i < count; i++)
		ok = secrets_insert(u->sqlite, name, secret, places[i],
		    &u->seal, time(NULL)) == MANAGED_DONE;
	if (!ok || count == 0)
		return ok;
	u->bound++;
	stmt = managed_prepare(u->sqlite, "DELETE FROM secrets "
	    "WHERE name = ?1 AND place = '' RETURNING 1");
	if (stmt != NULL)
		managed_bind_text(stmt, 1, name);
	return managed_run(stmt, MANAGED_BROKEN, MANAGED_BROKEN, NULL) ==
	    MANAGED_DONE;
}

/* What is not opened may still be, with the seal key that it has. */
static bool
bind_variable(struct upgrade *u, const char *name)
{
	sqlite3_stmt *stmt = managed_prepare(u->sqlite, "SELECT sealed FROM "
	    "secrets WHERE name = ?1 AND place = ''");
	char	 secret[SEAL_SECRET_MAX + 1];
	bool	 ok = false, is_open = false;

	if (stmt != NULL) {
		managed_bind_text(stmt, 1, name);
		ok = sqlite3_step(stmt) == SQLITE_ROW;
		is_open = ok && seal_open_unbound(&u->seal,
		    sqlite3_column_blob(stmt, 0),
		    (size_t)sqlite3_column_bytes(stmt, 0), secret);
	}
	sqlite3_finalize(stmt);
	if (is_open)
		ok = save_variable(u, name, secret);
	sodium_memzero(secret, sizeof secret);
	return ok;
}

/* Names first: what is inserted must not be met again. */
static bool
bind_variables(struct upgrade *u)
{
	sqlite3_stmt *stmt = managed_prepare(u->sqlite,
	    "SELECT name FROM secrets WHERE place = ''");
	const char **names = NULL;
	size_t	 count = 0;
	int	 result = SQLITE_ERROR;
	bool	 ok;

	while (stmt != NULL && (result = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char **grown = arena_alloc(&u->arena,
		    (count + 1) * sizeof *grown);

		if (count > 0)
			memcpy(grown, names, count * sizeof *grown);
		names = grown;
		names[count++] = arena_strdup(&u->arena,
		    managed_column(stmt, 0));
	}
	sqlite3_finalize(stmt);
	ok = result == SQLITE_DONE;
	for (size_t i = 0; ok && i < count; i++)
		ok = bind_variable(u, names[i]);
	return ok;
}

/* ---- All of it. ---- */

static bool
is_needed(sqlite3 *sqlite)
{
	int64_t	 n = 0;

	managed_run(managed_prepare(sqlite, "SELECT NOT is_bound OR EXISTS "
	    "(SELECT 1 FROM secrets WHERE place = '') FROM sealing"),
	    MANAGED_BROKEN, MANAGED_BROKEN, &n);
	return n != 0;
}

/* With another seal key than theirs, none opens: theirs may come back. */
static bool
close_the_door(struct upgrade *u)
{
	if (u->lost > 0 && u->bound + u->known == 0)
		return true;
	return sqlite3_exec(u->sqlite, "UPDATE sealing SET is_bound = 1 "
	    "WHERE NOT is_bound", NULL, NULL, NULL) == SQLITE_OK;
}

static bool
bind_all(struct upgrade *u)
{
	if (sqlite3_exec(u->sqlite, "BEGIN IMMEDIATE", NULL, NULL, NULL) !=
	    SQLITE_OK)
		return false;
	if (bind_channels(u) && close_the_door(u) && bind_variables(u) &&
	    sqlite3_exec(u->sqlite, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return true;
	sqlite3_exec(u->sqlite, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

void
seal_upgrade_run(struct db *db, const struct conf *conf)
{
	struct upgrade u = { .sqlite = db_connect(db), .conf = conf };
	const struct seal_place place = {
		.name = conf->auth.seal_key_env,
		.value = conf_getenv(conf, conf->auth.seal_key_env),
		.dir = conf->state_dir,
	};

	arena_init(&u.arena, FIRST_CHUNK_BYTES);
	if (is_needed(u.sqlite) && seal_load(&u.seal, &place) && bind_all(&u) &&
	    u.bound > 0)
		log_info("%u keys in the database are sealed for their "
		    "origins now", u.bound);
	seal_forget(&u.seal);
	arena_fini(&u.arena);
	sqlite3_close(u.sqlite);
}
