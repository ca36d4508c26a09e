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
 * pass. The client's own credentials never are.
 */
struct curl_slist *outgoing_fields(struct exchange *,
	    const struct target *);
#endif
