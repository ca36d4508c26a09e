#include "config.h"

#include "handlers/path.h"

#include <stdbool.h>
#include <string.h>

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *
path_decode(struct arena *arena, const char *raw, size_t n)
{
	char	*out = arena_alloc(arena, n + 1);
	size_t	 len = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)raw[i];

		if (c == '%') {
			int high = n - i > 2 ? hex_value(raw[i + 1]) : -1;
			int low = n - i > 2 ? hex_value(raw[i + 2]) : -1;

			if (high < 0 || low < 0)
				return NULL;
			c = (unsigned char)(high << 4 | low);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return NULL;
		out[len++] = (char)c;
	}
	return out;
}

static bool
segment_is(const char *segment, size_t n, const char *name)
{
	return strlen(name) == n && memcmp(segment, name, n) == 0;
}

static bool
has_dot_segment(const char *path)
{
	for (const char *s = path; *s != '\0'; s++) {
		size_t n = strcspn(s, "/");

		/* "..;x" and "..\\x" are two dots to some servers upstream. */
		if (memchr(s, '\\', n) != NULL)
			return true;
		n = strcspn(s, "/;");
		if (segment_is(s, n, ".") || segment_is(s, n, ".."))
			return true;
		n = strcspn(s, "/");
		s += n;
		if (*s == '\0')
			break;
	}
	return false;
}

/* Does PATH (N bytes, from a segment on) begin with one of ROOTS? */
static bool
is_root(const char *path, size_t n, const char *const *roots)
{
	size_t	 len;

	for (; *roots != NULL; roots++) {
		len = strlen(*roots);
		if (len <= n && memcmp(path, *roots, len) == 0 &&
		    (len == n || path[len] == '/'))
			return true;
	}
	return false;
}

/* The slash before the first segment that is a root of ours, else RAW. */
static const char *
path_skip_mount(const char *raw, size_t n, const char *const *roots)
{
	const char *end = raw + n, *slash = raw, *next;

	while (slash < end && *slash == '/') {
		next = memchr(slash + 1, '/', (size_t)(end - slash - 1));
		if (next == NULL)
			next = end;
		if (is_root(slash + 1, (size_t)(end - slash - 1), roots))
			return slash;
		slash = next;
	}
	return raw;
}

/* "http://host/path" (RFC 9112 section 3.2.2) has its path behind the authority. */
static const char *
path_skip_authority(const char *uri)
{
	const char *authority = strstr(uri, "://");
	const char *slash;

	if (uri[0] == '/' || authority == NULL)
		return uri;
	slash = strchr(authority + 3, '/');
	return slash == NULL ? "/" : slash;
}

static const char *
path_get_uri(struct arena *arena, const struct params *p)
{
	const char *uri = params_get(p, "REQUEST_URI");
	const char *script = params_get(p, "SCRIPT_NAME");
	const char *info = params_get(p, "PATH_INFO");
	const char *query = params_get(p, "QUERY_STRING");

	if (uri != NULL && *uri != '\0')
		return path_skip_authority(uri);
	return arena_printf(arena, "%s%s%s%s", script == NULL ? "" : script,
	    info == NULL ? "" : info,
	    query == NULL || *query == '\0' ? "" : "?",
	    query == NULL ? "" : query);
}

enum err
path_find(struct path *path, struct arena *arena, const struct params *p,
    const char *const *roots)
{
	const char *uri = path_get_uri(arena, p), *raw;
	size_t	 len = strcspn(uri, "?#");
	char	*decoded;

	for (const char *c = uri; *c != '\0'; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7f)
			return ERR_BAD_REQUEST;
	if (uri[0] != '/')
		return ERR_BAD_REQUEST;
	raw = path_skip_mount(uri, len, roots);
	path->raw = raw;
	path->raw_len = (size_t)(uri + len - raw);
	decoded = path_decode(arena, raw, path->raw_len);
	if (decoded == NULL || has_dot_segment(decoded))
		return ERR_BAD_REQUEST;
	len = strlen(decoded);
	if (len > 1 && decoded[len - 1] == '/')
		decoded[len - 1] = '\0';
	path->decoded = decoded;
	return ERR_NONE;
}
