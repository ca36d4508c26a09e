#include "config.h"

#include "store/usage_batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/journal_find.h"

/*
 * Sums of the rows after row ?1. A model without a provider is nobody's: what a
 * client made up, and could be any number of them.
 */
#define ROLL_UP(table, seconds) \
	"INSERT INTO " table " SELECT time_ms / 1000 / " seconds " * " \
	seconds ", ifnull(key_id, ''), iif(provider IS NULL, '', " \
	"ifnull(model, '')), ifnull(provider, ''), sum(try = 0), " \
	"sum(error), " \
	"sum(try = 0 AND ifnull(source, '') IN ('estimated', 'partial')), " \
	"sum(source IS NOT NULL AND cost_nano IS NULL), " \
	"sum(input_tokens), sum(cache_read_tokens), " \
	"sum(cache_write_tokens), sum(output_tokens), " \
	"sum(reasoning_tokens), ifnull(sum(cost_nano), 0) " \
	"FROM usage WHERE n > ?1 GROUP BY 1, 2, 3, 4 " \
	"ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, " \
	"errors = errors + excluded.errors, " \
	"estimated = estimated + excluded.estimated, " \
	"unpriced = unpriced + excluded.unpriced, " \
	"input_tokens = input_tokens + excluded.input_tokens, " \
	"cache_read_tokens = cache_read_tokens + " \
	"excluded.cache_read_tokens, " \
	"cache_write_tokens = cache_write_tokens + " \
	"excluded.cache_write_tokens, " \
	"output_tokens = output_tokens + excluded.output_tokens, " \
	"reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens, " \
	"cost_nano = cost_nano + excluded.cost_nano"

static const char *const statements[] = {
	[USAGE_BATCH_IS_SEEN] = "SELECT 1 FROM journal_files "
	    "WHERE inode = ?1 AND size = ?2 AND mtime_ns = ?3",
	/* A copy goes on where its original is. */
	[USAGE_BATCH_POSITION] = "SELECT offset, inode = ?2 "
	    "FROM journal_files WHERE first_id = ?1 "
	    "ORDER BY inode = ?2 DESC, offset DESC LIMIT 1",
	[USAGE_BATCH_SAVE] = "INSERT OR REPLACE INTO journal_files "
	    "(first_id, inode, offset, size, mtime_ns) "
	    "VALUES (?1, ?2, ?3, ?4, ?5)",
	[USAGE_BATCH_LAST] = "SELECT ifnull(max(n), 0) FROM usage",
	[USAGE_BATCH_INSERT] = "INSERT INTO usage (id, try, time_ms, key_id, "
	    "model, provider, target_model, path, status, outcome, error, "
	    "stream, source, input_tokens, cache_read_tokens, "
	    "cache_write_tokens, output_tokens, reasoning_tokens, cost_nano, "
	    "duration_ms, ttfb_ms, first_token_ms, tries) VALUES (?1, ?2, "
	    "?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, "
	    "?17, ?18, ?19, ?20, ?21, ?22, ?23) ON CONFLICT DO NOTHING",
	[USAGE_BATCH_HOURS] = ROLL_UP("usage_hours", "3600"),
	[USAGE_BATCH_DAYS] = ROLL_UP("usage_days", "86400"),
	[USAGE_BATCH_PRUNE] = "DELETE FROM usage WHERE n IN (SELECT n FROM "
	    "usage WHERE time_ms < ?1 ORDER BY time_ms LIMIT 5000)",
	[USAGE_BATCH_PRUNE_HOURS] = "DELETE FROM usage_hours "
	    "WHERE time < ?1 / 1000 - 3599 AND "
	    "time = (SELECT min(time) FROM usage_hours)",
};

/*
 * A commit is on the disk when it returns: files of the journal are deleted
 * after it. The cache is for the ids, which are in no order; it is freed with
 * the connection.
 */
static const char settings[] =
	"PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;"
	"PRAGMA temp_store = MEMORY";

/* What the database says, before a roll-back makes it forget that. */
static void
note_failure(struct usage_batch *b)
{
	snprintf(b->why, sizeof b->why, "%s", b->sqlite == NULL ?
	    "it cannot be opened" : sqlite3_errmsg(b->sqlite));
}

bool
usage_batch_open(struct usage_batch *b, const struct db *db,
    int64_t horizon_ms)
{
	memset(b->ready, 0, sizeof b->ready);
	b->horizon_ms = horizon_ms;
	b->sqlite = NULL;
	if (!key_ids_load(&b->key_ids, db_dir(db))) {
		snprintf(b->why, sizeof b->why, "%s", b->key_ids.file.why);
		return false;
	}
	b->sqlite = db_connect(db);
	if (b->sqlite == NULL) {
		note_failure(b);
		return false;
	}
	sqlite3_exec(b->sqlite, settings, NULL, NULL, NULL);
	for (int i = 0; i < USAGE_BATCH_STATEMENT__MAX; i++)
		if (sqlite3_prepare_v2(b->sqlite, statements[i], -1,
		    &b->ready[i], NULL) != SQLITE_OK) {
			note_failure(b);
			return false;
		}
	return true;
}

