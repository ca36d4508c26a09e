/* query.h - what of a client's query goes to a provider. */
#ifndef HANDLERS_QUERY_H
#define HANDLERS_QUERY_H

#include <stdbool.h>

#include "handlers/exchange.h"

/*
 * For a call by model: the pair that the route passes, if the client sent just
 * that, as "?name=value"; else "". Servers that read forms put the query above the
 * body (Go's FormValue), so nothing else may be there. Static memory or the arena.
 */
const char *query_of_call(struct exchange *);

/*
 * For what is passed through to PROVIDER: the client's pairs in their own
 * spelling, without those that name an account or a key, and without api-version
 * where the provider has one. "" or "?..."; in the arena.
 */
const char *query_of_passthrough(struct exchange *,
	    const struct conf_provider *);
/* The value of the client's first pair NAME, decoded, in the arena; NULL: none. */
const char *query_find(struct exchange *, const char *name);

/*
 * QUERY ("" or "?...") with the pair NAME=VALUE in place of those that it has of
 * that name. In the arena.
 */
const char *query_with(struct exchange *, const char *query,
	    const char *name, const char *value);

/* Does the client's query ask for a stream, as web frameworks read truth? */
bool	query_asks_for_stream(struct exchange *);
#endif
