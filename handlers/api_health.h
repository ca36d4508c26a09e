/* api_health.h - GET /api/health: how channels, processes and files are. */
#ifndef HANDLERS_API_HEALTH_H
#define HANDLERS_API_HEALTH_H

#include "handlers/exchange.h"

void	api_health_handle(struct exchange *);
#endif
