#include "config.h"

#include "handlers/credentials.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/*
 * Apache hides Authorization unless told otherwise, and a rewrite renames it
 * with REDIRECT_ in front.
 */
static const struct { const char *name; bool has_scheme; } sources[] = {
	{ "HTTP_AUTHORIZATION", true },
	{ "REDIRECT_HTTP_AUTHORIZATION", true },
	{ "REDIRECT_REDIRECT_HTTP_AUTHORIZATION", true },
	{ "HTTP_X_API_KEY", false },
	{ "HTTP_API_KEY", false },
};

static_assert(sizeof sources / sizeof *sources == CREDENTIALS_MAX,
    "room for all sources");

/* NULL: it is of another scheme. */
static const char *
skip_scheme(const char *value)
{
	if (strncasecmp(value, "Bearer ", 7) == 0)
		return value + 7;
	return strchr(value, ' ') == NULL ? value : NULL;
}

void
credentials_find(struct credentials *c, const struct params *p)
{
	const char *value;

	*c = (struct credentials){ .count = 0 };
	for (size_t i = 0; i < CREDENTIALS_MAX; i++) {
		value = params_get(p, sources[i].name);
		if (value != NULL && sources[i].has_scheme)
			value = skip_scheme(value);
		if (value == NULL)
			continue;
		value += strspn(value, " ");
		if (*value == '\0')
			continue;
		c->shown[c->count++] = value;
		c->bearer_count += sources[i].has_scheme;
	}
}

const char *
credentials_get(const struct credentials *c, size_t index, bool api_key_first)
{
	return c->shown[(index + (api_key_first ? c->bearer_count : 0)) %
	    c->count];
}
