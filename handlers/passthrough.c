#include "config.h"

#include "handlers/passthrough.h"

#include <string.h>

#include "gateway/gate.h"
#include "handlers/outgoing.h"
#include "handlers/relay.h"
#include "handlers/reply.h"
#include "handlers/route.h"

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

/* An upstream may take it for a model call, which has its own rules. */
static bool
resembles_call(const struct exchange *x)
{
	return route_resembles_call(x->call.path) ||
	    snapshot_find_path(x->call.snapshot, route_rest(x->route,
	    x->call.path), true) != SNAPSHOT_PATH_NONE;
}

void
passthrough_handle(struct exchange *x)
{
	const struct target *target = NULL;

	if (gate_check_model(&x->call, NULL) != ERR_NONE) {
		reply_error(x, ERR_MODEL_NOT_ALLOWED, "This API key may be "
		    "used with some models only, and nothing at this path is "
		    "relayed by its model.");
		return;
	}
	if (!resembles_call(x))
		target = find_target(x);
	if (target == NULL)
		reply_error(x, ERR_NOT_FOUND, "There is nothing at this path: "
		    "it is none at which models are called, and no provider "
		    "takes other requests (passthrough).");
	else
		pass(x, target);
}
