#include "config.h"

#include "store/prompts.h"

#include <string.h>

#include <sqlite3.h>

#include "base/text.h"
#include "store/db.h"

static const char *const scopes[PROMPTS__SCOPES] = {
	[PROMPTS_GLOBAL] = "global", [PROMPTS_MODEL] = "model",
	[PROMPTS_KEY] = "key",
};

static const char *const texts[PROMPTS__END] = {
	[PROMPTS_DONE] = "done",
	[PROMPTS_BAD_NAME] = "a model's name is 1 to 256 bytes of text on one "
	    "line",
	[PROMPTS_BAD_TEXT] = "a prompt is at most 65536 bytes of UTF-8 "
	    "without control characters",
	[PROMPTS_NO_KEY] = "there is no key of this name",
	[PROMPTS_NOT_FOUND] = "there is no such prompt",
	[PROMPTS_BROKEN] = "the database cannot be used",
};

/* What a prompt of scope ?1 for ?2 is stored under; NULL: there is no such key. */
#define STORED_NAME \
	"CASE ?1 WHEN 'key' THEN (SELECT id FROM keys WHERE name = ?2) " \
	"ELSE ?2 END"

const char *
prompts_scope_name(enum prompts_scope scope)
{
	return scopes[scope];
}

const char *
prompts_end_text(enum prompts_end end)
{
	return texts[end];
}

/* ---- Changing. ---- */

static enum prompts_end
judge_name(enum prompts_scope scope, const char *name)
{
	size_t	 n;

	if (scope != PROMPTS_MODEL)
		return PROMPTS_DONE;
	n = strlen(name);
	return n > 0 && n <= PROMPTS_NAME_MAX && text_is_line(name, n) ?
	    PROMPTS_DONE : PROMPTS_BAD_NAME;
}

/* Prepare SQL, in which ?1 and ?2 are SCOPE and NAME. NULL: it cannot be. */
static sqlite3_stmt *
prepare(struct db *db, const char *sql, enum prompts_scope scope,
    const char *name)
{
	sqlite3	*sqlite = db_get(db);
	sqlite3_stmt *stmt;

	if (sqlite == NULL ||
	    sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL) != SQLITE_OK)
		return NULL;
	sqlite3_bind_text(stmt, 1, scopes[scope], -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, scope == PROMPTS_GLOBAL ? "" : name, -1,
	    SQLITE_STATIC);
	return stmt;
}

/* Run it; RETURNING gives a row where something was changed, else it is NONE. */
static enum prompts_end
run(sqlite3_stmt *stmt, enum prompts_end none)
{
	int	 first = sqlite3_step(stmt), last = first;

	if (first == SQLITE_ROW)
		last = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	if (last != SQLITE_DONE)
		return PROMPTS_BROKEN;
	return first == SQLITE_ROW ? PROMPTS_DONE : none;
}

static enum prompts_end
put(struct db *db, enum prompts_scope scope, const char *name,
    const char *text, int64_t now_s)
{
	sqlite3_stmt *stmt = prepare(db, "INSERT INTO prompts (scope, name, "
		    "text, created, updated) SELECT ?1, n, ?3, ?4, ?4 FROM "
		    "(SELECT " STORED_NAME " AS n) WHERE n IS NOT NULL "
		    "ON CONFLICT (scope, name) DO UPDATE SET "
		    "text = excluded.text, updated = excluded.updated "
		    "RETURNING 1", scope, name);

	if (stmt == NULL)
		return PROMPTS_BROKEN;
	sqlite3_bind_text(stmt, 3, text, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 4, now_s);
	return run(stmt, PROMPTS_NO_KEY);
}

/* That it is the prompt which is missing, or the key. */
static enum prompts_end
explain_missing(struct db *db, enum prompts_scope scope, const char *name)
{
	sqlite3_stmt *stmt = prepare(db, "SELECT 1 WHERE " STORED_NAME
		    " IS NOT NULL", scope, name);
	enum prompts_end end;

	if (stmt == NULL)
		return PROMPTS_BROKEN;
	end = run(stmt, PROMPTS_NO_KEY);
	return end == PROMPTS_DONE ? PROMPTS_NOT_FOUND : end;
}

