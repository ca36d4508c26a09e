#include "config.h"

#include "store/key_list.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "base/arena.h"
#include "base/log.h"

/* A key, or what a rotation has replaced. */
struct entry {
	unsigned char	 hash[KEYS_HASH];
	int64_t		 until;		/* seconds since 1970; 0 = for good */
	const struct key *key;
};

struct key_list {
	unsigned	 refs;
	struct arena	 arena;
	struct entry	*entries;	/* by hash */
	size_t		 count, size;
	size_t		 key_count;
};

struct key_reader {
	const struct db	*db;
	sqlite3		*sqlite;	/* NULL: not open */
	dev_t		 device;	/* of the file that is */
	ino_t		 inode;
	int64_t		 data_version, changes;	/* when it was read; -1 = never */
	bool		 has_keys;	/* some were read, ever */
	bool		 warned;
};

/* ---- The list. ---- */

struct key_list *
key_list_ref(struct key_list *l)
{
	if (l != NULL)
		l->refs++;
	return l;
}

void
key_list_unref(struct key_list *l)
{
	if (l == NULL || --l->refs > 0)
		return;
	free(l->entries);
	arena_fini(&l->arena);
	free(l);
}

size_t
key_list_count(const struct key_list *l)
{
	return l == NULL ? 0 : l->key_count;
}

static int
entry_compare(const void *a, const void *b)
{
	return memcmp(((const struct entry *)a)->hash,
	    ((const struct entry *)b)->hash, KEYS_HASH);
}

/*
 * The search may tell by its time where a hash sorts; of the key itself that
 * says nothing.
 */
