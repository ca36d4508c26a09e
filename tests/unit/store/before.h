/* before.h - a database as the versions before left it. */
#ifndef TESTS_UNIT_STORE_BEFORE_H
#define TESTS_UNIT_STORE_BEFORE_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/store/database.h"

/* In DIR is a database of schema 4 in which ROWS, SQL, has run. */
static inline void
before_make(const char *dir, const char *rows)
{
	static char sql[32768];
	const char *src = getenv("SLUICE_SRC");
	char	 path[512];
	sqlite3	*sqlite;
	FILE	*f;

	snprintf(path, sizeof path, "%s/tests/data/schema-4.sql",
	    src == NULL ? "." : src);
	f = fopen(path, "r");
	assert_non_null(f);
	sql[fread(sql, 1, sizeof sql - 1, f)] = '\0';
	fclose(f);
	snprintf(path, sizeof path, "%s/sluice.db", dir);
	assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
	if (sqlite3_exec(sqlite, sql, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(sqlite, rows, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(sqlite));
	sqlite3_close(sqlite);
}
#endif
