/* db.h - the SQLite database in state_dir: opening, schema, one connection a process.
 *
 * Calls block; they belong on the thread pool, never on the loop. The
 * connection is serialised by SQLite itself, so any thread may use it.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <sqlite3.h>

struct db;

/* Remember where (STATE_DIR/sluice.db). Nothing is opened yet. */
struct db *db_create(const char *state_dir);
void	db_free(struct db *);

/*
 * The open connection, with the schema in place; opened at the first call and
 * tried again later when that fails. NULL: told to the log once, the caller goes
 * on without (DESIGN section 7.9).
 */
sqlite3	*db_get(struct db *);
#endif
