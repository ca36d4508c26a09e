#include "config.h"

#include "store/managed_models.h"

#include <string.h>

#include <sqlite3.h>

#include "store/db.h"

/* SQL with up to two numbers, ?1 and ?2. */
static sqlite3_stmt *
prepare(struct db *db, const char *sql, int64_t first, int64_t second)
{
	sqlite3_stmt *stmt = managed_prepare(db_get(db), sql);

	if (stmt != NULL) {
		sqlite3_bind_int64(stmt, 1, first);
		sqlite3_bind_int64(stmt, 2, second);
	}
	return stmt;
}

/* The same, and ?3 is NAME. */
static sqlite3_stmt *
prepare_name(struct db *db, const char *sql, int64_t first, int64_t second,
    const char *name)
{
	sqlite3_stmt *stmt = prepare(db, sql, first, second);

	if (stmt != NULL)
		managed_bind_text(stmt, 3, name);
	return stmt;
}

/* ---- Models. ---- */

enum managed_end
managed_models_add(struct db *db, const char *name, int64_t now_s,
    int64_t *id)
{
	if (!managed_is_model(name))
		return MANAGED_BAD_MODEL;
	return managed_run(prepare_name(db, "INSERT INTO models "
	    "(name, created, updated) VALUES (?3, ?1, ?1) RETURNING id",
	    now_s, 0, name), MANAGED_BROKEN, MANAGED_MODEL_TAKEN, id);
}

/* Channels that had the model under its own name keep that name upstream. */
enum managed_end
managed_models_rename(struct db *db, int64_t id, const char *name,
    int64_t now_s)
{
	if (!managed_is_model(name))
		return MANAGED_BAD_MODEL;
	return managed_run(prepare_name(db, "UPDATE models SET name = ?3, "
	    "updated = ?2 WHERE id = ?1 RETURNING id", id, now_s, name),
	    MANAGED_NO_MODEL, MANAGED_MODEL_TAKEN, NULL);
}

enum managed_end
managed_models_delete(struct db *db, int64_t id)
{
	return managed_run(prepare(db,
	    "DELETE FROM models WHERE id = ?1 RETURNING id", id, 0),
	    MANAGED_NO_MODEL, MANAGED_BROKEN, NULL);
}

enum managed_end
managed_models_find(struct db *db, const char *name, int64_t *id)
{
	return managed_run(prepare_name(db,
	    "SELECT id FROM models WHERE name = ?3", 0, 0, name),
	    MANAGED_NO_MODEL, MANAGED_BROKEN, id);
}

enum managed_end
managed_models_each(struct db *db, int64_t id,
    void (*each)(void *, const struct managed_model *), void *arg)
{
	sqlite3_stmt *stmt = prepare(db, "SELECT id, name, (SELECT count(*) "
	    "FROM model_channels WHERE model_id = models.id), created, updated "
	    "FROM models WHERE ?1 IN (0, id) ORDER BY name", id, 0);
	size_t	 count = 0;
	int	 result;

	if (stmt == NULL)
		return MANAGED_BROKEN;
	for (; (result = sqlite3_step(stmt)) == SQLITE_ROW; count++)
		each(arg, &(struct managed_model){
			.id = sqlite3_column_int64(stmt, 0),
			.name = managed_column(stmt, 1),
			.channels_count = sqlite3_column_int64(stmt, 2),
			.created = sqlite3_column_int64(stmt, 3),
			.updated = sqlite3_column_int64(stmt, 4),
		});
	sqlite3_finalize(stmt);
	if (result != SQLITE_DONE)
		return MANAGED_BROKEN;
	return id != 0 && count == 0 ? MANAGED_NO_MODEL : MANAGED_DONE;
}

/* ---- Mappings. ---- */

/* Which of the two is not there? */
static enum managed_end
judge_missing(struct db *db, int64_t model)
{
	enum managed_end end = managed_run(prepare(db,
	    "SELECT id FROM models WHERE id = ?1", model, 0),
	    MANAGED_NO_MODEL, MANAGED_BROKEN, NULL);

	return end == MANAGED_DONE ? MANAGED_NO_CHANNEL : end;
}

enum managed_end
managed_models_map(struct db *db, int64_t model, int64_t channel,
    const char *backend_model_name, unsigned weight, int64_t now_s)
{
	sqlite3_stmt *stmt;
	enum managed_end end;

	if (!managed_is_model(backend_model_name))
		return MANAGED_BAD_TARGET;
	if (weight > MANAGED_WEIGHT_MAX)
		return MANAGED_BAD_WEIGHT;
	stmt = prepare_name(db, "INSERT INTO model_channels (model_id, "
	    "channel_id, backend_model_name, weight, created) "
	    "SELECT models.id, channels.id, ?3, ?4, ?5 FROM models, channels "
	    "WHERE models.id = ?1 AND channels.id = ?2 RETURNING id",
	    model, channel, backend_model_name);
	if (stmt != NULL) {
		sqlite3_bind_int64(stmt, 4, weight != 0 ? weight :
		    MANAGED_USUAL_WEIGHT);
		sqlite3_bind_int64(stmt, 5, now_s);
	}
	end = managed_run(stmt, MANAGED_NO_MAPPING, MANAGED_MAPPING_TAKEN,
	    NULL);
	return end == MANAGED_NO_MAPPING ? judge_missing(db, model) : end;
}

enum managed_end
managed_models_unmap(struct db *db, int64_t model, int64_t channel)
{
	return managed_run(prepare(db, "DELETE FROM model_channels "
	    "WHERE model_id = ?1 AND channel_id = ?2 RETURNING id", model,
	    channel), MANAGED_NO_MAPPING, MANAGED_BROKEN, NULL);
}

static size_t
each_mapping(sqlite3_stmt *stmt, int *result,
    void (*each)(void *, const struct managed_mapping *), void *arg)
{
	size_t	 count = 0;

	for (; (*result = sqlite3_step(stmt)) == SQLITE_ROW; count++)
		each(arg, &(struct managed_mapping){
			.id = sqlite3_column_int64(stmt, 0),
			.model_id = sqlite3_column_int64(stmt, 1),
			.channel_id = sqlite3_column_int64(stmt, 2),
			.backend_model_name = managed_column(stmt, 3),
			.weight = (unsigned)sqlite3_column_int64(stmt, 4),
			.created = sqlite3_column_int64(stmt, 5),
			.model = managed_column(stmt, 6),
			.channel = managed_column(stmt, 7),
		});
	return count;
}

enum managed_end
managed_models_mappings(struct db *db, int64_t model, int64_t channel,
    void (*each)(void *, const struct managed_mapping *), void *arg)
{
	sqlite3_stmt *stmt = prepare(db, "SELECT x.id, model_id, channel_id, "
	    "backend_model_name, x.weight, x.created, models.name, "
	    "channels.name FROM model_channels x JOIN models ON models.id = "
	    "model_id JOIN channels ON channels.id = channel_id "
	    "WHERE model_id = ?1 AND ?2 IN (0, channel_id) ORDER BY x.id",
	    model, channel);
	int	 result;
	size_t	 count;
	enum managed_end end;

	if (stmt == NULL)
		return MANAGED_BROKEN;
	count = each_mapping(stmt, &result, each, arg);
	sqlite3_finalize(stmt);
	if (result != SQLITE_DONE)
		return MANAGED_BROKEN;
	if (count > 0)
		return MANAGED_DONE;
	end = judge_missing(db, model);
	if (end == MANAGED_NO_CHANNEL)	/* the model is there */
		return channel == 0 ? MANAGED_DONE : MANAGED_NO_MAPPING;
	return end;
}
