/* caller.h - who is calling, and may they use this route. */
#ifndef HANDLERS_CALLER_H
#define HANDLERS_CALLER_H

#include "base/err.h"
#include "handlers/exchange.h"

/*
 * By the route's policy, before the body: a client's key, one of administrators,
 * or none. Fills in the call's key, and retry_after_s where an address that has
 * shown many wrong keys has to wait.
 */
enum err caller_check(struct exchange *);
#endif