void
usage_batch_close(struct usage_batch *b)
{
	for (int i = 0; i < USAGE_BATCH_STATEMENT__MAX; i++)
		sqlite3_finalize(b->ready[i]);
	sqlite3_close(b->sqlite);
	b->sqlite = NULL;
	key_ids_forget(&b->key_ids);
}

/* Run to its end what returns no rows. */
static bool
run(struct usage_batch *b, enum usage_batch_statement i)
{
	bool	 ok = sqlite3_step(b->ready[i]) == SQLITE_DONE;

	if (!ok)
		note_failure(b);
	sqlite3_reset(b->ready[i]);
	return ok;
}

static bool
execute(struct usage_batch *b, const char *sql)
{
	bool	 ok = sqlite3_exec(b->sqlite, sql, NULL, NULL, NULL) ==
		     SQLITE_OK;

	if (!ok)
		note_failure(b);
	return ok;
}

/* ---- How far a file is imported. ---- */

bool
usage_batch_is_seen(struct usage_batch *b, const struct journal_file *file)
{
	sqlite3_stmt *stmt = b->ready[USAGE_BATCH_IS_SEEN];
	bool	 is_seen;

	sqlite3_bind_int64(stmt, 1, (int64_t)file->inode);
	sqlite3_bind_int64(stmt, 2, file->size);
	sqlite3_bind_int64(stmt, 3, file->mtime_ns);
	is_seen = sqlite3_step(stmt) == SQLITE_ROW;
	sqlite3_reset(stmt);
	return is_seen;
}

/*
 * Where to go on; -1: the database failed. A file that is shorter than what was
 * read of it begins anew. Its ids tell what is in the tables, but not of what
 * was deleted from them.
 */
static int64_t
find_position(struct usage_batch *b, const char *first_id,
    const struct stat *st)
{
	sqlite3_stmt *stmt = b->ready[USAGE_BATCH_POSITION];
	int64_t	 offset = 0;
	int	 result;

	sqlite3_bind_text(stmt, 1, first_id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, (int64_t)st->st_ino);
	result = sqlite3_step(stmt);
	b->since_ms = 0;
	if (result == SQLITE_ROW) {
		offset = sqlite3_column_int64(stmt, 0);
		if (offset > st->st_size) {
			offset = 0;
			b->since_ms = b->horizon_ms;
		}
	} else if (result != SQLITE_DONE) {
		note_failure(b);
		offset = -1;
	}
	sqlite3_reset(stmt);
	return offset;
}

/* ST is of before it was read, so that what is written meanwhile is noticed. */
static bool
save_position(struct usage_batch *b, const char *first_id,
    const struct stat *st, int64_t offset, bool is_done)
{
	sqlite3_stmt *stmt = b->ready[USAGE_BATCH_SAVE];

	sqlite3_bind_text(stmt, 1, first_id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, (int64_t)st->st_ino);
	sqlite3_bind_int64(stmt, 3, offset);
	sqlite3_bind_int64(stmt, 4, is_done ? st->st_size : -1);
	sqlite3_bind_int64(stmt, 5, (int64_t)st->st_mtim.tv_sec * 1000000000 +
	    st->st_mtim.tv_nsec);
	return run(b, USAGE_BATCH_SAVE);
}

/* ---- Rows. ---- */

static void
bind_text(sqlite3_stmt *stmt, int i, const char *text)
{
	if (text[0] == '\0')
		sqlite3_bind_null(stmt, i);
	else
		sqlite3_bind_text(stmt, i, text, -1, SQLITE_STATIC);
}

/* -1 is not known. */
static void
bind_known(sqlite3_stmt *stmt, int i, int64_t number)
{
	if (number < 0)
		sqlite3_bind_null(stmt, i);
	else
		sqlite3_bind_int64(stmt, i, number);
}

/* RECORD is the request, or its try number TRY. */
static bool
insert(struct usage_batch *b, const struct usage_record *record, int try)
{
	const struct usage_record *request = &b->line.request;
	sqlite3_stmt *stmt = b->ready[USAGE_BATCH_INSERT];

	bind_text(stmt, 1, request->id);
	sqlite3_bind_int(stmt, 2, try);
	sqlite3_bind_int64(stmt, 3, request->time_ms);
	bind_text(stmt, 4, request->key_id);
	bind_text(stmt, 5, request->model);
	bind_text(stmt, 6, record->provider);
	bind_text(stmt, 7, record->target_model);
	bind_text(stmt, 8, request->path);
	sqlite3_bind_int64(stmt, 9, record->status);
	bind_text(stmt, 10, record->outcome);
	sqlite3_bind_int(stmt, 11, record->is_error);
	sqlite3_bind_int(stmt, 12, request->stream);
	bind_text(stmt, 13, record->source);
	sqlite3_bind_int64(stmt, 14, record->input_tokens);
	sqlite3_bind_int64(stmt, 15, record->cache_read_tokens);
	sqlite3_bind_int64(stmt, 16, record->cache_write_tokens);
	sqlite3_bind_int64(stmt, 17, record->output_tokens);
	sqlite3_bind_int64(stmt, 18, record->reasoning_tokens);
	bind_known(stmt, 19, record->cost_nano);
	sqlite3_bind_int64(stmt, 20, record->duration_ms);
	bind_known(stmt, 21, record->ttfb_ms);
	bind_known(stmt, 22, record->first_token_ms);
	sqlite3_bind_int64(stmt, 23, request == record ?
	    (int64_t)b->line.try_count : 0);
	return run(b, USAGE_BATCH_INSERT);
}

