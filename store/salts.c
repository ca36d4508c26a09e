#include "config.h"

#include "store/salts.h"

#include <stdlib.h>

#include <sodium.h>
#include <sqlite3.h>

#include "store/db.h"

struct entry {
	uint64_t	 caller, salt;
};

struct salts {
	size_t		 count;
	struct entry	 entries[];	/* by caller */
};

/* ---- What is known of them. ---- */

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->caller < y->caller ? -1 : x->caller > y->caller;
}

static struct salts *
create(size_t max)
{
	struct salts *s = malloc(sizeof *s + max * sizeof s->entries[0]);

	if (s == NULL)
		abort();
	s->count = 0;
	return s;
}

/* Numbers are SQLite's, with a sign: the bits are the same. */
struct salts *
salts_read(sqlite3 *sqlite)
{
	struct salts *s = create(SALTS_MAX);
	sqlite3_stmt *stmt;
	int	 result = SQLITE_ERROR;

	if (sqlite3_prepare_v2(sqlite, "SELECT caller, salt FROM salts "
	    "ORDER BY updated DESC LIMIT ?1", -1, &stmt, NULL) == SQLITE_OK) {
		sqlite3_bind_int(stmt, 1, SALTS_MAX);
		while ((result = sqlite3_step(stmt)) == SQLITE_ROW)
			s->entries[s->count++] = (struct entry){
				.caller = (uint64_t)sqlite3_column_int64(stmt, 0),
				.salt = (uint64_t)sqlite3_column_int64(stmt, 1),
			};
	}
	sqlite3_finalize(stmt);
	if (result != SQLITE_DONE) {
		free(s);
		return NULL;
	}
	qsort(s->entries, s->count, sizeof s->entries[0], compare);
	return realloc(s, sizeof *s + (s->count + 1) * sizeof s->entries[0]);
}

void
salts_free(struct salts *s)
{
	free(s);
}

uint64_t
salts_find(const struct salts *s, uint64_t caller)
{
	const struct entry wanted = { .caller = caller }, *found;

	if (s == NULL || s->count == 0)
		return 0;
	found = bsearch(&wanted, s->entries, s->count, sizeof wanted, compare);
	return found == NULL ? 0 : found->salt;
}

/* ---- Changing one. ---- */

static uint64_t
make_salt(void)
{
	uint64_t salt;

	do
		randombytes_buf(&salt, sizeof salt);
	while (salt == 0);
	return salt;
}

/* Run SQL with the N numbers. */
static bool
run(sqlite3 *sqlite, const char *sql, const int64_t *numbers, int n)
{
	sqlite3_stmt *stmt;
	bool	 ok;

	if (sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL) != SQLITE_OK)
		return false;
	for (int i = 0; i < n; i++)
		sqlite3_bind_int64(stmt, i + 1, numbers[i]);
	ok = sqlite3_step(stmt) == SQLITE_DONE;
	return sqlite3_finalize(stmt) == SQLITE_OK && ok;
}

/* One statement each: whoever comes at the same time finds another salt already. */
bool
salts_change(struct db *db, uint64_t caller, uint64_t salt, int64_t now_s,
    bool *done)
{
	sqlite3	*sqlite = db_get(db);
	const int64_t numbers[] = { (int64_t)caller, (int64_t)make_salt(),
		    now_s, (int64_t)salt }, most = SALTS_MAX;
	bool	 ok;

	*done = false;
	if (sqlite == NULL)
		return false;
	ok = salt == 0 ? run(sqlite, "INSERT INTO salts VALUES (?1, ?2, ?3) "
	    "ON CONFLICT DO NOTHING", numbers, 3) :
	    run(sqlite, "UPDATE salts SET salt = ?2, updated = ?3 "
	    "WHERE caller = ?1 AND salt = ?4", numbers, 4);
	*done = ok && sqlite3_changes(sqlite) > 0;
	if (*done)
		ok = run(sqlite, "DELETE FROM salts WHERE caller IN (SELECT "
		    "caller FROM salts ORDER BY updated DESC, caller LIMIT -1 "
		    "OFFSET ?1)", &most, 1);
	return ok;
}
