#include "config.h"

#include "store/managed_channels.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "base/arena.h"
#include "base/hint.h"
#include "conf/base_url.h"
#include "conf/origin.h"
#include "conf/values.h"
#include "store/db.h"

enum { FIRST_CHUNK_BYTES = 2048, ID_SIZE = 24 };

/* What one call changes. */
struct work {
	const struct managed_change *change;
	struct arena	 arena;
	const char	*base_url;	/* whole; NULL: not given */
	const char *const *models;
	size_t		 model_count;
	int64_t		 now_s;
	int64_t		 id;
};

static const char *const kinds[] = { "openai", "azure", "anthropic", NULL };

/* ---- What may be stored. ---- */

static bool
is_kind(const char *kind)
{
	for (const char *const *k = kinds; *k != NULL; k++)
		if (strcmp(*k, kind) == 0)
			return true;
	return false;
}

static enum managed_end
judge(const struct managed_change *c)
{
	if (c->name != NULL && !managed_is_name(c->name))
		return MANAGED_BAD_NAME;
	if (c->kind != NULL && !is_kind(c->kind))
		return MANAGED_BAD_KIND;
	if (c->base_url != NULL && (strlen(c->base_url) > MANAGED_URL_MAX ||
	    values_base_url(c->base_url) != NULL))
		return MANAGED_BAD_URL;
	if (c->api_key_env != NULL && values_env(c->api_key_env) != NULL)
		return MANAGED_BAD_VARIABLE;
	if (c->api_key != NULL && !managed_is_secret(c->api_key))
		return MANAGED_BAD_SECRET;
	if (c->has_weight && c->weight > MANAGED_WEIGHT_MAX)
		return MANAGED_BAD_WEIGHT;
	return c->has_priority && c->priority > MANAGED_PRIORITY_MAX ?
	    MANAGED_BAD_PRIORITY : MANAGED_DONE;
}

/* ---- Changing. ---- */

/* From ?2 on; NULL where it is not given. ?1 is left to the caller. */
static sqlite3_stmt *
bind_change(sqlite3_stmt *stmt, const struct work *w)
{
	const struct managed_change *c = w->change;

	if (stmt == NULL)
		return NULL;
	managed_bind_text(stmt, 2, c->name);
	managed_bind_text(stmt, 3, c->kind);
	managed_bind_text(stmt, 4, w->base_url);
	sqlite3_bind_int(stmt, 5, c->api_key != NULL);
	managed_bind_text(stmt, 6, c->api_key_env);
	if (c->has_weight && c->weight != 0)
		sqlite3_bind_int64(stmt, 7, c->weight);
	if (c->has_priority)
		sqlite3_bind_int64(stmt, 8, c->priority);
	if (c->has_enabled)
		sqlite3_bind_int(stmt, 9, c->enabled);
	sqlite3_bind_int64(stmt, 10, w->now_s);
	return stmt;
}

static void
bind_sealed(sqlite3_stmt *stmt, int index, const struct work *w,
    const char *origin)
{
	unsigned char sealed[SEAL_MAX];
	char	 id[ID_SIZE];
	const struct seal_purpose purpose = {
		SEAL_CHANNEL, id, origin };

	snprintf(id, sizeof id, "%" PRId64, w->id);
	sqlite3_bind_blob(stmt, index, sealed, (int)seal_close(
	    w->change->seal, &purpose, w->change->api_key, sealed),
	    SQLITE_TRANSIENT);
}

/* The key that is given is sealed for the channel, whose id is known by now. */
static enum managed_end
put_key(sqlite3 *sqlite, const struct work *w, const char *base_url)
{
	char	 origin[ORIGIN_SIZE], hint[HINT_SIZE];
	sqlite3_stmt *stmt;

	if (w->change->api_key == NULL)
		return MANAGED_DONE;
	if (!origin_make(base_url, origin))
		return MANAGED_BAD_URL;
	hint_make(w->change->api_key, hint);
	stmt = managed_prepare(sqlite, "UPDATE channels SET sealed = ?2, "
	    "hint = ?3 WHERE id = ?1 RETURNING id");
	if (stmt != NULL) {
		sqlite3_bind_int64(stmt, 1, w->id);
		bind_sealed(stmt, 2, w, origin);
		managed_bind_text(stmt, 3, hint);
	}
	return managed_run(stmt, MANAGED_BROKEN, MANAGED_BROKEN, NULL);
}

static enum managed_end
insert_channel(sqlite3 *sqlite, struct work *w)
{
	sqlite3_stmt *stmt = bind_change(managed_prepare(sqlite,
	    "INSERT INTO channels (name, kind, base_url, hint, "
	    "api_key_env, weight, priority, enabled, created, updated) "
	    "SELECT ?2, ifnull(?3, 'openai'), ?4, '', iif(?5, NULL, ?6), "
	    "ifnull(?7, ?1), ifnull(?8, 0), ifnull(?9, 1), ?10, ?10 "
	    "RETURNING id"), w);
	enum managed_end end;

	if (stmt != NULL)
		sqlite3_bind_int(stmt, 1, MANAGED_USUAL_WEIGHT);
	end = managed_run(stmt, MANAGED_BROKEN, MANAGED_NAME_TAKEN, &w->id);
	return end != MANAGED_DONE ? end : put_key(sqlite, w, w->base_url);
}

