/* cross_site.h - requests that another site's page has made a browser send. */
#ifndef HANDLERS_CROSS_SITE_H
#define HANDLERS_CROSS_SITE_H

#include <stdbool.h>

#include "handlers/exchange.h"

/*
 * Does a page of another origin ask, which cors.origins does not list? By Origin
 * (RFC 6454), which must be the host's that was asked or base_url's, and by
 * Sec-Fetch-Site (W3C Fetch Metadata), where a sibling of the same site counts as
 * another: who may put pages on one subdomain need not be who runs the gateway. A
 * client that is no browser sends neither.
 */
bool	cross_site_is(const struct exchange *);
#endif
