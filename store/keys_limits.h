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

/* Each of them, for who walks over all. */
enum keys_limit {
	KEYS_RPM, KEYS_TPM, KEYS_CONCURRENCY,
	KEYS_DAY_TOKENS, KEYS_DAY_COST, KEYS_WEEK_TOKENS, KEYS_WEEK_COST,
	KEYS_MONTH_TOKENS, KEYS_MONTH_COST, KEYS__LIMITS
};

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
