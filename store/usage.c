#include "config.h"

#include "store/usage.h"

#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

struct usage {
	sqlite3		*sqlite;
};

enum { SQL_SIZE = 1024 };

struct usage *
usage_open(const struct db *db)
{
	sqlite3	*sqlite = db_connect_reader(db);
	struct usage *u;

	if (sqlite == NULL)
		return NULL;
	u = calloc(1, sizeof *u);
	if (u == NULL)
		abort();
	u->sqlite = sqlite;
	sqlite3_exec(sqlite, "BEGIN", NULL, NULL, NULL);
	return u;
}

void
usage_close(struct usage *u)
{
	if (u == NULL)
		return;
	sqlite3_close(u->sqlite);
	free(u);
}

/* Nothing of the text comes from outside. */
static void
write_sql(const struct usage_query *q, char sql[SQL_SIZE])
{
	bool	 hourly = (q->by & USAGE_BY_HOUR) != 0;
	bool	 days = !hourly && q->from_s % USAGE_DAY_S == 0 &&
		     q->to_s % USAGE_DAY_S == 0;

	snprintf(sql, SQL_SIZE, "SELECT %s, %s, %s, %s, sum(requests), "
	    "sum(errors), sum(estimated), sum(unpriced), sum(input_tokens), "
	    "sum(cache_read_tokens), sum(cache_write_tokens), "
	    "sum(output_tokens), sum(reasoning_tokens), sum(cost_nano) "
	    "FROM %s WHERE time >= ?1 AND time < ?2%s%s%s "
	    "GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT ?6",
	    hourly ? "time" : q->by & USAGE_BY_DAY ?
	    "time / 86400 * 86400" : "0",
	    q->by & USAGE_BY_KEY ? "key_id" : "''",
	    q->by & USAGE_BY_MODEL ? "model" : "''",
	    q->by & USAGE_BY_PROVIDER ? "provider" : "''",
	    days ? "usage_days" : "usage_hours",
	    q->key_id != NULL ? " AND key_id = ?3" : "",
	    q->model != NULL ? " AND model = ?4" : "",
	    q->provider != NULL ? " AND provider = ?5" : "");
}

static const char *
text_of(sqlite3_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	return text == NULL ? "" : (const char *)text;
}

static struct usage_sum
read_sum(sqlite3_stmt *stmt)
{
	return (struct usage_sum){
		.time_s = sqlite3_column_int64(stmt, 0),
		.key_id = text_of(stmt, 1), .model = text_of(stmt, 2),
		.provider = text_of(stmt, 3),
		.requests = sqlite3_column_int64(stmt, 4),
		.errors = sqlite3_column_int64(stmt, 5),
		.estimated = sqlite3_column_int64(stmt, 6),
		.unpriced = sqlite3_column_int64(stmt, 7),
		.input_tokens = sqlite3_column_int64(stmt, 8),
		.cache_read_tokens = sqlite3_column_int64(stmt, 9),
		.cache_write_tokens = sqlite3_column_int64(stmt, 10),
		.output_tokens = sqlite3_column_int64(stmt, 11),
		.reasoning_tokens = sqlite3_column_int64(stmt, 12),
		.cost_nano = sqlite3_column_int64(stmt, 13),
	};
}

/* Texts that are not asked for are NULL, and stand nowhere. */
static void
bind(sqlite3_stmt *stmt, const struct usage_query *q)
{
	const char *const texts[] = { q->key_id, q->model, q->provider };

	sqlite3_bind_int64(stmt, 1, q->from_s);
	sqlite3_bind_int64(stmt, 2, q->to_s);
	for (int i = 0; i < 3; i++)
		sqlite3_bind_text(stmt, 3 + i, texts[i], -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 6, q->sums_max == 0 ? -1 :
	    (int64_t)q->sums_max);
}

bool
usage_each(struct usage *u, const struct usage_query *q,
    void (*each)(void *arg, const struct usage_sum *), void *arg)
{
	char	 sql[SQL_SIZE];
	sqlite3_stmt *stmt;
	int	 result;

	write_sql(q, sql);
	if (sqlite3_prepare_v2(u->sqlite, sql, -1, &stmt, NULL) != SQLITE_OK)
		return false;
	bind(stmt, q);
	while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct usage_sum sum = read_sum(stmt);

		each(arg, &sum);
	}
	sqlite3_finalize(stmt);
	return result == SQLITE_DONE;
}
