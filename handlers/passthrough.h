/* passthrough.h - any other /v1 path: by its model, or as it is to one provider. */
#ifndef HANDLERS_PASSTHROUGH_H
#define HANDLERS_PASSTHROUGH_H

#include "handlers/exchange.h"

/*
 * A body that names a model goes to the model's target. Anything else (files,
 * batches, ...) goes to a provider whose file says passthrough = true: the one
 * that the x-sluice-provider field names, else the first of the default
 * namespace; 404 where there is none.
 */
void	passthrough_handle(struct exchange *);
#endif
