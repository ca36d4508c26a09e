/* models.h - GET /v1/models and GET /v1/models/{model}.
 *
 * One body for all clients: OpenAI's list, whose items have Anthropic's members
 * too, Anthropic's paging (limit, after_id, before_id), and the catalog of Codex.
 */
#ifndef HANDLERS_MODELS_H
#define HANDLERS_MODELS_H

#include "handlers/exchange.h"

void	models_handle_list(struct exchange *);
void	models_handle_one(struct exchange *);
#endif
