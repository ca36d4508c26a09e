/* api_usage.h - GET /api/usage: what requests consumed. */
#ifndef HANDLERS_API_USAGE_H
#define HANDLERS_API_USAGE_H

#include "handlers/exchange.h"

void	api_usage_handle(struct exchange *);
#endif
