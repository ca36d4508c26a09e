#include "config.h"

#include "store/secrets.h"

#include <sqlite3.h>

#include "base/hint.h"
#include "conf/values.h"
#include "store/db.h"

bool
secrets_load_seal(struct db *db, struct seal *seal,
    const struct seal_place *place)
{
	int64_t	 sealed = 1;

	managed_run(managed_prepare(db_get(db), "SELECT "
	    "(SELECT count(*) FROM secrets) + (SELECT count(*) FROM channels "
	    "WHERE sealed IS NOT NULL)"), MANAGED_BROKEN, MANAGED_BROKEN,
	    &sealed);
	return sealed == 0 ? seal_load_or_make(seal, place) :
	    seal_load(seal, place);
}

static enum managed_end
forget(sqlite3 *sqlite, const char *name)
{
	sqlite3_stmt *stmt = managed_prepare(sqlite,
	    "DELETE FROM secrets WHERE name = ?1");

	if (stmt != NULL)
		managed_bind_text(stmt, 1, name);
	return managed_run(stmt, MANAGED_DONE, MANAGED_BROKEN, NULL);
}

enum managed_end
secrets_insert(sqlite3 *sqlite, const char *name, const char *value,
    const char *place, const struct seal *seal, int64_t now_s)
{
	const struct seal_purpose purpose = { SEAL_VARIABLE, name, place };
	unsigned char sealed[SEAL_MAX];
	char	 hint[HINT_SIZE];
	sqlite3_stmt *stmt = managed_prepare(sqlite, "INSERT OR REPLACE INTO "
	    "secrets (name, place, sealed, hint, updated) "
	    "VALUES (?1, ?2, ?3, ?4, ?5) RETURNING 1");

	hint_make(value, hint);
	if (stmt != NULL) {
		managed_bind_text(stmt, 1, name);
		managed_bind_text(stmt, 2, place);
		sqlite3_bind_blob(stmt, 3, sealed, (int)seal_close(seal,
		    &purpose, value, sealed), SQLITE_STATIC);
		managed_bind_text(stmt, 4, hint);
		sqlite3_bind_int64(stmt, 5, now_s);
	}
	return managed_run(stmt, MANAGED_BROKEN, MANAGED_BROKEN, NULL);
}

enum managed_end
secrets_set(struct db *db, const char *name, const char *value,
    const char *const *places, size_t count, const struct seal *seal,
    int64_t now_s)
{
	enum managed_end end = MANAGED_BROKEN;
	sqlite3	*sqlite;

	if (values_env(name) != NULL)
		return MANAGED_BAD_VARIABLE;
	if (!managed_is_secret(value))
		return MANAGED_BAD_SECRET;
	if (count == 0)
		return MANAGED_BAD_URL;
	sqlite = db_connect(db);
	if (sqlite != NULL && sqlite3_exec(sqlite, "BEGIN IMMEDIATE", NULL,
	    NULL, NULL) == SQLITE_OK) {
		end = forget(sqlite, name);
		for (size_t i = 0; i < count && end == MANAGED_DONE; i++)
			end = secrets_insert(sqlite, name, value, places[i],
			    seal, now_s);
		if (sqlite3_exec(sqlite, end == MANAGED_DONE ? "COMMIT" :
		    "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
			end = MANAGED_BROKEN;
	}
	sqlite3_close(sqlite);
	return end;
}
