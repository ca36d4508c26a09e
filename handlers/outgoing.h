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

/* The URL and the fields, in the request's arena. */
const char *outgoing_url(struct exchange *, const struct outgoing *);

/*
 * The provider's key and static headers, the hop mark, and those of the
 * client's fields that are allowed to pass. The client's own credentials never
 * are.
 */
struct curl_slist *outgoing_fields(struct exchange *,
	    const struct outgoing *);

/* The client's spelling of what stands after /v1/, and its query ("" or "?..."). In the arena. */
const char *outgoing_client_path(struct exchange *);
const char *outgoing_client_query(struct exchange *);

/* The client's Content-Type if it names JSON, else "application/json". */
const char *outgoing_json_type(const struct exchange *);
#endif
