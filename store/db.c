#include "config.h"

#include "store/db.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/log.h"
#include "store/key_ids.h"

enum { BUSY_MS = 2000 };

#define TOKENS \
	"input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL," \
	"cache_write_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL," \
	"reasoning_tokens INTEGER NOT NULL,"

/* Sums of usage by the UTC hour or day that begins at TIME, in seconds. */
#define ROLLUP(table) \
	"CREATE TABLE " table " (" \
	"  time INTEGER NOT NULL, key_id TEXT NOT NULL, model TEXT NOT NULL," \
	"  provider TEXT NOT NULL, requests INTEGER NOT NULL," \
	"  errors INTEGER NOT NULL, estimated INTEGER NOT NULL," \
	"  unpriced INTEGER NOT NULL, " TOKENS \
	"  cost_nano INTEGER NOT NULL," \
	"  PRIMARY KEY (time, key_id, model, provider)) WITHOUT ROWID;"

#define COUNTED(change) \
	"CREATE TRIGGER keys_" change " AFTER " change " ON keys " \
	"BEGIN UPDATE keys_changes SET n = n + 1; END;"

/* Whoever knows a KIND by heart looks here whether TABLE changed: watch.c. */
#define COUNTED_ON(change, table, kind) \
	"CREATE TRIGGER " table "_" change " AFTER " change " ON " table " " \
	"BEGIN UPDATE changes SET n = n + 1 WHERE kind = '" kind "'; END;"

#define COUNTED_AS(table, kind) \
	COUNTED_ON("INSERT", table, kind) COUNTED_ON("UPDATE", table, kind) \
	COUNTED_ON("DELETE", table, kind)

/* What a key may spend in a PERIOD; 0 = however much. */
#define BUDGET(period) \
	"ALTER TABLE keys ADD COLUMN " period "_tokens INTEGER NOT NULL " \
	"DEFAULT 0;" \
	"ALTER TABLE keys ADD COLUMN " period "_cost_nano INTEGER NOT NULL " \
	"DEFAULT 0;"

