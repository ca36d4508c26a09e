#include "config.h"

#include "gateway/deny.h"

#include <string.h>

/*
 * Where a file names none. By the documents of OpenRouter (models, route, provider,
 * preset), LiteLLM's proxy (fallbacks and the like, api_base, user_config), the
 * Vercel AI gateway (providerOptions), vLLM, SGLang and TGI (adapters), and of
 * OpenAI's own first API (engine).
 */
static const char *const usual[] = {
	"models", "model_list", "route", "provider", "preset", "fallbacks",
	"fallback_models", "default_fallbacks", "context_window_fallbacks",
	"content_policy_fallbacks", "mock_testing_fallbacks",
	"mock_testing_context_fallbacks",
	"mock_testing_content_policy_fallbacks", "api_base", "base_url",
	"custom_llm_provider", "user_config", "litellm_params", "extra_body",
	"provider_options", "deployment", "deployment_id",
	"specific_deployment", "engine", "lora_path", "adapter_id",
};

void
deny_init(struct deny *d)
{
	spelling_init(&d->names);
	d->has_all = false;
}

/* The bit of NAME, which is added if it is new; 0: there is no room. */
static uint64_t
bit_of(struct deny *d, const char *name)
{
	size_t i = 0;

	while (i < d->names.count && strcmp(d->names.names[i], name) != 0)
		i++;
	if (i == SPELLING_MAX)
		return 0;
	if (i == d->names.count)
		spelling_add(&d->names, name);
	return UINT64_C(1) << i;
}

uint64_t
deny_add(struct deny *d, const struct conf_provider *p, bool *full)
{
	bool is_own = p->deny_member_count > 0;
	const char *const *list = is_own ?
	    (const char *const *)p->deny_members : usual;
	size_t count = is_own ? p->deny_member_count :
		    sizeof usual / sizeof usual[0];
	uint64_t mask = 0, bit;

	if (p->deny_to == CONF_DENY_NOBODY)
		return 0;
	d->has_all |= p->deny_to == CONF_DENY_ALL;
	for (size_t i = 0; i < count; i++) {
		bit = bit_of(d, list[i]);
		*full |= bit == 0;
		mask |= bit;
	}
	return mask;
}

const char *
deny_find(const struct deny *d, const struct conf_provider *p, uint64_t denied,
    uint64_t mask, bool is_limited)
{
	mask &= denied;
	if (mask == 0 || (!is_limited && p->deny_to != CONF_DENY_ALL))
		return NULL;
	return d->names.names[__builtin_ctzll(mask)];
}
