#include "config.h"

#include "store/key_list.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#include <sqlite3.h>

#include "base/arena.h"

/* A key, or what a rotation has replaced. */
struct entry {
	unsigned char	 hash[KEYS_HASH];
	int64_t		 until;		/* seconds since 1970; 0 = for good */
	const struct key *key;
};

/* Whom the web server has let in, and by what key. */
struct user {
	const char	*name;
	const struct key *key;
};

struct key_list {
	unsigned	 refs;
	struct arena	 arena;
	struct entry	*entries;	/* by hash */
	size_t		 count, size;
	size_t		 key_count;
	struct user	*users;		/* by name */
	size_t		 user_count, user_size;
};

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
	free(l->users);
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

static int
user_compare(const void *a, const void *b)
{
	return strcmp(((const struct user *)a)->name,
	    ((const struct user *)b)->name);
}

const struct key *
key_list_find_user(const struct key_list *l, const char *name)
{
	const struct user wanted = { .name = name };
	const struct user *found;

	if (l == NULL || l->user_count == 0 || *name == '\0')
		return NULL;
	found = bsearch(&wanted, l->users, l->user_count, sizeof wanted,
	    user_compare);
	return found == NULL ? NULL : found->key;
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

static void
key_list_add_user(struct key_list *l, const char *name,
    const struct key *key)
{
	if (*name == '\0')
		return;
	if (l->user_count == l->user_size) {
		l->user_size = l->user_size == 0 ? 64 : 2 * l->user_size;
		l->users = realloc(l->users, l->user_size * sizeof *l->users);
		if (l->users == NULL)
			abort();
	}
	l->users[l->user_count++] = (struct user){ name, key };
}

/* Most keys have no patterns: these share one empty text. */
static const char *
column_text(struct arena *arena, sqlite3_stmt *stmt, int column)
{
	const void *text = sqlite3_column_text(stmt, column);

	return text == NULL || *(const char *)text == '\0' ? "" :
	    arena_strdup(arena, text);
}

/* Whatever has got into the database, sums with them do not wrap. */
static void
key_list_read_limits(struct key *key, sqlite3_stmt *stmt, int column)
{
	for (int i = 0; i < KEYS__LIMITS; i++) {
		enum keys_limit limit = (enum keys_limit)i;
		int64_t	 value = sqlite3_column_int64(stmt, column + i);
		uint64_t max = keys_limits_max(limit);

		if (value > 0)
			keys_limits_set(&key->limits, limit,
			    (uint64_t)value < max ? (uint64_t)value : max);
	}
	key->is_limited = keys_limits_exist(&key->limits);
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
	key_list_read_limits(key, stmt, 9);
	key_list_add_user(l, column_text(&l->arena, stmt, 8), key);
	key_list_add(l, stmt, 5, 0, key);
	key_list_add(l, stmt, 6, sqlite3_column_int64(stmt, 7), key);
	l->key_count++;
}

static void
key_list_sort(struct key_list *l)
{
	if (l->count > 0)
		qsort(l->entries, l->count, sizeof *l->entries,
		    entry_compare);
	if (l->user_count > 0)
		qsort(l->users, l->user_count, sizeof *l->users,
		    user_compare);
}

struct key_list *
key_list_read(sqlite3 *sqlite)
{
	struct key_list *l = key_list_create();
	sqlite3_stmt *stmt;
	int	 result = SQLITE_ERROR;

	if (sqlite3_prepare_v2(sqlite, "SELECT id, enabled, expires, models, "
	    "endpoints, hash, old_hash, old_until, remote_user, "
	    KEYS_LIMITS_COLUMNS " FROM keys", -1, &stmt, NULL) == SQLITE_OK)
		while ((result = sqlite3_step(stmt)) == SQLITE_ROW)
			key_list_add_row(l, stmt);
	sqlite3_finalize(stmt);
	if (result == SQLITE_DONE) {
		key_list_sort(l);
		return l;
	}
	key_list_unref(l);
	return NULL;
}
