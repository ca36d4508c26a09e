#include "config.h"

#include "store/keys_limits.h"

#include <stddef.h>
#include <string.h>

#define COUNT(limit, name, max, member)					\
	[limit] = { name, max, offsetof(struct keys_limits, member), false },
#define COST(limit, name, max, member)					\
	[limit] = { name, max, offsetof(struct keys_limits, member), true },

static const struct row {
	const char	*name;
	uint64_t	 max;
	size_t		 offset;
	bool		 is_cost;
} rows[KEYS__LIMITS] = {
	KEYS_LIMITS_ROWS(COUNT, COST)
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
