/* api_log.h - GET /api/log: the newest lines of the journal. */
#ifndef HANDLERS_API_LOG_H
#define HANDLERS_API_LOG_H

#include "handlers/exchange.h"
#include "handlers/route.h"

/* What the query may say. */
extern const struct route_query api_log_query[];

void	api_log_handle(struct exchange *);
#endif
