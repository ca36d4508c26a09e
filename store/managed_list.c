#include "config.h"

#include "store/managed_list.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/arena.h"
#include "store/managed.h"

/* The list is the first member: a list is all of it. */
struct whole {
	struct managed_list list;
	struct arena	 arena;
};

struct managed_list *
managed_list_ref(struct managed_list *l)
{
	if (l != NULL)
		l->refs++;
	return l;
}

void
managed_list_unref(struct managed_list *l)
{
	struct whole *w = (struct whole *)l;

	if (l == NULL || --l->refs > 0)
		return;
	arena_fini(&w->arena);
	free(w);
}

const struct managed_secret *
managed_list_find_secret(const struct managed_list *l, const char *name,
    const char *place)
{
	for (size_t i = 0; l != NULL && i < l->secret_count; i++)
		if (strcmp(l->secrets[i].name, name) == 0 && (place == NULL ||
		    strcmp(l->secrets[i].place, place) == 0))
			return &l->secrets[i];
	return NULL;
}

static const char *
column_text(struct arena *arena, sqlite3_stmt *stmt, int column)
{
	return arena_strdup(arena, managed_column(stmt, column));
}

static struct managed_sealed
column_sealed(struct arena *arena, sqlite3_stmt *stmt, int column)
{
	const void *bytes = sqlite3_column_blob(stmt, column);
	size_t	 n = (size_t)sqlite3_column_bytes(stmt, column);

	return bytes == NULL ? (struct managed_sealed){ NULL, 0 } :
	    (struct managed_sealed){ memcpy(arena_alloc(arena, n), bytes, n),
		n };
}

/* How many rows COUNT_SQL says that there are; the transaction holds them still. */
static size_t
count_rows(sqlite3 *sqlite, const char *count_sql)
{
	int64_t	 n = 0;

	if (managed_run(managed_prepare(sqlite, count_sql), MANAGED_BROKEN,
	    MANAGED_BROKEN, &n) != MANAGED_DONE)
		return 0;
	return (size_t)n;
}

static void
channel_fill(struct managed_channel *c, struct arena *arena,
    sqlite3_stmt *stmt)
{
	c->id = sqlite3_column_int64(stmt, 0);
	c->name = column_text(arena, stmt, 1);
	c->kind = column_text(arena, stmt, 2);
	c->base_url = column_text(arena, stmt, 3);
	c->key = column_sealed(arena, stmt, 4);
	if (sqlite3_column_type(stmt, 5) != SQLITE_NULL)
		c->api_key_env = column_text(arena, stmt, 5);
	c->weight = (unsigned)sqlite3_column_int64(stmt, 6);
	c->priority = (unsigned)sqlite3_column_int64(stmt, 7);
	c->model_count = (size_t)sqlite3_column_int64(stmt, 8);
	c->models = arena_alloc(arena, c->model_count * sizeof *c->models);
}

static int
read_served(struct arena *arena, sqlite3_stmt *stmt, struct managed_channel *c,
    int64_t id)
{
	size_t	 n = 0;
	int	 result;

	sqlite3_bind_int64(stmt, 1, id);
	while ((result = sqlite3_step(stmt)) == SQLITE_ROW &&
	    n < c->model_count)
		c->models[n++] = (struct managed_served){
			.model = column_text(arena, stmt, 0),
			.target = column_text(arena, stmt, 1),
			.weight = (unsigned)sqlite3_column_int64(stmt, 2),
			.created = sqlite3_column_int64(stmt, 3),
		};
	c->model_count = n;
	sqlite3_reset(stmt);
	return result;
}

static bool
read_rows(struct whole *w, sqlite3_stmt *channels, sqlite3_stmt *served,
    size_t most)
{
	int	 result = SQLITE_ERROR;

	if (channels == NULL || served == NULL)
		return false;
	while ((result = sqlite3_step(channels)) == SQLITE_ROW &&
	    w->list.channel_count < most) {
		struct managed_channel *c =
		    &w->list.channels[w->list.channel_count++];

		channel_fill(c, &w->arena, channels);
		if (read_served(&w->arena, served, c,
		    sqlite3_column_int64(channels, 0)) != SQLITE_DONE)
			return false;
	}
	return result == SQLITE_DONE;
}

static bool
read_channels(struct whole *w, sqlite3 *sqlite)
{
	size_t	 most = count_rows(sqlite,
		    "SELECT count(*) FROM channels WHERE enabled");
	sqlite3_stmt *channels = managed_prepare(sqlite, "SELECT id, name, "
	    "kind, base_url, sealed, api_key_env, weight, priority, "
	    "(SELECT count(*) FROM model_channels WHERE channel_id = "
	    "channels.id) FROM channels WHERE enabled ORDER BY id");
	sqlite3_stmt *served = managed_prepare(sqlite, "SELECT name, "
	    "backend_model_name, weight, models.created FROM model_channels x "
	    "JOIN models ON models.id = model_id WHERE channel_id = ?1 "
	    "ORDER BY x.id");
	bool	 ok;

	w->list.channels = arena_alloc(&w->arena,
	    most * sizeof *w->list.channels);
	ok = read_rows(w, channels, served, most);
	sqlite3_finalize(channels);
	sqlite3_finalize(served);
	return ok;
}

static bool
read_secrets(struct whole *w, sqlite3 *sqlite)
{
	size_t	 most = count_rows(sqlite, "SELECT count(*) FROM secrets");
	sqlite3_stmt *stmt = managed_prepare(sqlite,
	    "SELECT name, place, sealed FROM secrets");
	struct managed_list *l = &w->list;
	int	 result = SQLITE_ERROR;

	l->secrets = arena_alloc(&w->arena, most * sizeof *l->secrets);
	while (stmt != NULL && (result = sqlite3_step(stmt)) == SQLITE_ROW &&
	    l->secret_count < most)
		l->secrets[l->secret_count++] = (struct managed_secret){
			.name = column_text(&w->arena, stmt, 0),
			.place = column_text(&w->arena, stmt, 1),
			.value = column_sealed(&w->arena, stmt, 2),
		};
	sqlite3_finalize(stmt);
	return result == SQLITE_DONE;
}

static bool
read_sealing(struct managed_list *l, sqlite3 *sqlite)
{
	int64_t	 is_bound;

	if (managed_run(managed_prepare(sqlite, "SELECT is_bound FROM sealing"),
	    MANAGED_BROKEN, MANAGED_BROKEN, &is_bound) != MANAGED_DONE)
		return false;
	l->is_bound = is_bound != 0;
	l->needs_upgrade = !l->is_bound;
	for (size_t i = 0; i < l->secret_count; i++)
		if (l->secrets[i].place[0] == '\0')
			l->needs_upgrade = true;
	return true;
}

struct managed_list *
managed_list_read(sqlite3 *sqlite)
{
	struct whole *w = calloc(1, sizeof *w);

	if (w == NULL)
		abort();
	w->list.refs = 1;
	arena_init(&w->arena, 1024);
	if (read_channels(w, sqlite) && read_secrets(w, sqlite) &&
	    read_sealing(&w->list, sqlite))
		return &w->list;
	managed_list_unref(&w->list);
	return NULL;
}
