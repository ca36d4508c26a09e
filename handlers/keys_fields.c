#include "config.h"

#include "handlers/keys_fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "gateway/cost.h"

enum { DIGITS_MAX = 18 };

/* "a,b" as the store keeps it. */
static const char *
parse_list(struct arena *arena, const char *value)
{
	char	*list = arena_strdup(arena, value);

	for (char *comma = list; (comma = strchr(comma, ',')) != NULL;)
		*comma = '\n';
	return list;
}

static bool
parse_expires(struct keys_change *change, const char *value, int64_t now_s)
{
	int64_t	 duration_s;

	change->has_expires = true;
	change->expires = 0;
	if (strcmp(value, "never") == 0)
		return true;
	if (when_parse_duration(value, &duration_s))
		change->expires = now_s + duration_s;
	else if (!when_parse_time(value, &change->expires))
		return false;
	return change->expires > 0;
}

static bool
parse_number(const char *value, uint64_t *number)
{
	size_t	 n = strspn(value, "0123456789");

	if (n == 0 || n > DIGITS_MAX || value[n] != '\0')
		return false;
	*number = strtoull(value, NULL, 10);
	return true;
}

/* Is NAME, "--day-cost", the option of a limit called "day_cost"? */
static bool
names_limit(const char *name, const char *limit)
{
	if (strncmp(name, "--", 2) != 0)
		return false;
	for (name += 2; *name != '\0' && *limit != '\0'; name++, limit++)
		if (*name != (*limit == '_' ? '-' : *limit))
			return false;
	return *name == *limit;
}

static bool
parse_limit(struct keys_change *change, const char *name, const char *value)
{
	uint64_t number;

	for (int i = 0; i < KEYS__LIMITS; i++) {
		enum keys_limit limit = (enum keys_limit)i;

		if (!names_limit(name, keys_limits_name(limit)))
			continue;
		if (!(keys_limits_is_cost(limit) ? cost_parse : parse_number)
		    (value, &number))
			return false;
		change->has_limit[i] = true;
		keys_limits_set(&change->limits, limit, number);
		return true;
	}
	return false;
}

bool
keys_fields_parse(struct keys_change *change, struct arena *arena,
    const char *name, const char *value, int64_t now_s)
{
	if (strcmp(name, "--owner") == 0)
		change->owner = value;
	else if (strcmp(name, "--models") == 0)
		change->models = parse_list(arena, value);
	else if (strcmp(name, "--endpoints") == 0)
		change->endpoints = parse_list(arena, value);
	else if (strcmp(name, "--remote-user") == 0)
		change->remote_user = value;
	else if (strcmp(name, "--expires") == 0)
		return parse_expires(change, value, now_s);
	else
		return parse_limit(change, name, value);
	return true;
}
