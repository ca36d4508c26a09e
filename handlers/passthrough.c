#include "config.h"

#include "handlers/passthrough.h"

#include <string.h>

#include "gateway/gate.h"
#include "handlers/body.h"
#include "handlers/model_call.h"
#include "handlers/reply.h"

static bool
is_wanted(const struct target *t, const char *name)
{
	const struct conf_provider *p = t->provider;

	return name != NULL ? strcmp(p->name, name) == 0 :
	    strcmp(p->ns, "default") == 0;
}

static const struct target *
find_target(const struct exchange *x)
{
	const struct snapshot *s = x->call.snapshot;
	const char *name = params_get(&x->request->params,
	    "HTTP_X_SLUICE_PROVIDER");

	for (size_t i = 0; i < s->passthrough_count; i++)
		if (is_wanted(&s->passthroughs[i], name))
			return &s->passthroughs[i];
	return NULL;
}

static void
pass(struct exchange *x, const struct target *target)
{
	exchange_forget_scan(x);
	relay_to(x, target, x->content_type);
}

void
passthrough_handle(struct exchange *x)
{
	const struct target *target;

	if (body_has_model(x)) {
		model_call_handle(x);
		return;
	}
	if (gate_check_model(&x->call, NULL) != ERR_NONE) {
		reply_error(x, ERR_MODEL_NOT_ALLOWED, "This API key may be "
		    "used with some models only, and the request names none.");
		return;
	}
	target = find_target(x);
	if (target == NULL)
		reply_error(x, ERR_NOT_FOUND, "There is nothing at this path, "
		    "the request names no model, and no provider takes such "
		    "requests (passthrough).");
	else
		pass(x, target);
}
