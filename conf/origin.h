/* origin.h - where a URL leads: its scheme, host and port in one spelling. */
#ifndef CONF_ORIGIN_H
#define CONF_ORIGIN_H

#include <stdbool.h>

enum { ORIGIN_SIZE = 280 };	/* "https://", a host of 253 bytes, a port, NUL */

/*
 * The origin of URL (RFC 6454 section 4): "scheme://host:port" with scheme and
 * host in lower case, an IPv6 address as RFC 5952 writes it, and the port even
 * where it is the scheme's own. False, and OUT is empty: URL is no http or https
 * URL, names a user, or its host or port could be read in two ways.
 */
bool	origin_make(const char *url, char out[ORIGIN_SIZE]);

/* Do both lead to one origin? False where either has none. */
bool	origin_same(const char *a, const char *b);
#endif
