/* api_llm_key.h - /admin/setllmkey: a provider file's key, given at run time (S4). */
#ifndef HANDLERS_API_LLM_KEY_H
#define HANDLERS_API_LLM_KEY_H

#include "handlers/exchange.h"

struct form;

/* What a body may say. */
extern const struct form api_llm_key_form;

void	api_llm_key_handle_set(struct exchange *);
#endif
