#include "config.h"

#include "handlers/path.h"

#include <stdbool.h>
#include <string.h>

#include "base/http.h"
#include "handlers/mount.h"

char *
path_decode(struct arena *arena, const char *raw, size_t n)
{
	char	*out = arena_alloc(arena, n + 1);
	size_t	 len = 0;
	int	 c;

	for (size_t i = 0; i < n; i += raw[i] == '%' ? 3 : 1) {
		c = http_decode_byte(raw + i, n - i);
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

/* One slash at the end is the client's habit and cut off later. */
static bool
has_empty_segment(const char *path)
{
	return strstr(path, "//") != NULL || strchr(path, ';') != NULL;
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

/* "/NAME/chat/completions" behind "/deployments": the rest, or NULL. */
static const char *
take_deployment(struct path *path, struct arena *arena, const char *rest)
{
	const char *name = rest + 1, *slash = strchr(name, '/');

	if (*rest != '/' || slash == NULL || slash == name)
		return NULL;
	path->deployment = arena_strndup(arena, name, (size_t)(slash - name));
	return slash;
}

/* What stands behind PREFIX in PATH, which is a whole segment of it; or NULL. */
static const char *
skip_prefix(const char *path, const char *prefix)
{
	size_t	 n = strlen(prefix);

	return strncmp(path, prefix, n) == 0 && (path[n] == '/' ||
	    path[n] == '\0') ? path + n : NULL;
}

/* What stands behind "/openai/v1", "/openai" or "/v1" in PATH; NULL: none of them. */
static const char *
skip_version(const char *path)
{
	const char *openai = skip_prefix(path, "/openai"), *rest;

	rest = skip_prefix(openai != NULL ? openai : path, "/v1");
	return rest != NULL ? rest : openai;
}

/*
 * The one path of what has several. Azure's clients name a deployment, and with it the model, in the path; their
 * other paths stand below /openai, with or without a v1.
 */
static const char *
resolve_alias(struct path *path, struct arena *arena, const char *decoded)
{
	const char *rest = skip_version(decoded), *behind;

	if (strcmp(decoded, "/v2/rerank") == 0)
		return "/v1/rerank";	/* Cohere's second version */
	if (rest == NULL)
		return decoded;
	behind = skip_prefix(rest, "/deployments");
	if (behind != NULL)
		behind = take_deployment(path, arena, behind);
	return arena_concat(arena, "/v1", behind != NULL ? behind : rest,
	    NULL);
}

static enum err
path_split(struct path *path, struct arena *arena, const char *raw, size_t n,
    const char *const *roots)
{
	char	*decoded = path_decode(arena, raw, n);
	size_t	 len = strlen(decoded);

	if (mount_is_root(decoded, len, roots) != mount_is_root(raw, n, roots))
		return ERR_NOT_FOUND;	/* "/v%31/": nobody writes it in good faith */
	if (len > 1 && decoded[len - 1] == '/')
		decoded[--len] = '\0';
	*path = (struct path){ .raw = raw, .raw_len = n,
		.is_escaped = memchr(raw, '%', n) != NULL };
	path->decoded = resolve_alias(path, arena, decoded);
	return ERR_NONE;
}

enum err
path_find(struct path *path, struct arena *arena, const struct params *p,
    const char *const *roots, const char *mount)
{
	const char *uri = path_get_uri(arena, p), *whole;
	size_t	 len = strcspn(uri, "?#"), n;

	for (const char *c = uri; *c != '\0'; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7f)
			return ERR_BAD_REQUEST;
	if (uri[0] != '/')
		return ERR_BAD_REQUEST;
	whole = path_decode(arena, uri, len);
	if (whole == NULL || has_dot_segment(whole))
		return ERR_BAD_REQUEST;
	if (has_empty_segment(whole))
		return ERR_PATH;
	n = mount_length(uri, len, p, roots, mount);
	return n == len ? ERR_NOT_FOUND :
	    path_split(path, arena, uri + n, len - n, roots);
}
