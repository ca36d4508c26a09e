#include "config.h"

#include "store/usage_base.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "store/limits.h"

#define DAY_MS	INT64_C(86400000)

enum { ACCOUNTS_MAX = 4096 };		/* at a time; the others are next */

/* An account, the beginnings of the periods in which it was made, and their sums. */
struct base {
	uint32_t	 account;
	char		 key_id[33];
	int64_t		 born_ms;
	int64_t		 from_s[LIMITS__PERIODS];
	struct limits_sum sums[LIMITS__PERIODS];
};

struct bases {
	struct state	*state;
	struct base	*all;		/* by account; room for ACCOUNTS_MAX + 1 */
	size_t		 count, at;
	int64_t		 imported_ms;
};

#define TOKENS	"(u.input_tokens + u.cache_read_tokens + " \
		"u.cache_write_tokens + u.output_tokens + u.reasoning_tokens)"
#define SUM_OF(what, factor, period) \
	"sum(" what " * " factor " * (u.time >= f." period "))"
#define SUMS(factor) \
	SUM_OF(TOKENS, factor, "day") ", " \
	SUM_OF("u.cost_nano", factor, "day") ", " \
	SUM_OF(TOKENS, factor, "week") ", " \
	SUM_OF("u.cost_nano", factor, "week") ", " \
	SUM_OF(TOKENS, factor, "month") ", " \
	SUM_OF("u.cost_nano", factor, "month") " "
#define FIRST(period) "(SELECT min(" period ") FROM fresh)"

static const char make_sql[] = "CREATE TEMP TABLE fresh (key_id TEXT "
    "PRIMARY KEY, n INTEGER, born INTEGER, day INTEGER, week INTEGER, "
    "month INTEGER) WITHOUT ROWID";
static const char fill_sql[] = "INSERT OR IGNORE INTO fresh "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/*
 * Days before the account's first one count as a whole, less what ended after
 * it was made: that it has itself. Of its first day counts what had ended by
 * then; the two times of a row are rounded down. The usage is read once in its
 * own order, whatever the number of accounts, hence CROSS JOIN.
 */
static const char *const sums_sql[] = {
	"SELECT f.n, " SUMS("(u.time < f.day)") "FROM usage_days u "
	"CROSS JOIN fresh f ON f.key_id = u.key_id "
	"WHERE u.time >= min(" FIRST("week") ", " FIRST("month") ") GROUP BY 1",
	"SELECT f.n, " SUMS("((u.time >= f.day) - "
	"(u.time_ms + u.duration_ms + 3 >= f.born))")
	"FROM (SELECT *, time_ms / 1000 AS time FROM usage "
	"WHERE time_ms >= (" FIRST("day") " - 86400) * 1000) u "
	"CROSS JOIN fresh f ON f.key_id = u.key_id "
	"WHERE u.time >= f.day - 86400 GROUP BY 1",
};

/* ---- Which accounts. ---- */

static void
bases_add(void *arg, uint32_t account, const char *key_id, uint64_t born_ms)
{
	struct bases *bases = arg;
	struct base *b;
	int64_t	 to_s;

	if (bases->count == ACCOUNTS_MAX ||
	    (int64_t)born_ms >= bases->imported_ms)
		return;
	if (bases->all == NULL)
		bases->all = calloc(ACCOUNTS_MAX + 1, sizeof *b);
	if (bases->all == NULL)
		abort();
	b = &bases->all[bases->count++];
	*b = (struct base){ .account = account, .born_ms = (int64_t)born_ms };
	snprintf(b->key_id, sizeof b->key_id, "%s", key_id);
	for (int i = 0; i < LIMITS__PERIODS; i++)
		limits_period_bounds((enum limits_period)i,
		    b->born_ms / DAY_MS, &b->from_s[i], &to_s);
}

static bool
insert(sqlite3_stmt *stmt, const struct base *b, size_t n)
{
	sqlite3_bind_text(stmt, 1, b->key_id, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, (int64_t)n);
	sqlite3_bind_int64(stmt, 3, b->born_ms);
	for (int i = 0; i < LIMITS__PERIODS; i++)
		sqlite3_bind_int64(stmt, 4 + i, b->from_s[i]);
	return sqlite3_step(stmt) == SQLITE_DONE &&
	    sqlite3_reset(stmt) == SQLITE_OK;
}

static bool
bases_insert(const struct bases *bases, sqlite3 *sqlite)
{
	sqlite3_stmt *stmt;
	bool	 ok = sqlite3_exec(sqlite, make_sql, NULL, NULL, NULL) ==
		     SQLITE_OK && sqlite3_prepare_v2(sqlite, fill_sql, -1,
		     &stmt, NULL) == SQLITE_OK;

	if (!ok)
		return false;
	for (size_t i = 0; ok && i < bases->count; i++)
		ok = insert(stmt, &bases->all[i], i);
	sqlite3_finalize(stmt);
	return ok;
}

/* ---- What they have spent. ---- */

/* What ended late can be more than all there is: usage has a retention. */
static void
add(uint64_t *to, int64_t amount)
{
	if (amount >= 0 || *to > (uint64_t)-amount)
		*to += (uint64_t)amount;
	else
		*to = 0;
}

static bool
bases_sum(struct bases *bases, sqlite3 *sqlite, const char *sql)
{
	sqlite3_stmt *stmt;
	int	 result;

	if (sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL) != SQLITE_OK)
		return false;
	while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct base *b = &bases->all[sqlite3_column_int64(stmt, 0)];

		for (int i = 0; i < LIMITS__PERIODS; i++) {
			add(&b->sums[i].tokens,
			    sqlite3_column_int64(stmt, 1 + 2 * i));
			add(&b->sums[i].cost_nano,
			    sqlite3_column_int64(stmt, 2 + 2 * i));
		}
	}
	sqlite3_finalize(stmt);
	return result == SQLITE_DONE;
}

/* As it is at one moment. */
static bool
bases_read(struct bases *bases, const struct db *db)
{
	sqlite3	*sqlite = db_connect_reader(db);
	bool	 ok = sqlite != NULL && sqlite3_exec(sqlite,
		     "PRAGMA temp_store = MEMORY; BEGIN", NULL, NULL, NULL) ==
		     SQLITE_OK && bases_insert(bases, sqlite);

	for (size_t i = 0; ok && i < sizeof sums_sql / sizeof *sums_sql; i++)
		ok = bases_sum(bases, sqlite, sums_sql[i]);
	sqlite3_close(sqlite);
	return ok;
}

/* Another file may be attached by now, in which the account is another's. */
static void
bases_set(void *arg, uint32_t account, const char *key_id, uint64_t born_ms)
{
	struct bases *bases = arg;
	struct limits_base base = { .day = (int64_t)born_ms / DAY_MS };
	const struct base *b;

	while (bases->at < bases->count &&
	    bases->all[bases->at].account < account)
		bases->at++;
	b = &bases->all[bases->at];
	if (bases->at == bases->count || b->account != account ||
	    b->born_ms != (int64_t)born_ms || strcmp(b->key_id, key_id) != 0)
		return;
	memcpy(base.periods, b->sums, sizeof base.periods);
	limits_set_base(bases->state, account, &base);
}

void
usage_base_set(struct state *state, const struct db *db, uint64_t imported_ms)
{
	struct bases bases = { .state = state,
		.imported_ms = (int64_t)imported_ms };

	limits_each_new(state, bases_add, &bases);
	if (bases.count > 0 && bases_read(&bases, db))
		limits_each_new(state, bases_set, &bases);
	free(bases.all);
}
