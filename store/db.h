/* db.h - the SQLite database in state_dir: opening, schema, one connection a process.
 *
 * Calls block; they belong on the thread pool, never on the loop. The
 * connection is serialised by SQLite itself, so any thread may use it.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

struct db;
struct sqlite3;

/* Remember where (STATE_DIR/sluice.db). Nothing is opened yet. */
struct db *db_create(const char *state_dir);
void	db_free(struct db *);

/*
 * Another of the same database, with a connection of its own: for a transaction
 * of several calls, which the other threads' must not get into.
 */
struct db *db_clone(const struct db *);

/*
 * The open connection, with the schema in place; opened at the first call and
 * tried again later when that fails. NULL: told to the log once, the caller goes
 * on without (DESIGN section 7.9).
 */
struct sqlite3 *db_get(struct db *);

/*
 * A connection of the caller's own, for one thread at a time, to what is at the
 * path now; NULL when it cannot be used, of which nothing is told to the log. End
 * it with sqlite3_close.
 */
struct sqlite3 *db_connect(const struct db *);

/* The same, to read only: a database that is not there is not made. */
struct sqlite3 *db_connect_reader(const struct db *);

const char *db_path(const struct db *);
#endif
