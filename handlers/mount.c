#include "config.h"

#include "handlers/mount.h"

#include <stdbool.h>
#include <string.h>

#include "base/http.h"

bool
mount_is_root(const char *path, size_t n, const char *const *roots)
{
	size_t	 len;

	if (n == 0 || path[0] != '/')
		return false;
	for (path++, n--; *roots != NULL; roots++) {
		len = strlen(*roots);
		if (len <= n && memcmp(path, *roots, len) == 0 &&
		    (len == n || path[len] == '/'))
			return true;
	}
	return false;
}

/* Is the first segment of PREFIX, "/api/x", that of a root? */
static bool
hides_a_root(const char *prefix, size_t n, const char *const *roots)
{
	const char *end = memchr(prefix + 1, '/', n - 1);
	size_t	 len = (end == NULL ? n : (size_t)(end - prefix)) - 1;

	for (; *roots != NULL; roots++)
		if (strcspn(*roots, "/") == len &&
		    memcmp(*roots, prefix + 1, len) == 0)
			return true;
	return false;
}

/* How many bytes of URI, percent-decoded, are the N bytes of TEXT? 0: they differ. */
static size_t
decoded_prefix(const char *uri, size_t len, const char *text, size_t n)
{
	size_t	 at = 0;
	int	 c;

	for (size_t i = 0; i < n; i++) {
		c = at < len ? http_decode_byte(uri + at, len - at) : -1;
		if (c < 0 || c != (unsigned char)text[i])
			return 0;
		at += uri[at] == '%' ? 3 : 1;
	}
	return at;
}

static size_t
folder_length(const char *script)
{
	const char *slash = strrchr(script, '/');

	return slash == NULL ? 0 : (size_t)(slash - script);
}

static size_t
script_prefix(const char *uri, size_t len, const struct params *p)
{
	const char *script = params_get(p, "SCRIPT_NAME");
	const char *software = params_get(p, "SERVER_SOFTWARE");
	size_t	 at;

	if (script == NULL || script[0] != '/' || (software != NULL &&
	    strncmp(software, "lighttpd", 8) == 0))
		return 0;
	at = decoded_prefix(uri, len, script, strlen(script));
	return at != 0 ? at : decoded_prefix(uri, len, script,
	    folder_length(script));
}

static bool
begins_at_segment(const char *uri, size_t len, const char *prefix, size_t n)
{
	return n > 0 && n <= len && memcmp(uri, prefix, n) == 0 &&
	    (n == len || uri[n] == '/');
}

size_t
mount_length(const char *uri, size_t len, const struct params *p,
    const char *const *roots, const char *configured)
{
	size_t	 n = configured == NULL ? 0 : strlen(configured);

	if (begins_at_segment(uri, len, configured, n))
		return n;
	n = script_prefix(uri, len, p);
	return n > 0 && mount_is_root(uri + n, len - n, roots) &&
	    !hides_a_root(uri, n, roots) ? n : 0;
}