/* Each entry takes the schema one version up; user_version counts them. */
static const char *const migrations[] = {
	"CREATE TABLE objects ("
	"  kind TEXT NOT NULL, id TEXT NOT NULL, provider TEXT NOT NULL,"
	"  url TEXT NOT NULL, key_id TEXT NOT NULL, expires INTEGER NOT NULL,"
	"  PRIMARY KEY (kind, id, key_id)) WITHOUT ROWID;"
	"CREATE INDEX objects_expires ON objects (expires);",
	/* Which part of the journal is in usage: usage_import.c. */
	"CREATE TABLE journal_files ("
	"  first_id TEXT NOT NULL, inode INTEGER NOT NULL,"
	"  offset INTEGER NOT NULL, size INTEGER NOT NULL,"
	"  mtime_ns INTEGER NOT NULL,"
	"  PRIMARY KEY (first_id, inode)) WITHOUT ROWID;"
	"CREATE INDEX journal_files_inode ON journal_files (inode);"
	/* A try of 0 is the request, others are tries that also consumed. */
	"CREATE TABLE usage ("
	"  n INTEGER PRIMARY KEY, id TEXT NOT NULL, try INTEGER NOT NULL,"
	"  time_ms INTEGER NOT NULL, key_id TEXT, model TEXT, provider TEXT,"
	"  target_model TEXT, path TEXT, status INTEGER NOT NULL,"
	"  outcome TEXT, error INTEGER NOT NULL, stream INTEGER NOT NULL,"
	"  source TEXT, " TOKENS "cost_nano INTEGER,"
	"  duration_ms INTEGER NOT NULL, ttfb_ms INTEGER,"
	"  first_token_ms INTEGER, tries INTEGER NOT NULL);"
	/* Ids are random: by them alone each row would change another page. */
	"CREATE UNIQUE INDEX usage_id ON usage (time_ms, id, try);"
	ROLLUP("usage_hours") ROLLUP("usage_days"),
	/* Clients' keys: keys.c. A list of patterns has one on each line. */
	"CREATE TABLE keys ("
	"  id TEXT PRIMARY KEY NOT NULL, hash BLOB NOT NULL UNIQUE,"
	"  name TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,"
	"  enabled INTEGER NOT NULL, created INTEGER NOT NULL,"
	"  expires INTEGER, models TEXT NOT NULL, endpoints TEXT NOT NULL,"
	"  rotated INTEGER, old_hash BLOB UNIQUE, old_until INTEGER"
	"  ) WITHOUT ROWID;"
	/* How often they changed, so that nobody reads them for nothing. */
	"CREATE TABLE keys_changes (n INTEGER NOT NULL);"
	"INSERT INTO keys_changes VALUES (0);"
	COUNTED("INSERT") COUNTED("UPDATE") COUNTED("DELETE"),
	/* What is made at run time beside the provider files: managed.c. */
	"CREATE TABLE changes (kind TEXT PRIMARY KEY NOT NULL,"
	"  n INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO changes SELECT 'keys', n FROM keys_changes;"
	"INSERT INTO changes VALUES ('managed', 0), ('prompts', 0),"
	"  ('salts', 0);"
	"DROP TRIGGER keys_INSERT; DROP TRIGGER keys_UPDATE;"
	"DROP TRIGGER keys_DELETE; DROP TABLE keys_changes;"
	"ALTER TABLE keys ADD COLUMN hint TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE keys ADD COLUMN remote_user TEXT;"
	"CREATE UNIQUE INDEX keys_remote_user ON keys (remote_user);"
	"ALTER TABLE keys ADD COLUMN rpm INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE keys ADD COLUMN tpm INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE keys ADD COLUMN concurrency INTEGER NOT NULL DEFAULT 0;"
	BUDGET("day") BUDGET("week") BUDGET("month")
	COUNTED_AS("keys", "keys")
	"CREATE TABLE users ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  key_id TEXT NOT NULL UNIQUE REFERENCES keys (id) ON DELETE CASCADE,"
	"  name TEXT NOT NULL, created INTEGER NOT NULL,"
	"  updated INTEGER NOT NULL);"
	"CREATE TABLE channels ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
	"  kind TEXT NOT NULL, base_url TEXT NOT NULL, sealed BLOB,"
	"  hint TEXT NOT NULL, api_key_env TEXT, weight INTEGER NOT NULL,"
	"  priority INTEGER NOT NULL, enabled INTEGER NOT NULL,"
	"  created INTEGER NOT NULL, updated INTEGER NOT NULL);"
	"CREATE TABLE models ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
	"  created INTEGER NOT NULL, updated INTEGER NOT NULL);"
	"CREATE TABLE model_channels ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT, model_id INTEGER NOT NULL"
	"  REFERENCES models (id) ON DELETE CASCADE, channel_id INTEGER"
	"  NOT NULL REFERENCES channels (id) ON DELETE CASCADE,"
	"  backend_model_name TEXT NOT NULL, weight INTEGER NOT NULL,"
	"  created INTEGER NOT NULL, UNIQUE (model_id, channel_id));"
	"CREATE INDEX model_channels_channel ON model_channels (channel_id);"
	/* Values of environment variables that were given at run time. */
	"CREATE TABLE secrets (name TEXT PRIMARY KEY NOT NULL,"
	"  sealed BLOB NOT NULL, hint TEXT NOT NULL, updated INTEGER NOT NULL"
	"  ) WITHOUT ROWID;"
	COUNTED_AS("channels", "managed") COUNTED_AS("models", "managed")
	COUNTED_AS("model_channels", "managed")
	COUNTED_AS("secrets", "managed")
	/* NAME is '', a key's id, or a model's. */
	"CREATE TABLE prompts (scope TEXT NOT NULL, name TEXT NOT NULL,"
	"  text TEXT NOT NULL, created INTEGER NOT NULL,"
	"  updated INTEGER NOT NULL, PRIMARY KEY (scope, name)) WITHOUT ROWID;"
	"CREATE TRIGGER keys_prompts AFTER DELETE ON keys BEGIN"
	"  DELETE FROM prompts WHERE scope = 'key' AND name = OLD.id; END;"
	COUNTED_AS("prompts", "prompts")
	/* What is hashed with a caller, so that it gets to another channel. */
	"CREATE TABLE salts (caller INTEGER PRIMARY KEY, salt INTEGER NOT NULL,"
	"  updated INTEGER NOT NULL);"
	COUNTED_AS("salts", "salts"),
	/* What a provider calls by an id is of one key: objects.c. */
	"ALTER TABLE objects RENAME TO objects_of_keys;"
	"DROP INDEX objects_expires;"
	"CREATE TABLE objects ("
	"  kind TEXT NOT NULL, id TEXT NOT NULL, provider TEXT NOT NULL,"
	"  url TEXT NOT NULL, key_id TEXT NOT NULL, expires INTEGER NOT NULL,"
	"  PRIMARY KEY (kind, id, provider)) WITHOUT ROWID;"
	"INSERT OR IGNORE INTO objects SELECT kind, id, provider, url, key_id,"
	"  expires FROM objects_of_keys ORDER BY expires;"
	"DROP TABLE objects_of_keys;"
	"CREATE INDEX objects_expires ON objects (expires);"
	"CREATE INDEX objects_keys ON objects (key_id, kind, expires);"
	"CREATE TRIGGER keys_objects AFTER DELETE ON keys BEGIN"
	"  DELETE FROM objects WHERE key_id = OLD.id; END;",
	/*
	 * Whether all keys of channels are sealed for one origin each, or may
	 * still be as they were before: seal_upgrade.c. What stands in for a
	 * variable is sealed for each place; '' is as before.
	 */
	"CREATE TABLE sealing (is_bound INTEGER NOT NULL);"
	"INSERT INTO sealing SELECT NOT EXISTS (SELECT 1 FROM channels "
	"  WHERE sealed IS NOT NULL);"
	COUNTED_ON("UPDATE", "sealing", "managed")
	"ALTER TABLE secrets RENAME TO unbound;"
	"CREATE TABLE secrets (name TEXT NOT NULL, place TEXT NOT NULL,"
	"  sealed BLOB NOT NULL, hint TEXT NOT NULL, updated INTEGER NOT NULL,"
	"  PRIMARY KEY (name, place)) WITHOUT ROWID;"
	"INSERT INTO secrets SELECT name, '', sealed, hint, updated "
	"  FROM unbound;"
	"DROP TABLE unbound;"
	COUNTED_AS("secrets", "managed"),
	/* Responses that are charged when they are done: unpaid.c. */
	"CREATE TABLE unpaid (provider TEXT NOT NULL, id TEXT NOT NULL,"
	"  url TEXT NOT NULL, key_id TEXT NOT NULL, model TEXT NOT NULL,"
	"  made_ms INTEGER NOT NULL, claim TEXT NOT NULL,"
	"  claimed_ms INTEGER NOT NULL,"
	"  PRIMARY KEY (provider, id)) WITHOUT ROWID;"
	"CREATE INDEX unpaid_made ON unpaid (made_ms);",
	/*
	 * Ids of keys were half of their hashes. TRANSLATED is key_ids_translate,
	 * of which every id has one: what belonged together does so still.
	 */
	"PRAGMA defer_foreign_keys = ON;"
	"UPDATE keys SET id = translated(id);"
	"UPDATE users SET key_id = translated(key_id);"
	"UPDATE prompts SET name = translated(name) WHERE scope = 'key';"
	"UPDATE objects SET key_id = translated(key_id);"
	"UPDATE unpaid SET key_id = translated(key_id);"
	"UPDATE usage SET key_id = translated(key_id) "
	"  WHERE key_id IS NOT NULL;"
	"UPDATE usage_hours SET key_id = translated(key_id);"
	"UPDATE usage_days SET key_id = translated(key_id);",
};
enum { SCHEMA_VERSION = sizeof migrations / sizeof migrations[0] };

