/* db.h - the SQLite database in state_dir: opening, schema, one connection a thread.
 *
 * Calls block; they belong on the thread pool, never on the loop.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>

struct db;
struct sqlite3;

/* Remember where (STATE_DIR/sluice.db). Nothing is opened yet. */
struct db *db_create(const char *state_dir);
void	db_free(struct db *);

/*
 * The calling thread's connection to what is at the path now, with the schema in
 * place; borrowed until its next call. What one call begins, a transaction, the
 * next ones go on with. It is made where there was none yet; one that this
 * process has seen is not made again when it is gone. NULL: told to the log
 * once, the caller goes on without (DESIGN section 7.9).
 */
struct sqlite3 *db_get(struct db *);

/*
 * A connection of the caller's own, for one thread at a time, as db_get's; NULL
 * when it cannot be used, of which nothing is told to the log. End it with
 * sqlite3_close.
 */
struct sqlite3 *db_connect(const struct db *);

/* The same, to read only: a database that is not there is not made. */
struct sqlite3 *db_connect_reader(const struct db *);

/* Whether it is about to be made: there is a file, with nothing in it yet. */
bool	db_is_new(const struct db *);

const char *db_path(const struct db *);
const char *db_dir(const struct db *);		/* state_dir */

/* ---- For backup.c. ---- */

/* Which schema it has, 0 = none; -1: it cannot be read. */
int	db_version(struct sqlite3 *);

/* The latest. What has a later one is of a newer sluice. */
int	db_version_known(void);

/*
 * Bring its schema up to date, with the ids of keys that belong to STATE_DIR.
 * False: nothing has changed.
 */
bool	db_migrate(struct sqlite3 *, const char *state_dir);
#endif
