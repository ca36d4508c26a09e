/* api_log.h - GET /api/log: the newest lines of the journal. */
#ifndef HANDLERS_API_LOG_H
#define HANDLERS_API_LOG_H

#include "handlers/exchange.h"

void	api_log_handle(struct exchange *);
#endif
