#include "config.h"

#include "handlers/route.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PATH_ADVISED_MAX = 128 };

/* Bytes of a pattern that must stand in the path as they are, before a final "*". */
static size_t
pattern_literal(const char *pattern)
{
	return strcspn(pattern, "*");
}

/*
 * Walk to the pattern's next placeholder: *PATH is then what it stands for, of
 * the length that is returned, and *PATTERN is behind it. 0: they differ before
 * there is one, or it stands for nothing, or both are at their ends.
 */
static size_t
pattern_next(const char **pattern, const char **path)
{
	size_t	 len;

	while (**pattern != '\0' && **pattern == **path &&
	    **pattern != '{' && **pattern != '*') {
		++*pattern;
		++*path;
	}
	if (**pattern != '{' && **pattern != '*')
		return 0;
	len = **pattern == '*' ? strlen(*path) : strcspn(*path, "/");
	if (len > 0)
		*pattern += strcspn(*pattern, "}*") + 1;
	return len;
}

static bool
pattern_matches(const char *pattern, const char *path)
{
	size_t	 len;

	while ((len = pattern_next(&pattern, &path)) > 0)
		path += len;
	return *pattern == '\0' && *path == '\0';
}

/*
 * What "*" stands for. TRACE would show the client the request as the provider
 * got it, with the provider's key (RFC 9110 section 9.3.8); what any other
 * method does upstream is not known here.
 */
static const char *const methods[] = {
	"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE",
};

static bool
method_is_known(const char *method)
{
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (strcmp(methods[i], method) == 0)
			return true;
	return false;
}

static bool
method_is(const struct route *r, const char *method)
{
	if (r->method[0] == '*')
		return method_is_known(method);
	return strcmp(r->method, method) == 0 ||
	    (strcmp(r->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

enum err
route_find(const struct route **out, const char *method, const char *path)
{
	const struct route *first = NULL;

	for (size_t i = 0; i < route_count; i++) {
		const struct route *r = &routes[i];

		if (!pattern_matches(r->pattern, path) || (first != NULL &&
		    strcmp(first->pattern, r->pattern) != 0))
			continue;
		if (first == NULL)
			first = r;
		if (method_is(r, method)) {
			*out = r;
			return ERR_NONE;
		}
	}
	*out = first;
	return first == NULL ? ERR_NOT_FOUND : ERR_METHOD_NOT_ALLOWED;
}

static bool
is_messages(const struct route *row)
{
	return row->dialect == ROUTE_DIALECT_MESSAGES;
}

/*
 * Does PATH end with ROW's part behind "/v1", in any case? Anthropic's two must
 * be the whole path: OpenAI's threads have messages of their own.
 */
static bool
ends_like(const char *path, const struct route *row)
{
	const char *end = is_messages(row) ? row->pattern :
		    strchr(row->pattern + 1, '/');
	size_t	 n = strlen(path), len = strlen(end);

	if (is_messages(row) && n != len)
		return false;
	return n >= len && strcasecmp(path + n - len, end) == 0;
}

/* Is PATH, which no row above "*" has, one of ROW in another case? */
static bool
is_like(const char *path, const struct route *row)
{
	size_t	 n = pattern_literal(row->pattern);

	if (row->method[0] == '*')
		return false;
	return row->pattern[n] == '*' ? strncasecmp(path, row->pattern, n) ==
	    0 : strcasecmp(path, row->pattern) == 0;
}

bool
route_resembles_other(const char *path)
{
	for (size_t i = 0; i < route_count; i++)
		if (is_like(path, &routes[i]) ||
		    (routes[i].body == ROUTE_BODY_MODEL &&
		    ends_like(path, &routes[i])))
			return true;
	return false;
}

const char *
route_rest(const struct route *r, const char *path)
{
	return path + pattern_literal(r->pattern);
}

const char *
route_param(const struct route *r, const char *path, size_t index,
    struct arena *arena)
{
	const char *pattern = r->pattern;
	size_t	 len;

	while ((len = pattern_next(&pattern, &path)) > 0 && index-- > 0)
		path += len;
	return len == 0 ? NULL : arena_strndup(arena, path, len);
}

static bool
is_row(const char *path)
{
	const struct route *r;

	return route_find(&r, "GET", path) != ERR_NOT_FOUND &&
	    r->method[0] != '*';
}

const char *
route_advice(const char *path)
{
	char	 below[PATH_ADVISED_MAX];

	if (strncmp(path, "/v1/v1/", 7) == 0)
		return "There is nothing at this path: it has /v1 twice. "
		    "Leave /v1 out of the client's base URL.";
	if (strlen(path) < 2 || (strncmp(path, "/v1", 3) == 0 &&
	    (path[3] == '/' || path[3] == '\0')) ||
	    snprintf(below, sizeof below, "/v1%s", path) >= (int)sizeof below)
		return NULL;
	return is_row(below) || route_resembles_other(path) ?
	    "There is nothing at this path; it lacks /v1. Let the client's "
	    "base URL end with /v1." : NULL;
}

/* The rows of one pattern, joined. */
const char *
route_allow(const struct route *r)
{
	static char list[64];
	size_t	 len = 0;

	if (r->method[0] == '*')
		return "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
	for (const struct route *i = routes; i < routes + route_count; i++)
		if (strcmp(i->pattern, r->pattern) == 0)
			len += (size_t)snprintf(list + len, sizeof list - len,
			    "%s, %s", i->method,
			    strcmp(i->method, "GET") == 0 ? "HEAD, " : "");
	snprintf(list + len, sizeof list - len, "OPTIONS");
	return list;
}
