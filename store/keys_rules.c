#include "config.h"

#include "store/keys_rules.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "conf/notes.h"

/* 2100-01-01: what is later is a slip. */
#define TIME_MAX_S	INT64_C(4102444800)

static_assert(KEYS_SECRET_MIN == (int)NOTES_KEY_MIN, "one rule for all keys");

static const char name_bytes[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz._@+-";

bool
keys_rules_is_name(const char *name)
{
	size_t	 n = strlen(name);

	return n > 0 && n <= KEYS_NAME_MAX && name[0] != '-' &&
	    strspn(name, name_bytes) == n;
}

bool
keys_rules_is_secret(const char *secret)
{
	size_t	 n = strlen(secret);

	for (const char *c = secret; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || *c == ',')
			return false;
	return n >= KEYS_SECRET_MIN && n <= KEYS_SECRET_MAX;
}

static bool
is_line_within(const char *text, size_t max)
{
	size_t	 n = strlen(text);

	return n <= max && text_is_line(text, n);
}

/* What elsewhere is special in a pattern is none, lest somebody rely on it. */
static bool
is_pattern(const char *pattern, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strchr(" ?[]\\", pattern[i]) != NULL)
			return false;
	return n > 0 && n <= KEYS_PATTERN_MAX && text_is_line(pattern, n);
}

static bool
is_pattern_list(const char *list)
{
	size_t	 n, count = 0;

	if (*list == '\0')
		return true;
	for (;; list += n + 1) {
		n = strcspn(list, "\n");
		if (!is_pattern(list, n) || ++count > KEYS_PATTERNS_MAX)
			return false;
		if (list[n] == '\0')
			return true;
	}
}

/* "/v1/chat/completions" would never match, and that should be told. */
static bool
is_endpoint_list(const char *list)
{
	return is_pattern_list(list) && strncmp(list, "/v1/", 4) != 0 &&
	    strstr(list, "\n/v1/") == NULL;
}

bool
keys_rules_is_time(int64_t time_s)
{
	return time_s >= 0 && time_s < TIME_MAX_S;
}

enum keys_end
keys_rules_judge(const struct keys_change *c)
{
	if (c->owner != NULL && !is_line_within(c->owner, KEYS_OWNER_MAX))
		return KEYS_BAD_OWNER;
	if (c->remote_user != NULL &&
	    !is_line_within(c->remote_user, KEYS_REMOTE_USER_MAX))
		return KEYS_BAD_REMOTE_USER;
	if (c->models != NULL && !is_pattern_list(c->models))
		return KEYS_BAD_MODELS;
	if (c->endpoints != NULL && !is_endpoint_list(c->endpoints))
		return KEYS_BAD_ENDPOINTS;
	for (int i = 0; i < KEYS__LIMITS; i++)
		if (c->has_limit[i] && keys_limits_get(&c->limits,
		    (enum keys_limit)i) > keys_limits_max((enum keys_limit)i))
			return KEYS_BAD_LIMIT;
	return c->has_expires && !keys_rules_is_time(c->expires) ?
	    KEYS_BAD_TIME : KEYS_DONE;
}