const struct key *
key_list_find(const struct key_list *l, const unsigned char hash[KEYS_HASH],
    int64_t now_s)
{
	size_t	 low = 0, high = l == NULL ? 0 : l->count;
	const struct entry *e;

	while (high > low) {
		size_t	 middle = low + (high - low) / 2;

		if (memcmp(l->entries[middle].hash, hash, KEYS_HASH) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (l == NULL || low == l->count)
		return NULL;
	e = &l->entries[low];
	if (sodium_memcmp(e->hash, hash, KEYS_HASH) != 0 ||
	    (e->until != 0 && e->until <= now_s))
		return NULL;
	return e->key;
}

static struct key_list *
key_list_create(void)
{
	struct key_list *l = calloc(1, sizeof *l);

	if (l == NULL)
		abort();
	l->refs = 1;
	arena_init(&l->arena, 1024);
	return l;
}

/* The hash in COLUMN; what is none of the right length is left out. */
static void
key_list_add(struct key_list *l, sqlite3_stmt *stmt, int column,
    int64_t until, const struct key *key)
{
	const void *hash = sqlite3_column_blob(stmt, column);

	if (hash == NULL || sqlite3_column_bytes(stmt, column) != KEYS_HASH)
		return;
	if (l->count == l->size) {
		l->size = l->size == 0 ? 64 : 2 * l->size;
		l->entries = realloc(l->entries,
		    l->size * sizeof *l->entries);
		if (l->entries == NULL)
			abort();
	}
	l->entries[l->count] = (struct entry){ .until = until, .key = key };
	memcpy(l->entries[l->count++].hash, hash, KEYS_HASH);
}

/* Most keys have no patterns: these share one empty text. */
static const char *
column_text(struct arena *arena, sqlite3_stmt *stmt, int column)
{
	const void *text = sqlite3_column_text(stmt, column);

	return text == NULL || *(const char *)text == '\0' ? "" :
	    arena_strdup(arena, text);
}

static void
key_list_add_row(struct key_list *l, sqlite3_stmt *stmt)
{
	struct key *key = arena_alloc(&l->arena, sizeof *key);
	const void *id = sqlite3_column_text(stmt, 0);

	if (id != NULL)
		strncpy(key->id, id, sizeof key->id - 1);
	key->enabled = sqlite3_column_int(stmt, 1) != 0;
	key->expires = sqlite3_column_int64(stmt, 2);
	key->models = column_text(&l->arena, stmt, 3);
	key->endpoints = column_text(&l->arena, stmt, 4);
	key_list_add(l, stmt, 5, 0, key);
	key_list_add(l, stmt, 6, sqlite3_column_int64(stmt, 7), key);
	l->key_count++;
}

/* ---- Reading it. ---- */

struct key_reader *
key_reader_create(const struct db *db)
{
	struct key_reader *r = calloc(1, sizeof *r);

	if (r == NULL)
		abort();
	*r = (struct key_reader){ .db = db, .data_version = -1,
		.changes = -1 };
	return r;
}

static void
key_reader_close(struct key_reader *r)
{
	sqlite3_close(r->sqlite);
	r->sqlite = NULL;
	r->data_version = r->changes = -1;
}

void
key_reader_free(struct key_reader *r)
{
	if (r == NULL)
		return;
	key_reader_close(r);
	free(r);
}

/* Of one row and column; -1: it cannot be read. */
static int64_t
read_number(sqlite3 *sqlite, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t	 n = -1;

	if (sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	return sqlite3_finalize(stmt) == SQLITE_OK ? n : -1;
}

/* NULL: it cannot be read to its end. */
static struct key_list *
read_keys(sqlite3 *sqlite)
{
	struct key_list *l = key_list_create();
	sqlite3_stmt *stmt;
	int	 result = SQLITE_ERROR;

	if (sqlite3_prepare_v2(sqlite, "SELECT id, enabled, expires, models, "
	    "endpoints, hash, old_hash, old_until FROM keys", -1, &stmt,
	    NULL) == SQLITE_OK)
		while ((result = sqlite3_step(stmt)) == SQLITE_ROW)
			key_list_add_row(l, stmt);
	sqlite3_finalize(stmt);
	if (result == SQLITE_DONE) {
		if (l->count > 0)
			qsort(l->entries, l->count, sizeof *l->entries,
			    entry_compare);
		return l;
	}
	key_list_unref(l);
	return NULL;
}

/* Told once until it is well again. */
static void
key_reader_warn(struct key_reader *r, const char *what)
{
	if (!r->warned)
		log_warn("%s %s: the clients' keys stay as they are known",
		    db_path(r->db), what);
	r->warned = true;
}

/* A file that was put in the place of the one that is open is another database. */
static bool
key_reader_open(struct key_reader *r)
{
	struct stat st;

	if (stat(db_path(r->db), &st) != 0) {
		if (r->sqlite != NULL || r->has_keys)
			key_reader_warn(r, "is gone");
		key_reader_close(r);
		return false;
	}
	if (r->sqlite != NULL && st.st_dev == r->device &&
	    st.st_ino == r->inode)
		return true;
	key_reader_close(r);
	r->device = st.st_dev;
	r->inode = st.st_ino;
	r->sqlite = db_connect_reader(r->db);
	if (r->sqlite == NULL)
		key_reader_warn(r, "cannot be read");
	return r->sqlite != NULL;
}

/* In a transaction: all of it is of one moment. False: it cannot be read. */
static bool
key_reader_read_changes(struct key_reader *r, struct key_list **list)
{
	int64_t	 changes = read_number(r->sqlite,
		    "SELECT n FROM keys_changes");

	if (changes < 0)
		return false;
	if (changes == r->changes)
		return true;
	if (changes == 0 && r->has_keys) {
		key_reader_warn(r, "is another, without any key");
		return true;
	}
	*list = read_keys(r->sqlite);
	if (*list == NULL)
		return false;
	r->changes = changes;
	r->has_keys = r->has_keys || (*list)->key_count > 0;
	r->warned = false;
	return true;
}

/* Other tables change every few seconds; then one number is read, not all keys. */
struct key_list *
key_reader_read(struct key_reader *r)
{
	struct key_list *list = NULL;
	int64_t	 version;
	bool	 ok;

	if (!key_reader_open(r))
		return NULL;
	version = read_number(r->sqlite, "PRAGMA data_version");
	if (version >= 0 && version == r->data_version)
		return NULL;
	ok = version >= 0 && sqlite3_exec(r->sqlite, "BEGIN", NULL, NULL,
	    NULL) == SQLITE_OK && key_reader_read_changes(r, &list);
	sqlite3_exec(r->sqlite, "COMMIT", NULL, NULL, NULL);
	if (ok)
		r->data_version = version;
	else {
		key_reader_warn(r, "cannot be read");
		key_reader_close(r);
	}
	return list;
}