/* A model that is named twice is mapped once. */
static enum managed_end
insert_model(sqlite3 *sqlite, int64_t channel, const char *model,
    int64_t now_s)
{
	static const char *const sql[] = {
		"INSERT INTO models (name, created, updated) "
		"SELECT ?1, ?2, ?2 WHERE ?3 AND ?4 ON CONFLICT DO NOTHING",
		"INSERT INTO model_channels (model_id, channel_id, "
		"backend_model_name, weight, created) SELECT id, ?3, ?1, ?4, ?2 "
		"FROM models WHERE name = ?1 ON CONFLICT DO NOTHING",
	};
	enum managed_end end = MANAGED_DONE;

	if (!managed_is_model(model))
		return MANAGED_BAD_MODEL;
	for (size_t i = 0; i < 2 && end == MANAGED_DONE; i++) {
		sqlite3_stmt *stmt = managed_prepare(sqlite, sql[i]);

		if (stmt != NULL) {
			managed_bind_text(stmt, 1, model);
			sqlite3_bind_int64(stmt, 2, now_s);
			sqlite3_bind_int64(stmt, 3, channel);
			sqlite3_bind_int(stmt, 4, MANAGED_USUAL_WEIGHT);
		}
		end = managed_run(stmt, MANAGED_DONE, MANAGED_MODEL_TAKEN,
		    NULL);
	}
	return end;
}

static enum managed_end
add(sqlite3 *sqlite, struct work *w)
{
	const struct managed_change *c = w->change;
	enum managed_end end;

	if (c->kind != NULL && strcmp(c->kind, "azure") == 0 &&
	    !managed_is_azure(w->base_url))
		return MANAGED_BAD_AZURE;
	end = insert_channel(sqlite, w);
	for (size_t i = 0; i < w->model_count && end == MANAGED_DONE; i++)
		end = insert_model(sqlite, w->id, w->models[i], w->now_s);
	return end;
}

/* As it is before a change; the texts are in the work's arena. */
struct known {
	const char	*kind, *base_url;
	bool		 has_key;
};

static enum managed_end
read_known(sqlite3 *sqlite, struct work *w, struct known *known)
{
	sqlite3_stmt *stmt = managed_prepare(sqlite, "SELECT kind, base_url, "
	    "sealed IS NOT NULL OR api_key_env IS NOT NULL FROM channels "
	    "WHERE id = ?1");
	int	 result = SQLITE_ERROR;

	if (stmt != NULL) {
		sqlite3_bind_int64(stmt, 1, w->id);
		result = sqlite3_step(stmt);
	}
	if (result == SQLITE_ROW)
		*known = (struct known){
			.kind = arena_strdup(&w->arena,
			    managed_column(stmt, 0)),
			.base_url = arena_strdup(&w->arena,
			    managed_column(stmt, 1)),
			.has_key = sqlite3_column_int(stmt, 2) != 0,
		};
	sqlite3_finalize(stmt);
	return result == SQLITE_ROW ? MANAGED_DONE :
	    result == SQLITE_DONE ? MANAGED_NO_CHANNEL : MANAGED_BROKEN;
}

/* What a change may not make of a channel that is KNOWN. */
static enum managed_end
judge_change(const struct work *w, const struct known *known)
{
	const struct managed_change *c = w->change;
	const char *kind = c->kind != NULL ? c->kind : known->kind;
	const char *url = w->base_url != NULL ? w->base_url : known->base_url;

	if (strcmp(kind, "azure") == 0 && !managed_is_azure(url))
		return MANAGED_BAD_AZURE;
	if (w->base_url != NULL && known->has_key && c->api_key == NULL &&
	    c->api_key_env == NULL && !origin_same(url, known->base_url))
		return MANAGED_NEEDS_KEY;
	return MANAGED_DONE;
}

static enum managed_end
update_channel(sqlite3 *sqlite, const struct work *w)
{
	sqlite3_stmt *stmt = bind_change(managed_prepare(sqlite,
	    "UPDATE channels SET "
	    "name = ifnull(?2, name), kind = ifnull(?3, kind), "
	    "base_url = ifnull(?4, base_url), "
	    "sealed = iif(?6 IS NULL, sealed, NULL), "
	    "hint = iif(?6 IS NULL, hint, ''), "
	    "api_key_env = iif(?5, NULL, ifnull(?6, api_key_env)), "
	    "weight = ifnull(?7, weight), "
	    "priority = ifnull(?8, priority), enabled = ifnull(?9, enabled), "
	    "updated = ?10 WHERE id = ?1 RETURNING id"), w);

	if (stmt != NULL)
		sqlite3_bind_int64(stmt, 1, w->id);
	return managed_run(stmt, MANAGED_NO_CHANNEL, MANAGED_NAME_TAKEN, NULL);
}

