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

enum managed_end
secrets_set(struct db *db, const char *name, const char *value,
    const struct seal *seal, int64_t now_s)
{
	unsigned char sealed[SEAL_MAX];
	char	 hint[HINT_SIZE];
	sqlite3_stmt *stmt;

	if (values_env(name) != NULL)
		return MANAGED_BAD_VARIABLE;
	if (!managed_is_secret(value))
		return MANAGED_BAD_SECRET;
	hint_make(value, hint);
	stmt = managed_prepare(db_get(db), "INSERT INTO secrets "
	    "(name, sealed, hint, updated) VALUES (?1, ?2, ?3, ?4) "
	    "ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, "
	    "hint = excluded.hint, updated = excluded.updated RETURNING 1");
	if (stmt != NULL) {
		managed_bind_text(stmt, 1, name);
		sqlite3_bind_blob(stmt, 2, sealed, (int)seal_close(seal, value,
		    sealed), SQLITE_STATIC);
		managed_bind_text(stmt, 3, hint);
		sqlite3_bind_int64(stmt, 4, now_s);
	}
	return managed_run(stmt, MANAGED_BROKEN, MANAGED_BROKEN, NULL);
}
