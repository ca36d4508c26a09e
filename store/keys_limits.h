/* keys_limits.h - how much a key may be used. */
#ifndef STORE_KEYS_LIMITS_H
#define STORE_KEYS_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* Day, week and month: the periods of budgets, as in store/limits.h. */
enum { KEYS_PERIODS = 3 };

/* 0: no limit. */
struct keys_limits {
	uint64_t	 rpm;		/* requests in a minute */
	uint64_t	 tpm;		/* tokens in a minute */
	uint64_t	 concurrency;	/* requests at the same time */
	uint64_t	 tokens[KEYS_PERIODS];	/* budgets */
	uint64_t	 cost_nano[KEYS_PERIODS]; /* likewise, 1e-9 of what prices are in */
};

/* Each of them, for who walks over all. Its row is below. */
enum keys_limit {
	KEYS_RPM, KEYS_TPM, KEYS_CONCURRENCY,
	KEYS_DAY_TOKENS, KEYS_DAY_COST, KEYS_WEEK_TOKENS, KEYS_WEEK_COST,
	KEYS_MONTH_TOKENS, KEYS_MONTH_COST, KEYS__LIMITS
};

/*
 * Tables of them: COUNT or COST of (which, name, the most that may be given,
 * where it is in struct keys_limits).
 */
#define KEYS_LIMITS_ROWS(COUNT, COST)					\
	COUNT(KEYS_RPM, "rpm", 1000000, rpm)				\
	COUNT(KEYS_TPM, "tpm", 1000000000, tpm)				\
	COUNT(KEYS_CONCURRENCY, "concurrency", 10000, concurrency)	\
	COUNT(KEYS_DAY_TOKENS, "day_tokens", KEYS_TOKENS_MAX, tokens[0]) \
	COST(KEYS_DAY_COST, "day_cost", KEYS_NANO_MAX, cost_nano[0])	\
	COUNT(KEYS_WEEK_TOKENS, "week_tokens", KEYS_TOKENS_MAX, tokens[1]) \
	COST(KEYS_WEEK_COST, "week_cost", KEYS_NANO_MAX, cost_nano[1])	\
	COUNT(KEYS_MONTH_TOKENS, "month_tokens", KEYS_TOKENS_MAX, tokens[2]) \
	COST(KEYS_MONTH_COST, "month_cost", KEYS_NANO_MAX, cost_nano[2])

#define KEYS_TOKENS_MAX	INT64_C(1000000000000000)
#define KEYS_NANO_MAX	INT64_C(1000000000000000000)	/* 1e9 units */

/* Their columns in the database, in this order. */
#define KEYS_LIMITS_COLUMNS "rpm, tpm, concurrency, day_tokens, " \
	"day_cost_nano, week_tokens, week_cost_nano, month_tokens, " \
	"month_cost_nano"

/* "rpm", "day_tokens", "day_cost" ... */
const char *keys_limits_name(enum keys_limit);

/* Is it money? */
bool	keys_limits_is_cost(enum keys_limit);

/* No more may be given. */
uint64_t keys_limits_max(enum keys_limit);

uint64_t keys_limits_get(const struct keys_limits *, enum keys_limit);
void	keys_limits_set(struct keys_limits *, enum keys_limit, uint64_t);

/* Is any of them not 0? */
bool	keys_limits_exist(const struct keys_limits *);
#endif