static enum managed_end
set(sqlite3 *sqlite, struct work *w)
{
	struct known known;
	enum managed_end end = read_known(sqlite, w, &known);

	if (end == MANAGED_DONE)
		end = judge_change(w, &known);
	if (end == MANAGED_DONE)
		end = update_channel(sqlite, w);
	return end != MANAGED_DONE ? end : put_key(sqlite, w,
	    w->base_url != NULL ? w->base_url : known.base_url);
}

/* In a connection of its own: others' statements do not get into the transaction. */
static enum managed_end
run(struct db *db, struct work *w,
    enum managed_end (*change)(sqlite3 *, struct work *))
{
	sqlite3	*sqlite = db_connect(db);
	enum managed_end end = MANAGED_BROKEN;

	if (sqlite != NULL && sqlite3_exec(sqlite, "BEGIN IMMEDIATE", NULL,
	    NULL, NULL) == SQLITE_OK) {
		end = change(sqlite, w);
		if (sqlite3_exec(sqlite, end == MANAGED_DONE ? "COMMIT" :
		    "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
			end = MANAGED_BROKEN;
	}
	sqlite3_close(sqlite);
	return end;
}

static enum managed_end
start(struct db *db, struct work *w,
    enum managed_end (*change)(sqlite3 *, struct work *))
{
	const struct managed_change *c = w->change;
	enum managed_end end;

	arena_init(&w->arena, FIRST_CHUNK_BYTES);
	if (c->base_url != NULL)
		w->base_url = base_url_complete(&w->arena, c->base_url);
	end = run(db, w, change);
	arena_fini(&w->arena);
	return end;
}

enum managed_end
managed_channels_add(struct db *db, const struct managed_change *c,
    const char *const *models, size_t count, int64_t now_s, int64_t *id)
{
	struct work w = { .change = c, .models = models,
		.model_count = count, .now_s = now_s };
	enum managed_end end = judge(c);

	if (end != MANAGED_DONE || c->name == NULL || c->base_url == NULL)
		return end != MANAGED_DONE ? end : c->name == NULL ?
		    MANAGED_BAD_NAME : MANAGED_BAD_URL;
	end = start(db, &w, add);
	*id = w.id;
	return end;
}

enum managed_end
managed_channels_set(struct db *db, int64_t id,
    const struct managed_change *c, int64_t now_s)
{
	struct work w = { .change = c, .now_s = now_s, .id = id };
	enum managed_end end = judge(c);

	return end != MANAGED_DONE ? end : start(db, &w, set);
}

enum managed_end
managed_channels_delete(struct db *db, int64_t id)
{
	sqlite3_stmt *stmt = managed_prepare(db_get(db),
	    "DELETE FROM channels WHERE id = ?1 RETURNING id");

	if (stmt != NULL)
		sqlite3_bind_int64(stmt, 1, id);
	return managed_run(stmt, MANAGED_NO_CHANNEL, MANAGED_BROKEN, NULL);
}

/* ---- Reading. ---- */

enum managed_end
managed_channels_each(struct db *db, int64_t id,
    void (*each)(void *, const struct managed_record *), void *arg)
{
	sqlite3_stmt *stmt = managed_prepare(db_get(db), "SELECT id, name, "
	    "kind, base_url, hint, api_key_env, weight, priority, enabled, "
	    "created, updated FROM channels WHERE ?1 IN (0, id) ORDER BY id");
	int	 result;
	size_t	 count = 0;

	if (stmt == NULL)
		return MANAGED_BROKEN;
	sqlite3_bind_int64(stmt, 1, id);
	for (; (result = sqlite3_step(stmt)) == SQLITE_ROW; count++)
		each(arg, &(struct managed_record){
			.id = sqlite3_column_int64(stmt, 0),
			.name = managed_column(stmt, 1),
			.kind = managed_column(stmt, 2),
			.base_url = managed_column(stmt, 3),
			.hint = managed_column(stmt, 4),
			.api_key_env = managed_column(stmt, 5),
			.weight = (unsigned)sqlite3_column_int64(stmt, 6),
			.priority = (unsigned)sqlite3_column_int64(stmt, 7),
			.enabled = sqlite3_column_int(stmt, 8) != 0,
			.created = sqlite3_column_int64(stmt, 9),
			.updated = sqlite3_column_int64(stmt, 10),
		});
	sqlite3_finalize(stmt);
	if (result != SQLITE_DONE)
		return MANAGED_BROKEN;
	return id != 0 && count == 0 ? MANAGED_NO_CHANNEL : MANAGED_DONE;
}

enum managed_end
managed_channels_find(struct db *db, const char *name, int64_t *id)
{
	sqlite3_stmt *stmt = managed_prepare(db_get(db),
	    "SELECT id FROM channels WHERE name = ?1");

	if (stmt != NULL)
		managed_bind_text(stmt, 1, name);
	return managed_run(stmt, MANAGED_NO_CHANNEL, MANAGED_BROKEN, id);
}
