/* settle.h - the end of every request, whichever way it ended. */
#ifndef GATEWAY_SETTLE_H
#define GATEWAY_SETTLE_H

#include "gateway/call.h"
#include "store/journal.h"
#include "store/state.h"

/*
 * Write the request's journal line, count what /metrics shows and what its key
 * has spent: all of it, or nothing, whenever the process dies (DESIGN section
 * 7.7). Then let go what it holds of its key's limits. Exactly once for each
 * request.
 */
void	settle(struct state *, struct journal *, const struct call *);
#endif
