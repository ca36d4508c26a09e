/* passthrough.h - any other /v1 path, as it is to one provider. */
#ifndef HANDLERS_PASSTHROUGH_H
#define HANDLERS_PASSTHROUGH_H

#include "handlers/exchange.h"

/*
 * What is not relayed by model (files, batches, ...), whatever its body names,
 * goes to a provider whose file says passthrough = true: the one that the
 * x-sluice-provider field names, else the first of the default namespace; 404
 * where there is none. A key that may use some models only may not do that.
 */
void	passthrough_handle(struct exchange *);
#endif
