#include "config.h"

#include "handlers/query.h"

#include <string.h>
#include <strings.h>

#include "handlers/path.h"
#include "handlers/route.h"

/* What provider APIs read a key or an account from, in any case. */
static const char *const account_names[] = {
	"key", "api_key", "api-key", "apikey", "x-api-key", "x-goog-api-key",
	"access_token", "access-token", "auth_token", "token",
	"subscription-key", "code", "sig", "organization", "organization_id",
	"openai-organization", "openai-project",
};

/* The client's query behind its "?"; not terminated by its length but by "#" or the end. */
static const char *
find_query(const struct exchange *x)
{
	const char *query = x->path.raw + x->path.raw_len;

	return *query == '?' ? query + 1 : query;
}

const char *
query_of_call(struct exchange *x)
{
	const char *passed = x->route->passed_query;
	size_t	 len = passed == NULL ? 0 : strlen(passed), n;

	for (const char *pair = find_query(x); len > 0; pair += n + 1) {
		n = strcspn(pair, "&#");
		if (n == len && memcmp(pair, passed, n) == 0)
			return arena_concat(x->call.arena, "?", passed, NULL);
		if (pair[n] != '&')
			break;
	}
	return "";
}

/* NAME, percent-decoded, as forms write it: "+" for a blank. */
static bool
is_dropped(const char *name, const struct conf_provider *p)
{
	for (size_t i = 0; i < sizeof account_names / sizeof *account_names;
	    i++)
		if (strcasecmp(name, account_names[i]) == 0)
			return true;
	return p->api_version != NULL && strcasecmp(name, "api-version") == 0;
}

static bool
passes(struct exchange *x, const char *pair, size_t n,
    const struct conf_provider *p)
{
	const char *equals = memchr(pair, '=', n);
	const char *name = path_decode(x->call.arena, pair, equals == NULL ?
	    n : (size_t)(equals - pair));

	return n > 0 && name != NULL && strcspn(name, ";") == strlen(name) &&
	    !is_dropped(name + strspn(name, " +"), p);
}

const char *
query_of_passthrough(struct exchange *x, const struct conf_provider *p)
{
	const char *pair = find_query(x);
	char	*out = arena_alloc(x->call.arena, strlen(pair) + 2), *end = out;
	size_t	 n;

	for (;; pair += n + 1) {
		n = strcspn(pair, "&#");
		if (passes(x, pair, n, p)) {
			*end = end == out ? '?' : '&';
			memcpy(end + 1, pair, n);
			end += n + 1;
		}
		if (pair[n] != '&')
			return out;
	}
}

static bool
is_true(const char *text)
{
	static const char *const words[] = { "true", "1", "yes", "on", "t",
		"y" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(words[i], text) == 0)
			return true;
	return false;
}

/* What the pair of N bytes says of NAME, decoded; NULL: it is another's. */
static const char *
pair_value(struct exchange *x, const char *pair, size_t n, const char *name)
{
	const char *text = path_decode(x->call.arena, pair, n);
	size_t	 len = strlen(name);

	return text != NULL && strncmp(text, name, len) == 0 &&
	    text[len] == '=' ? text + len + 1 : NULL;
}

const char *
query_find(struct exchange *x, const char *name)
{
	const char *pair = find_query(x), *value;
	size_t	 n;

	for (;; pair += n + 1) {
		n = strcspn(pair, "&#");
		value = pair_value(x, pair, n, name);
		if (value != NULL || pair[n] != '&')
			return value;
	}
}

/* Whatever is no letter or digit is escaped (RFC 3986 section 2.1). */
static const char *
encode(struct arena *arena, const char *value)
{
	static const char hex[] = "0123456789ABCDEF";
	char	*out = arena_alloc(arena, 3 * strlen(value) + 1), *end = out;

	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z') || strchr("-._~", c) != NULL)
			*end++ = (char)c;
		else {
			*end++ = '%';
			*end++ = hex[c >> 4];
			*end++ = hex[c & 15];
		}
	}
	return out;
}

const char *
query_with(struct exchange *x, const char *query, const char *name,
    const char *value)
{
	const char *pair = *query == '?' ? query + 1 : query;
	const char *escaped = encode(x->call.arena, value);
	char	*out = arena_alloc(x->call.arena, strlen(query) +
		    strlen(name) + strlen(escaped) + 4), *end = out;
	size_t	 n;

	for (;; pair += n + 1) {
		n = strcspn(pair, "&");
		if (n > 0 && pair_value(x, pair, n, name) == NULL) {
			*end = end == out ? '?' : '&';
			memcpy(end + 1, pair, n);
			end += n + 1;
		}
		if (pair[n] != '&')
			break;
	}
	*end = end == out ? '?' : '&';
	stpcpy(stpcpy(stpcpy(end + 1, name), "="), escaped);
	return out;
}

bool
query_asks_for_stream(struct exchange *x)
{
	const char *pair = find_query(x), *value;
	size_t	 n;

	for (;; pair += n + 1) {
		n = strcspn(pair, "&#");
		value = pair_value(x, pair, n, "stream");
		if (value != NULL && is_true(value))
			return true;
		if (pair[n] != '&')
			return false;
	}
}
