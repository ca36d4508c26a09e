/* path.h - a request's path, the same whatever the web server makes of it. */
#ifndef HANDLERS_PATH_H
#define HANDLERS_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "fcgi/params.h"

struct path {
	const char	*decoded;	/* "/v1/models/a/b": percent-decoded, mount prefix and trailing slash removed, other ways in as "/v1/..." */
	const char	*raw;		/* the client's own spelling behind the mount prefix, with the query */
	size_t		 raw_len;	/* without the query */
	const char	*deployment;	/* of ".../deployments/NAME/...", or NULL */
	bool		 is_escaped;	/* what is decoded was spelled with percent signs */
};

/*
 * Find the path from REQUEST_URI (raw and the same behind every server; RFC
 * 3875 does not have it, so SCRIPT_NAME + PATH_INFO stand in where it is
 * missing). A mount prefix is cut off; see mount_length, also for ROOTS and MOUNT.
 *
 * The ways in of Azure's clients lead to the same places: /openai/v1/X and
 * /openai/X are /v1/X, and /openai/deployments/NAME/X as well as
 * /v1/deployments/NAME/X are /v1/X with the deployment apart. /v2/rerank, where
 * Cohere's clients look, is /v1/rerank.
 *
 * ERR_BAD_REQUEST: a control character, a "." or ".." segment, a backslash or a
 * broken escape. ERR_PATH: an empty segment or ";", which some servers and
 * upstreams fold and others do not. ERR_NOT_FOUND: a root that is spelled with
 * escapes. Results live in ARENA.
 */
enum err path_find(struct path *, struct arena *, const struct params *,
	    const char *const *roots, const char *mount);

/*
 * Percent-decode N bytes (RFC 3986 section 2.1), in ARENA. NULL: broken, or a
 * control character.
 */
char	*path_decode(struct arena *, const char *raw, size_t n);
#endif
