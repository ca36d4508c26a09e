#include "config.h"

#include "store/watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/log.h"

static void *read_keys(sqlite3 *);
static void *read_prompts(sqlite3 *);
static void *read_managed(sqlite3 *);
static void *read_salts(sqlite3 *);
static void drop_keys(void *);
static void drop_prompts(void *);
static void drop_managed(void *);
static void drop_salts(void *);

/* NAME stands in the table changes. */
static const struct {
	const char	*name;
	void		*(*read)(sqlite3 *);	/* NULL: it cannot be read */
	void		(*drop)(void *);	/* NULL is fine */
} kinds[WATCH__KINDS] = {
	[WATCH_KEYS] = { "keys", read_keys, drop_keys },
	[WATCH_PROMPTS] = { "prompts", read_prompts, drop_prompts },
	[WATCH_MANAGED] = { "managed", read_managed, drop_managed },
	[WATCH_SALTS] = { "salts", read_salts, drop_salts },
};

struct watch {
	const struct db	*db;
	sqlite3		*sqlite;	/* NULL: not open */
	dev_t		 device;	/* of the file that is */
	ino_t		 inode;
	int64_t		 data_version;	/* when it was read; -1 = never */
	int64_t		 changes[WATCH__KINDS];	/* likewise */
	bool		 had_some[WATCH__KINDS]; /* ever */
	bool		 was_read;	/* ever */
	bool		 failed;	/* at the last look */
	bool		 warned;
};

static void *
read_keys(sqlite3 *sqlite)
{
	return key_list_read(sqlite);
}

static void *
read_prompts(sqlite3 *sqlite)
{
	return prompt_list_read(sqlite);
}

static void *
read_managed(sqlite3 *sqlite)
{
	return managed_list_read(sqlite);
}

static void *
read_salts(sqlite3 *sqlite)
{
	return salts_read(sqlite);
}

static void
drop_keys(void *list)
{
	key_list_unref(list);
}

static void
drop_prompts(void *list)
{
	prompt_list_unref(list);
}

static void
drop_managed(void *list)
{
	managed_list_unref(list);
}

static void
drop_salts(void *list)
{
	salts_free(list);
}

static void
watch_forget(struct watch *w)
{
	w->data_version = -1;
	for (size_t i = 0; i < WATCH__KINDS; i++)
		w->changes[i] = -1;
}

struct watch *
watch_create(const struct db *db)
{
	struct watch *w = calloc(1, sizeof *w);

	if (w == NULL)
		abort();
	w->db = db;
	watch_forget(w);
	return w;
}

static void
watch_close(struct watch *w)
{
	sqlite3_close(w->sqlite);
	w->sqlite = NULL;
	watch_forget(w);
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	watch_close(w);
	free(w);
}

/* Of one row and column, KIND being ?1 unless NULL; -1: it cannot be read. */
static int64_t
read_number(sqlite3 *sqlite, const char *sql, const char *kind)
{
	sqlite3_stmt *stmt;
	int64_t	 n = -1;

	if (sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL) != SQLITE_OK)
		return -1;
	if (kind != NULL)
		sqlite3_bind_text(stmt, 1, kind, -1, SQLITE_STATIC);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	return sqlite3_finalize(stmt) == SQLITE_OK ? n : -1;
}

/* Told once until it is well again. */
static void
watch_warn(struct watch *w, const char *what)
{
	if (!w->warned)
		log_warn("%s %s: clients' keys and what else was read from it "
		    "stay as they are known", db_path(w->db), what);
	w->warned = true;
}

/* At the first look it may be about to be made. */
static void
watch_fail(struct watch *w)
{
	if (w->failed)
		watch_warn(w, "cannot be read");
	w->failed = true;
}

static bool
had_any(const struct watch *w)
{
	for (size_t i = 0; i < WATCH__KINDS; i++)
		if (w->had_some[i])
			return true;
	return false;
}

/* A file that was put in the place of the one that is open is another database. */
static bool
watch_open(struct watch *w)
{
	struct stat st;

	if (stat(db_path(w->db), &st) != 0) {
		if (w->sqlite != NULL || had_any(w))
			watch_warn(w, "is gone");
		watch_close(w);
		return false;
	}
	if (w->sqlite != NULL && st.st_dev == w->device &&
	    st.st_ino == w->inode)
		return true;
	watch_close(w);
	w->device = st.st_dev;
	w->inode = st.st_ino;
	w->sqlite = db_connect_reader(w->db);
	if (w->sqlite == NULL)
		watch_fail(w);
	return w->sqlite != NULL;
}

/* False: it cannot be read. A kind that never changed is empty. */
static bool
watch_read_kind(struct watch *w, size_t i, void **list)
{
	int64_t	 changes = read_number(w->sqlite,
		    "SELECT n FROM changes WHERE kind = ?1", kinds[i].name);

	if (changes < 0)
		return false;
	if (changes == w->changes[i])
		return true;
	if (changes == 0 && w->had_some[i]) {
		watch_warn(w, "is another, and empty");
		return true;
	}
	*list = kinds[i].read(w->sqlite);
	if (*list == NULL)
		return false;
	w->changes[i] = changes;
	w->had_some[i] = w->had_some[i] || changes > 0;
	w->warned = false;
	return true;
}

/* In a transaction: all of it is of one moment. */
static bool
watch_read_kinds(struct watch *w, struct watch_found *found)
{
	bool	 ok = sqlite3_exec(w->sqlite, "BEGIN", NULL, NULL, NULL) ==
		    SQLITE_OK;

	for (size_t i = 0; ok && i < WATCH__KINDS; i++)
		ok = watch_read_kind(w, i, &found->lists[i]);
	sqlite3_exec(w->sqlite, "COMMIT", NULL, NULL, NULL);
	return ok;
}

/* Other tables change every few seconds; then a few numbers are read, not all rows. */
static void
look(struct watch *w, struct watch_found *found)
{
	int64_t	 version;

	if (!watch_open(w))
		return;
	version = read_number(w->sqlite, "PRAGMA data_version", NULL);
	if (version >= 0 && version == w->data_version)
		return;
	if (version >= 0 && watch_read_kinds(w, found)) {
		w->data_version = version;
		w->was_read = true;
		w->failed = false;
	} else {
		watch_fail(w);
		watch_close(w);
	}
}

void
watch_read(struct watch *w, struct watch_found *found)
{
	memset(found, 0, sizeof *found);
	look(w, found);
	found->is_blind = !w->was_read &&
	    access(db_path(w->db), F_OK) == 0 && !db_is_new(w->db);
}

void *
watch_take(struct watch_found *found, enum watch_kind kind)
{
	void	*list = found->lists[kind];

	found->lists[kind] = NULL;
	return list;
}

void
watch_drop(struct watch_found *found)
{
	for (size_t i = 0; i < WATCH__KINDS; i++)
		kinds[i].drop(watch_take(found, (enum watch_kind)i));
}
