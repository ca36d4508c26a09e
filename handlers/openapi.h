/* openapi.h - GET /openapi.json: the table of routes as OpenAPI 3.1 tells it. */
#ifndef HANDLERS_OPENAPI_H
#define HANDLERS_OPENAPI_H

#include "handlers/exchange.h"

/*
 * What this configuration serves: the echo routes only where there is an echo
 * provider, for elsewhere they are a 404.
 */
void	openapi_handle(struct exchange *);
#endif
