/* path.h - a request's path, the same whatever the web server makes of it. */
#ifndef HANDLERS_PATH_H
#define HANDLERS_PATH_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "fcgi/params.h"

struct path {
	const char	*decoded;	/* "/v1/models/a/b": percent-decoded, mount prefix and trailing slash removed */
	const char	*raw;		/* the same place in the client's own spelling, with the query */
	size_t		 raw_len;	/* without the query */
};

/*
 * Find the path from REQUEST_URI (raw and the same behind every server; RFC
 * 3875 does not have it, so SCRIPT_NAME + PATH_INFO stand in where it is
 * missing). What comes before the first of ROOTS ("v1", "api/keys",
 * NULL-terminated) is where the web server mounted us and is cut off. A path
 * with control characters, "." or ".." segments or a broken escape is
 * ERR_BAD_REQUEST. Results live in ARENA.
 */
enum err path_find(struct path *, struct arena *, const struct params *,
	    const char *const *roots);

/*
 * Percent-decode N bytes (RFC 3986 section 2.1), in ARENA. NULL: broken, or a
 * control character.
 */
char	*path_decode(struct arena *, const char *raw, size_t n);
#endif
