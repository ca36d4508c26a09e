#include "config.h"

#include "store/managed_channels.h"

#include <string.h>

#include <sqlite3.h>

#include "base/arena.h"
#include "conf/base_url.h"
#include "conf/values.h"
#include "store/db.h"

enum { FIRST_CHUNK_BYTES = 2048 };

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
	if (c->has_weight && c->weight > MANAGED_WEIGHT_MAX)
		return MANAGED_BAD_WEIGHT;
	return c->has_priority && c->priority > MANAGED_PRIORITY_MAX ?
	    MANAGED_BAD_PRIORITY : MANAGED_DONE;
}

bool
managed_channels_seal(struct managed_change *c, const struct seal *seal,
    const char *secret)
{
	if (!managed_is_secret(secret))
		return false;
	c->sealed_len = seal_close(seal, secret, c->sealed);
	hint_make(secret, c->hint);
	return true;
}

/* ---- Changing. ---- */

/* From ?2 on; NULL where it is not given. ?1 is left to the caller. */
static sqlite3_stmt *
bind_change(sqlite3_stmt *stmt, const struct managed_change *c,
    const char *base_url, int64_t now_s)
{
	if (stmt == NULL)
		return NULL;
	managed_bind_text(stmt, 2, c->name);
	managed_bind_text(stmt, 3, c->kind);
	managed_bind_text(stmt, 4, base_url);
	if (c->sealed_len > 0) {
		sqlite3_bind_blob(stmt, 5, c->sealed, (int)c->sealed_len,
		    SQLITE_STATIC);
		managed_bind_text(stmt, 6, c->hint);
	}
	managed_bind_text(stmt, 7, c->api_key_env);
	if (c->has_weight && c->weight != 0)
		sqlite3_bind_int64(stmt, 8, c->weight);
	if (c->has_priority)
		sqlite3_bind_int64(stmt, 9, c->priority);
	if (c->has_enabled)
		sqlite3_bind_int(stmt, 10, c->enabled);
	sqlite3_bind_int64(stmt, 11, now_s);
	return stmt;
}

static enum managed_end
insert_channel(sqlite3 *sqlite, const struct managed_change *c,
    const char *base_url, int64_t now_s, int64_t *id)
{
	sqlite3_stmt *stmt = bind_change(managed_prepare(sqlite,
	    "INSERT INTO channels (name, kind, base_url, sealed, hint, "
	    "api_key_env, weight, priority, enabled, created, updated) "
	    "VALUES (?2, ifnull(?3, 'openai'), ?4, ?5, ifnull(?6, ''), ?7, "
	    "ifnull(?8, ?1), ifnull(?9, 0), ifnull(?10, 1), ?11, ?11) "
	    "RETURNING id"), c, base_url, now_s);

	if (stmt != NULL)
		sqlite3_bind_int(stmt, 1, MANAGED_USUAL_WEIGHT);
	return managed_run(stmt, MANAGED_BROKEN, MANAGED_NAME_TAKEN, id);
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
insert_all(sqlite3 *sqlite, const struct managed_change *c,
    const char *base_url, const char *const *models, size_t count,
    int64_t now_s, int64_t *id)
{
	enum managed_end end = insert_channel(sqlite, c, base_url, now_s, id);

	for (size_t i = 0; i < count && end == MANAGED_DONE; i++)
		end = insert_model(sqlite, *id, models[i], now_s);
	return end;
}

/* In a connection of its own: others' statements do not get into the transaction. */
static enum managed_end
add(sqlite3 *sqlite, const struct managed_change *c, const char *base_url,
    const char *const *models, size_t count, int64_t now_s, int64_t *id)
{
	enum managed_end end;

	if (sqlite == NULL || sqlite3_exec(sqlite, "BEGIN IMMEDIATE", NULL,
	    NULL, NULL) != SQLITE_OK)
		return MANAGED_BROKEN;
	end = insert_all(sqlite, c, base_url, models, count, now_s, id);
	if (sqlite3_exec(sqlite, end == MANAGED_DONE ? "COMMIT" : "ROLLBACK",
	    NULL, NULL, NULL) != SQLITE_OK)
		return MANAGED_BROKEN;
	return end;
}

enum managed_end
managed_channels_add(struct db *db, const struct managed_change *c,
    const char *const *models, size_t count, int64_t now_s, int64_t *id)
{
	enum managed_end end = judge(c);
	struct arena arena;
	const char *base_url;
	sqlite3	*sqlite;

	if (end != MANAGED_DONE || c->name == NULL || c->base_url == NULL)
		return end != MANAGED_DONE ? end : c->name == NULL ?
		    MANAGED_BAD_NAME : MANAGED_BAD_URL;
	arena_init(&arena, FIRST_CHUNK_BYTES);
	base_url = base_url_complete(&arena, c->base_url);
	if (c->kind != NULL && strcmp(c->kind, "azure") == 0 &&
	    !managed_is_azure(base_url))
		end = MANAGED_BAD_AZURE;
	else {
		sqlite = db_connect(db);
		end = add(sqlite, c, base_url, models, count, now_s, id);
		sqlite3_close(sqlite);
	}
	arena_fini(&arena);
	return end;
}

/* Nothing was changed: why not? */
static enum managed_end
judge_missing(struct db *db, int64_t id)
{
	sqlite3_stmt *stmt = managed_prepare(db_get(db),
	    "SELECT id FROM channels WHERE id = ?1");
	enum managed_end end;

	if (stmt != NULL)
		sqlite3_bind_int64(stmt, 1, id);
	end = managed_run(stmt, MANAGED_NO_CHANNEL, MANAGED_BROKEN, NULL);
	return end == MANAGED_DONE ? MANAGED_BAD_AZURE : end;
}

enum managed_end
managed_channels_set(struct db *db, int64_t id,
    const struct managed_change *c, int64_t now_s)
{
	enum managed_end end = judge(c);
	struct arena arena;
	const char *base_url;
	sqlite3_stmt *stmt;

	if (end != MANAGED_DONE)
		return end;
	arena_init(&arena, FIRST_CHUNK_BYTES);
	base_url = c->base_url == NULL ? NULL :
	    base_url_complete(&arena, c->base_url);
	stmt = bind_change(managed_prepare(db_get(db), "UPDATE channels SET "
	    "name = ifnull(?2, name), kind = ifnull(?3, kind), "
	    "base_url = ifnull(?4, base_url), "
	    "sealed = CASE WHEN ?7 IS NULL THEN ifnull(?5, sealed) END, "
	    "hint = CASE WHEN ?7 IS NULL THEN ifnull(?6, hint) ELSE '' END, "
	    "api_key_env = CASE WHEN ?5 IS NULL THEN ifnull(?7, api_key_env) "
	    "END, weight = ifnull(?8, weight), "
	    "priority = ifnull(?9, priority), enabled = ifnull(?10, enabled), "
	    "updated = ?11 WHERE id = ?1 AND NOT (ifnull(?3, kind) = 'azure' "
	    "AND ifnull(?4, base_url) NOT LIKE '%_/openai/v1') RETURNING id"),
	    c, base_url, now_s);
	if (stmt != NULL)
		sqlite3_bind_int64(stmt, 1, id);
	end = managed_run(stmt, MANAGED_NO_CHANNEL, MANAGED_NAME_TAKEN, NULL);
	arena_fini(&arena);
	return end == MANAGED_NO_CHANNEL ? judge_missing(db, id) : end;
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
