/* api_config.h - GET /api/config: the configuration in force. */
#ifndef HANDLERS_API_CONFIG_H
#define HANDLERS_API_CONFIG_H

#include "handlers/exchange.h"

void	api_config_handle(struct exchange *);
#endif