/* One thread's, for as long as the file at the path is the one that is open. */
struct connection {
	struct connection *next;
	pthread_t	 thread;
	sqlite3		*sqlite;	/* NULL: not open */
	dev_t		 device;
	ino_t		 inode;
};

/* What changes behind a database that calls otherwise only read. */
struct pool {
	pthread_mutex_t	 lock;		/* of the list and of being warned */
	struct connection *connections;
	atomic_bool	 was_there;	/* this process has had it open */
	bool		 warned;
};

struct db {
	char		 dir[4096];
	char		 path[4128];
	struct pool	*pool;
};

struct db *
db_create(const char *state_dir)
{
	struct db *db = calloc(1, sizeof *db);
	struct pool *pool = calloc(1, sizeof *pool);

	if (db == NULL || pool == NULL)
		abort();
	pthread_mutex_init(&pool->lock, NULL);
	db->pool = pool;
	snprintf(db->dir, sizeof db->dir, "%s", state_dir);
	snprintf(db->path, sizeof db->path, "%s/sluice.db", db->dir);
	return db;
}

void
db_free(struct db *db)
{
	struct connection *c, *next;

	if (db == NULL)
		return;
	for (c = db->pool->connections; c != NULL; c = next) {
		next = c->next;
		sqlite3_close(c->sqlite);
		free(c);
	}
	pthread_mutex_destroy(&db->pool->lock);
	free(db->pool);
	free(db);
}

