/* health.h - GET /health and /health/{model}. */
#ifndef HANDLERS_HEALTH_H
#define HANDLERS_HEALTH_H

#include "handlers/exchange.h"

void	health_handle(struct exchange *);

/*
 * Ask every distinct place that serves the model for its health path, with its
 * key, all at once and each under its health.timeout. 200 when all answer with
 * 2xx; 503 says which provider failed and why, in words of ours alone.
 */
void	health_handle_model(struct exchange *);
#endif
