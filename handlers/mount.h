/* mount.h - how much of a request's path is where the web server mounted us. */
#ifndef HANDLERS_MOUNT_H
#define HANDLERS_MOUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/params.h"

/*
 * The length of the prefix of the raw path URI (LEN bytes, beginning with "/")
 * behind which our own paths begin; 0: there is none. It is CONFIGURED (may be
 * NULL or "") where the path begins so. Otherwise it is SCRIPT_NAME, or the folder
 * of the program that SCRIPT_NAME names where a rewrite has hidden the program, but
 * only before one of ROOTS ("v1", "api/keys", NULL-terminated).
 *
 * A prefix that begins with the first segment of a root is none: rules of the web
 * server for /api would not hold for /api/v1. Nor is SCRIPT_NAME believed behind
 * lighttpd, which takes it from the path that the client sends (RFC 3875 section
 * 4.1.13 leaves that open).
 */
size_t	mount_length(const char *uri, size_t len, const struct params *,
	    const char *const *roots, const char *configured);

/* Does PATH, "/v1/models", begin with one of ROOTS, in N bytes? */
bool	mount_is_root(const char *path, size_t n, const char *const *roots);
#endif