static int
db_read_version(void *arg, int count, char **values, char **names)
{
	(void)count;
	(void)names;
	*(int *)arg = atoi(values[0]);
	return 0;
}

int
db_version(sqlite3 *sqlite)
{
	int	 version = -1;

	if (sqlite3_exec(sqlite, "PRAGMA user_version", db_read_version,
	    &version, NULL) != SQLITE_OK)
		return -1;
	return version;
}

int
db_version_known(void)
{
	return SCHEMA_VERSION;
}

/* translated(id), loaded when it is called first. */
struct translation {
	const char	*state_dir;
	bool		 is_loaded;
	struct key_ids	 ids;
};

static void
translate(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct translation *t = sqlite3_user_data(context);
	const void *old = sqlite3_value_text(values[0]);
	char	 id[KEYS_ID_SIZE];

	(void)count;
	if (old == NULL)
		return;
	if (!t->is_loaded && !key_ids_load(&t->ids, t->state_dir)) {
		log_error("the database cannot be brought up to date: %s",
		    t->ids.file.why);
		sqlite3_result_error(context, t->ids.file.why, -1);
		return;
	}
	t->is_loaded = true;
	if (strlen(old) >= KEYS_ID_SIZE)	/* none of ours */
		sqlite3_result_value(context, values[0]);
	else {
		key_ids_translate(&t->ids, old, id);
		sqlite3_result_text(context, id, -1, SQLITE_TRANSIENT);
	}
}

static void
end_translation(void *translation)
{
	struct translation *t = translation;

	key_ids_forget(&t->ids);
	free(t);
}

static bool
begin_translation(sqlite3 *sqlite, const char *state_dir)
{
	struct translation *t = calloc(1, sizeof *t);

	if (t == NULL)
		abort();
	t->state_dir = state_dir;
	return sqlite3_create_function_v2(sqlite, "translated", 1, SQLITE_UTF8,
	    t, translate, NULL, NULL, end_translation) == SQLITE_OK;
}

