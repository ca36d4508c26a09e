#include "config.h"

#include "store/names.h"

#include <stdlib.h>

#include <sqlite3.h>

#include "store/db.h"

enum question {
	QUESTION_KEY_NAME, QUESTION_KEY_ID, QUESTION_USER, QUESTION_CHANNEL,
	QUESTION_SALT, QUESTION_ANY, QUESTION__MAX
};

static const char *const questions[QUESTION__MAX] = {
	[QUESTION_KEY_NAME] = "SELECT name FROM keys WHERE id = ?1",
	[QUESTION_KEY_ID] = "SELECT id FROM keys WHERE name = ?1",
	[QUESTION_USER] = "SELECT id FROM users WHERE key_id = ?1",
	[QUESTION_CHANNEL] = "SELECT id FROM channels WHERE name = ?1",
	[QUESTION_SALT] = "SELECT salt FROM salts WHERE caller = ?1",
	[QUESTION_ANY] = "SELECT count(*) FROM changes",
};

struct names {
	sqlite3		*sqlite;	/* borrowed; NULL: it cannot be read */
	sqlite3_stmt	*stmts[QUESTION__MAX];	/* NULL: not asked yet */
};

struct names *
names_open(struct db *db)
{
	struct names *n = calloc(1, sizeof *n);

	if (n == NULL)
		abort();
	n->sqlite = db_get(db);
	return n;
}

void
names_close(struct names *n)
{
	for (size_t i = 0; i < QUESTION__MAX; i++)
		sqlite3_finalize(n->stmts[i]);
	free(n);
}

/* Ready for a value and a step; NULL: it cannot be asked. */
static sqlite3_stmt *
begin(struct names *n, enum question question)
{
	sqlite3_stmt **stmt = &n->stmts[question];

	if (n->sqlite == NULL || (*stmt == NULL && sqlite3_prepare_v2(
	    n->sqlite, questions[question], -1, stmt, NULL) != SQLITE_OK))
		return NULL;
	sqlite3_reset(*stmt);
	return *stmt;
}

/* The row that answers it, until the next question of the kind. NULL: none does. */
static sqlite3_stmt *
ask(struct names *n, enum question question, const char *text)
{
	sqlite3_stmt *stmt = text == NULL ? NULL : begin(n, question);

	if (stmt == NULL)
		return NULL;
	sqlite3_bind_text(stmt, 1, text, -1, SQLITE_TRANSIENT);
	return sqlite3_step(stmt) == SQLITE_ROW ? stmt : NULL;
}

static const char *
ask_text(struct names *n, enum question question, const char *text)
{
	sqlite3_stmt *row = ask(n, question, text);

	return row == NULL ? NULL : (const char *)sqlite3_column_text(row, 0);
}

static int64_t
ask_number(struct names *n, enum question question, const char *text)
{
	sqlite3_stmt *row = ask(n, question, text);

	return row == NULL ? 0 : sqlite3_column_int64(row, 0);
}

bool
names_can_read(struct names *n)
{
	sqlite3_stmt *stmt = begin(n, QUESTION_ANY);

	return stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW;
}

uint64_t
names_salt(struct names *n, uint64_t caller)
{
	sqlite3_stmt *stmt = begin(n, QUESTION_SALT);

	if (stmt == NULL)
		return 0;
	sqlite3_bind_int64(stmt, 1, (int64_t)caller);
	return sqlite3_step(stmt) == SQLITE_ROW ?
	    (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
}

const char *
names_of_key(struct names *n, const char *key_id)
{
	return ask_text(n, QUESTION_KEY_NAME, key_id);
}

const char *
names_key_id(struct names *n, const char *name)
{
	return ask_text(n, QUESTION_KEY_ID, name);
}

int64_t
names_user_id(struct names *n, const char *key_id)
{
	return ask_number(n, QUESTION_USER, key_id);
}

int64_t
names_channel_id(struct names *n, const char *name)
{
	return ask_number(n, QUESTION_CHANNEL, name);
}
