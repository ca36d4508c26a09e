/* models.h - GET /v1/models and /v1/models/{name}. */
#ifndef HANDLERS_MODELS_H
#define HANDLERS_MODELS_H

#include "handlers/exchange.h"

void	models_handle_list(struct exchange *);
void	models_handle_one(struct exchange *);
#endif
