#include "config.h"

#include "store/keys_limits.h"

#include <stddef.h>
#include <string.h>

#define TOKENS_MAX	UINT64_C(1000000000000000)
#define COST_MAX_NANO	UINT64_C(1000000000000000000)	/* 1e9 units */

#define TOKENS(name, period) \
	{ name, TOKENS_MAX, offsetof(struct keys_limits, tokens[period]), false }
#define COST(name, period) \
	{ name, COST_MAX_NANO, \
	  offsetof(struct keys_limits, cost_nano[period]), true }

static const struct row {
	const char	*name;
	uint64_t	 max;
	size_t		 offset;
	bool		 is_cost;
} rows[KEYS__LIMITS] = {
	[KEYS_RPM] = { "rpm", 1000000, offsetof(struct keys_limits, rpm),
	    false },
	[KEYS_TPM] = { "tpm", 1000000000, offsetof(struct keys_limits, tpm),
	    false },
	[KEYS_CONCURRENCY] = { "concurrency", 10000,
	    offsetof(struct keys_limits, concurrency), false },
	[KEYS_DAY_TOKENS] = TOKENS("day_tokens", 0),
	[KEYS_DAY_COST] = COST("day_cost", 0),
	[KEYS_WEEK_TOKENS] = TOKENS("week_tokens", 1),
	[KEYS_WEEK_COST] = COST("week_cost", 1),
	[KEYS_MONTH_TOKENS] = TOKENS("month_tokens", 2),
	[KEYS_MONTH_COST] = COST("month_cost", 2),
};

const char *
keys_limits_name(enum keys_limit limit)
{
	return rows[limit].name;
}

bool
keys_limits_is_cost(enum keys_limit limit)
{
	return rows[limit].is_cost;
}

uint64_t
keys_limits_max(enum keys_limit limit)
{
	return rows[limit].max;
}

uint64_t
keys_limits_get(const struct keys_limits *l, enum keys_limit limit)
{
	uint64_t value;

	memcpy(&value, (const char *)l + rows[limit].offset, sizeof value);
	return value;
}

void
keys_limits_set(struct keys_limits *l, enum keys_limit limit, uint64_t value)
{
	memcpy((char *)l + rows[limit].offset, &value, sizeof value);
}

bool
keys_limits_exist(const struct keys_limits *l)
{
	static const struct keys_limits none;

	return memcmp(l, &none, sizeof none) != 0;
}
