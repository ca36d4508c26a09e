/* api_models.h - /api/models: models that are made at run time (S3). */
#ifndef HANDLERS_API_MODELS_H
#define HANDLERS_API_MODELS_H

#include "handlers/exchange.h"

struct form;

/* What a body may say. */
extern const struct form api_models_form;

void	api_models_handle_list(struct exchange *);
void	api_models_handle_one(struct exchange *);
void	api_models_handle_create(struct exchange *);
void	api_models_handle_rename(struct exchange *);
void	api_models_handle_delete(struct exchange *);
#endif
