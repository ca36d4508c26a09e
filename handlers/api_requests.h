/* api_requests.h - GET /api/requests: what is being served just now. */
#ifndef HANDLERS_API_REQUESTS_H
#define HANDLERS_API_REQUESTS_H

#include "handlers/exchange.h"

void	api_requests_handle(struct exchange *);
#endif
