/* api_mappings.h - /api/models/{id}/channels: which channels have a model (S3). */
#ifndef HANDLERS_API_MAPPINGS_H
#define HANDLERS_API_MAPPINGS_H

#include "handlers/exchange.h"

struct form;

/* What a body may say. */
extern const struct form api_mappings_form;

void	api_mappings_handle_list(struct exchange *);
void	api_mappings_handle_create(struct exchange *);
void	api_mappings_handle_delete(struct exchange *);
#endif
