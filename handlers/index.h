/* index.h - what stands at the gateway's own address. */
#ifndef HANDLERS_INDEX_H
#define HANDLERS_INDEX_H

#include "handlers/exchange.h"

/*
 * GET and HEAD of / and /v1: where to go from here. Claude Code asks HEAD / when
 * it starts, without a key, and so do monitors with whatever address they have.
 */
void	index_handle(struct exchange *);
#endif
