/* settle.h - the end of every request, whichever way it ended. */
#ifndef GATEWAY_SETTLE_H
#define GATEWAY_SETTLE_H

#include "gateway/call.h"
#include "store/journal.h"

/* Write the request's journal line. Exactly once for each request. */
void	settle(struct journal *, const struct call *);
#endif
