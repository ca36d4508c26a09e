/* outgoing.h - what a request to a provider looks like. */
#ifndef HANDLERS_OUTGOING_H
#define HANDLERS_OUTGOING_H

#include <curl/curl.h>

#include "handlers/exchange.h"

/* The field by which a gateway recognises its own requests (value "1"). */
#define OUTGOING_HOP_FIELD "X-Sluice-Hop"

/* One request to one place; the strings are borrowed. */
struct outgoing {
	const struct target *target;
	const char	*deployment;	/* kind azure, or NULL */
	const char	*path;		/* what stands after /v1/ */
	const char	*query;		/* "?a=b" or "" */
	const char	*content_type;	/* of the body; NULL = no body */
};

/* The URL, in ARENA. */
const char *outgoing_url(struct arena *, const struct outgoing *);

/*
 * In ARENA: the provider's key and static headers, whose variables CONF knows,
 * the hop mark, and of the exchange the trace and those of the client's fields
 * that are allowed to pass. The client's own credentials never are. The exchange
 * is NULL where the gateway asks of its own accord.
 */
struct curl_slist *outgoing_fields(struct arena *, const struct conf *,
	    const struct exchange *, const struct outgoing *);

/*
 * What stands after /v1/ in the one spelling that has escapes only where they are
 * needed (RFC 3986 section 6.2.2.2). In the arena.
 */
const char *outgoing_client_path(struct exchange *);
#endif
