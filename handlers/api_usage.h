/* api_usage.h - GET /api/usage: what requests consumed. */
#ifndef HANDLERS_API_USAGE_H
#define HANDLERS_API_USAGE_H

#include "handlers/exchange.h"
#include "handlers/route.h"

/* What the query may say. */
extern const struct route_query api_usage_query[];

void	api_usage_handle(struct exchange *);
#endif