/* The write lock keeps two processes apart. */
bool
db_migrate(sqlite3 *sqlite, const char *state_dir)
{
	int	 version = db_version(sqlite);
	char	 set[64];
	bool	 ok;

	if (version == SCHEMA_VERSION)
		return true;
	if (version < 0 || version > SCHEMA_VERSION ||
	    !begin_translation(sqlite, state_dir) || sqlite3_exec(sqlite,
	    "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return false;
	version = db_version(sqlite);
	ok = version >= 0 && version <= SCHEMA_VERSION;
	for (; ok && version < SCHEMA_VERSION; version++)
		ok = sqlite3_exec(sqlite, migrations[version], NULL, NULL,
		    NULL) == SQLITE_OK;
	snprintf(set, sizeof set, "PRAGMA user_version = %d", (int)SCHEMA_VERSION);
	ok = ok && sqlite3_exec(sqlite, set, NULL, NULL, NULL) == SQLITE_OK;
	ok = sqlite3_exec(sqlite, ok ? "COMMIT" : "ROLLBACK", NULL, NULL,
	    NULL) == SQLITE_OK && ok;
	sqlite3_create_function_v2(sqlite, "translated", 1, SQLITE_UTF8, NULL,
	    NULL, NULL, NULL, NULL);
	return ok;
}

/*
 * SQLite's own default for the mode is the umask's. The file is not opened for
 * that: closing it would end the locks of every other connection that this
 * process has (fcntl(2)), and the next process to leave would take itself for
 * the last and delete the WAL under them.
 */
static void
db_make_file(const char *path)
{
	mknod(path, S_IFREG | 0640, 0);
}

/*
 * What can only be read is of no use, and would stay so when that is mended. The
 * journal's mode cannot be set while others set it: one of them succeeds.
 */
static bool
db_prepare(const struct db *db, sqlite3 *sqlite)
{
	sqlite3_busy_timeout(sqlite, BUSY_MS);
	if (sqlite3_db_readonly(sqlite, "main") != 0 ||
	    db_version(sqlite) < 0)
		return false;
	sqlite3_exec(sqlite, "PRAGMA synchronous = NORMAL;"
	    "PRAGMA foreign_keys = ON; PRAGMA journal_mode = WAL", NULL, NULL,
	    NULL);
	return db_migrate(sqlite, db->dir);
}

/*
 * A database that was there and is gone is not made anew: those who know its
 * keys by heart would soon find none of them in it.
 */
sqlite3 *
db_connect(const struct db *db)
{
	sqlite3	*sqlite = NULL;

	if (!db->pool->was_there)
		db_make_file(db->path);
	if (sqlite3_open_v2(db->path, &sqlite, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK && db_prepare(db, sqlite)) {
		db->pool->was_there = true;
		return sqlite;
	}
	sqlite3_close(sqlite);
	return NULL;
}

bool
db_is_new(const struct db *db)
{
	sqlite3	*sqlite = NULL;
	bool	 is_new = sqlite3_open_v2(db->path, &sqlite,
		    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) ==
		    SQLITE_OK && db_version(sqlite) == 0;

	sqlite3_close(sqlite);
	return is_new;
}

sqlite3 *
db_connect_reader(const struct db *db)
{
	sqlite3	*sqlite = NULL;

	if (sqlite3_open_v2(db->path, &sqlite, SQLITE_OPEN_READONLY |
	    SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) {
		sqlite3_busy_timeout(sqlite, BUSY_MS);
		if (db_version(sqlite) == SCHEMA_VERSION) {
			db->pool->was_there = true;
			return sqlite;
		}
	}
	sqlite3_close(sqlite);
	return NULL;
}

const char *
db_path(const struct db *db)
{
	return db->path;
}

const char *
db_dir(const struct db *db)
{
	return db->dir;
}

/* ---- A connection for each thread. ---- */

static struct connection *
get_connection(struct pool *pool)
{
	struct connection *c;

	pthread_mutex_lock(&pool->lock);
	for (c = pool->connections; c != NULL; c = c->next)
		if (pthread_equal(c->thread, pthread_self()))
			break;
	if (c == NULL) {
		c = calloc(1, sizeof *c);
		if (c == NULL)
			abort();
		c->thread = pthread_self();
		c->next = pool->connections;
		pool->connections = c;
	}
	pthread_mutex_unlock(&pool->lock);
	return c;
}

/*
 * Another file may be at the path, or none, or one that a newer sluice changed. A
 * transaction comes to its end where it began.
 */
static bool
is_usable(const struct connection *c, const char *path)
{
	struct stat st;

	if (c->sqlite == NULL || !sqlite3_get_autocommit(c->sqlite))
		return c->sqlite != NULL;
	return stat(path, &st) == 0 && st.st_dev == c->device &&
	    st.st_ino == c->inode && db_version(c->sqlite) == SCHEMA_VERSION;
}

/* A file that comes into its place meanwhile is noticed by the next call. */
static void
reopen(struct connection *c, const struct db *db)
{
	struct stat st = { 0 };

	sqlite3_close(c->sqlite);
	if (!db->pool->was_there)
		db_make_file(db->path);
	stat(db->path, &st);
	c->device = st.st_dev;
	c->inode = st.st_ino;
	c->sqlite = db_connect(db);
}

static void
tell(const struct db *db, bool is_broken)
{
	struct pool *pool = db->pool;

	pthread_mutex_lock(&pool->lock);
	if (is_broken && !pool->warned)
		log_error("cannot use the database %s%s", db->path,
		    pool->was_there && access(db->path, F_OK) != 0 ?
		    ": it is gone, and a new one is only made at a start" : "");
	pool->warned = is_broken;
	pthread_mutex_unlock(&pool->lock);
}

sqlite3 *
db_get(struct db *db)
{
	struct connection *c = get_connection(db->pool);

	if (!is_usable(c, db->path))
		reopen(c, db);
	tell(db, c->sqlite == NULL);
	return c->sqlite;
}
