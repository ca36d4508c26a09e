/* relay.h - POST /v1/...: find the target, splice the body, pass the answer on. */
#ifndef HANDLERS_RELAY_H
#define HANDLERS_RELAY_H

#include "handlers/exchange.h"

/* Route handler: the body is complete and scanned. */
void	relay_handle(struct exchange *);
#endif