/* One of the versions before has an id of theirs. */
static void
translate_id(struct usage_batch *b, char id[USAGE_ID_SIZE])
{
	char	 translated[KEYS_ID_SIZE];

	if (strlen(id) >= KEYS_ID_SIZE)
		return;
	key_ids_translate(&b->key_ids, id, translated);
	memcpy(id, translated, sizeof translated);
}

static bool
insert_line(struct usage_batch *b, const char *text, size_t n)
{
	const char *whole = n == 0 ? NULL : journal_find_whole(text, n, &n);
	struct usage_line *line = &b->line;
	bool	 ok;

	if (whole == NULL || !usage_line_read(line, whole, n) ||
	    line->request.time_ms < b->since_ms)
		return true;
	translate_id(b, line->request.key_id);
	ok = insert(b, &line->request, 0);
	for (unsigned i = 0; ok && i < line->try_count &&
	    i < USAGE_TRIES_MAX; i++)
		if (line->tries[i].source[0] != '\0')
			ok = insert(b, &line->tries[i], (int)i + 1);
	return ok;
}

/*
 * The lines in TEXT that have their ends there. Returns the bytes that are done
 * with; -1: the database failed. What is larger than any line is none.
 */
static int64_t
insert_lines(struct usage_batch *b, const char *text, size_t n)
{
	const char *p = text, *end = text + n, *newline;

	while ((newline = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		if (!insert_line(b, p, (size_t)(newline - p)))
			return -1;
		p = newline + 1;
	}
	return p == text && n == JOURNAL_LINE_MAX ? (int64_t)n : p - text;
}

/* ---- The transaction. ---- */

static bool
roll_up(struct usage_batch *b, int64_t last)
{
	sqlite3_bind_int64(b->ready[USAGE_BATCH_HOURS], 1, last);
	sqlite3_bind_int64(b->ready[USAGE_BATCH_DAYS], 1, last);
	return run(b, USAGE_BATCH_HOURS) && run(b, USAGE_BATCH_DAYS);
}

/* The number of the last row; -1: the database failed. */
static int64_t
find_last(struct usage_batch *b)
{
	sqlite3_stmt *stmt = b->ready[USAGE_BATCH_LAST];
	int64_t	 last = sqlite3_step(stmt) == SQLITE_ROW ?
		     sqlite3_column_int64(stmt, 0) : -1;

	if (last < 0)
		note_failure(b);
	sqlite3_reset(stmt);
	return last;
}

static bool
import(struct usage_batch *b, int fd, const char *first_id, bool *is_done)
{
	struct stat st;
	int64_t	 last = find_last(b), offset = -1, consumed = -1;
	size_t	 left, want;
	char	*text;
	ssize_t	 n;

	if (last < 0 || fstat(fd, &st) != 0 ||
	    (offset = find_position(b, first_id, &st)) < 0)
		return false;
	left = (size_t)(st.st_size - offset);
	want = left < JOURNAL_LINE_MAX ? left : JOURNAL_LINE_MAX;
	text = malloc(want + 1);
	if (text == NULL)
		abort();
	n = pread(fd, text, want, offset);
	if (n < 0)
		snprintf(b->why, sizeof b->why, "a file of it cannot be read: %s",
		    strerror(errno));
	else
		consumed = insert_lines(b, text, (size_t)n);
	free(text);
	*is_done = want == left;
	return consumed >= 0 && (consumed == 0 || roll_up(b, last)) &&
	    save_position(b, first_id, &st, offset + consumed, *is_done);
}

enum usage_batch_end
usage_batch_run(struct usage_batch *b, int fd, const char *first_id)
{
	bool	 is_done = false;

	if (!execute(b, "BEGIN IMMEDIATE"))
		return USAGE_BATCH_FAILED;
	if (!import(b, fd, first_id, &is_done) || !execute(b, "COMMIT")) {
		sqlite3_exec(b->sqlite, "ROLLBACK", NULL, NULL, NULL);
		return USAGE_BATCH_FAILED;
	}
	return is_done ? USAGE_BATCH_DONE : USAGE_BATCH_MORE;
}

int
usage_batch_prune(struct usage_batch *b)
{
	int	 deleted = 0;

	for (enum usage_batch_statement i = USAGE_BATCH_PRUNE;
	    i <= USAGE_BATCH_PRUNE_HOURS; i++) {
		sqlite3_bind_int64(b->ready[i], 1, b->horizon_ms);
		if (!run(b, i))
			return -1;
		deleted += sqlite3_changes(b->sqlite);
	}
	return deleted;
}
