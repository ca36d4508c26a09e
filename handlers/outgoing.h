/* outgoing.h - what a request to a provider looks like. */
#ifndef HANDLERS_OUTGOING_H
#define HANDLERS_OUTGOING_H

#include <curl/curl.h>

#include "handlers/exchange.h"

/* The field by which a gateway recognises its own requests (value "1"). */
#define OUTGOING_HOP_FIELD "X-Sluice-Hop"

/*
 * Fields for TARGET, all in the request's arena: the provider's key and static
 * headers, the hop mark, and those of the client's fields that are allowed to
 * pass. The client's own credentials never are. A body is JSON (it has been
 * checked), so HAS_BODY says so where the client did not.
 */
struct curl_slist *outgoing_fields(struct exchange *,
	    const struct target *, bool has_body);
#endif