enum prompts_end
prompts_delete(struct db *db, enum prompts_scope scope, const char *name)
{
	sqlite3_stmt *stmt;
	enum prompts_end end = judge_name(scope, name);

	if (end != PROMPTS_DONE)
		return end;
	stmt = prepare(db, "DELETE FROM prompts WHERE scope = ?1 AND name = "
	    STORED_NAME " RETURNING 1", scope, name);
	end = stmt == NULL ? PROMPTS_BROKEN : run(stmt, PROMPTS_NOT_FOUND);
	return end == PROMPTS_NOT_FOUND ? explain_missing(db, scope, name) :
	    end;
}

enum prompts_end
prompts_set(struct db *db, enum prompts_scope scope, const char *name,
    const char *text, int64_t now_s)
{
	size_t	 n = strlen(text);
	enum prompts_end end = judge_name(scope, name);

	if (end != PROMPTS_DONE)
		return end;
	if (n > PROMPTS_TEXT_MAX || !text_is_lines(text, n))
		return PROMPTS_BAD_TEXT;
	if (n > 0)
		return put(db, scope, name, text, now_s);
	end = prompts_delete(db, scope, name);
	return end == PROMPTS_NOT_FOUND ? PROMPTS_DONE : end;
}

/* ---- Reading. ---- */

/* Told as one; ?1 NULL: all of them. */
static const char select_sql[] =
    "SELECT p.scope, ifnull(k.name, p.name) AS shown, p.text, p.created, "
    "p.updated FROM prompts AS p LEFT JOIN keys AS k ON p.scope = 'key' "
    "AND k.id = p.name WHERE ?1 IS NULL OR (p.scope = ?1 AND p.name = "
    STORED_NAME ") ORDER BY CASE p.scope WHEN 'global' THEN 0 "
    "WHEN 'model' THEN 1 ELSE 2 END, shown";

static const char *
column_text(sqlite3_stmt *stmt, int column)
{
	const void *text = sqlite3_column_text(stmt, column);

	return text == NULL ? "" : text;
}

static enum prompts_scope
column_scope(sqlite3_stmt *stmt)
{
	const char *text = column_text(stmt, 0);
	enum prompts_scope scope = PROMPTS_GLOBAL;

	while (scope < PROMPTS__SCOPES && strcmp(scopes[scope], text) != 0)
		scope++;
	return scope;
}

/* How many there were; -1: they cannot be read to the end. */
static long
read_rows(sqlite3_stmt *stmt,
    void (*each)(void *, const struct prompts_record *), void *arg)
{
	long	 count = 0;
	int	 result;

	while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct prompts_record r = {
			.scope = column_scope(stmt),
			.name = column_text(stmt, 1),
			.text = column_text(stmt, 2),
			.created = sqlite3_column_int64(stmt, 3),
			.updated = sqlite3_column_int64(stmt, 4),
		};

		if (r.scope == PROMPTS__SCOPES)
			continue;
		each(arg, &r);
		count++;
	}
	sqlite3_finalize(stmt);
	return result == SQLITE_DONE ? count : -1;
}

enum prompts_end
prompts_each(struct db *db,
    void (*each)(void *, const struct prompts_record *), void *arg)
{
	sqlite3_stmt *stmt = prepare(db, select_sql, PROMPTS_GLOBAL, "");

	if (stmt == NULL)
		return PROMPTS_BROKEN;
	sqlite3_bind_null(stmt, 1);
	return read_rows(stmt, each, arg) < 0 ? PROMPTS_BROKEN : PROMPTS_DONE;
}

enum prompts_end
prompts_find(struct db *db, enum prompts_scope scope, const char *name,
    void (*each)(void *, const struct prompts_record *), void *arg)
{
	sqlite3_stmt *stmt = prepare(db, select_sql, scope, name);
	long	 count = stmt == NULL ? -1 : read_rows(stmt, each, arg);

	if (count < 0)
		return PROMPTS_BROKEN;
	return count == 0 ? explain_missing(db, scope, name) : PROMPTS_DONE;
}
