/* responses.h - /v1/responses and what is asked for by a response's id later. */
#ifndef HANDLERS_RESPONSES_H
#define HANDLERS_RESPONSES_H

#include "handlers/exchange.h"

/* POST /v1/responses: a model call whose answer's id is remembered. */
void	responses_handle_create(struct exchange *);

/*
 * GET and DELETE /v1/responses/{id}, POST .../cancel, GET .../input_items: to
 * the provider that made it. Another key's id is a 404, like one never made.
 */
void	responses_handle_by_id(struct exchange *);
#endif
