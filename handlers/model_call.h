/* model_call.h - a call that names a model: plan its targets, and relay. */
#ifndef HANDLERS_MODEL_CALL_H
#define HANDLERS_MODEL_CALL_H

#include "handlers/exchange.h"
#include "handlers/relay.h"

/* Route handler for JSON and multipart bodies. */
void	model_call_handle(struct exchange *);

/* The same with what the relay does besides, for routes of one family. */
void	model_call_start(struct exchange *, const struct relay_order *extras);
#endif
