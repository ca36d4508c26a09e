/* database.h - a database of its own for a test, in a place of its own. */
#ifndef TESTS_UNIT_STORE_DATABASE_H
#define TESTS_UNIT_STORE_DATABASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <sqlite3.h>

#include "base/log.h"
#include "store/db.h"
#include "tests/unit/store/children.h"

/* *PLACE is made with it; only errors are logged. */
static inline struct db *
database_make(struct place **place)
{
	if (sodium_init() < 0)
		abort();
	log_open(NULL, LOG_LEVEL_ERROR);
	*place = place_make();
	return db_create((*place)->dir);
}

static inline void
database_remove(struct place *place, struct db *db)
{
	db_free(db);
	place_remove(place);
}

/* On a connection of its own, as another process would. */
static inline void
database_run(struct db *db, const char *sql)
{
	sqlite3	*sqlite = db_connect(db);

	assert_non_null(sqlite);
	if (sqlite3_exec(sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(sqlite));
	sqlite3_close(sqlite);
}

/* The one number that a query answers. */
static inline int64_t
database_number(sqlite3 *sqlite, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t	 n;

	assert_non_null(sqlite);
	assert_int_equal(sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}
#endif
