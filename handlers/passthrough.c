#include "config.h"

#include "handlers/passthrough.h"

#include <string.h>
#include <strings.h>

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

/*
 * The first one, but for Anthropic's clients the first of Anthropic's, if there is
 * any: what they call files and batches are others than OpenAI's.
 */
static const struct target *
find_target(const struct exchange *x)
{
	const struct snapshot *s = x->call.snapshot;
	const char *name = params_get(&x->request->params,
	    "HTTP_X_SLUICE_PROVIDER");
	bool	 chooses = name == NULL && exchange_is_anthropic(x);
	const struct target *first = NULL;

	for (size_t i = 0; i < s->passthrough_count; i++) {
		const struct target *t = &s->passthroughs[i];

		if (!is_wanted(t, name))
			continue;
		if (!chooses || t->provider->kind == CONF_KIND_ANTHROPIC)
			return t;
		if (first == NULL)
			first = t;
	}
	return first;
}

static void
pass(struct exchange *x, const struct target *target)
{
	static const struct relay_order plain;

	exchange_forget_scan(x);
	relay_to(x, target, &plain);
}

/* First segments that lead to models elsewhere: Azure's, LiteLLM's, a second /v1. */
static const char *const other_roots[] = {
	"v1", "v2", "openai", "deployments", "engines",
};

static bool
has_other_root(const char *rest)
{
	size_t	 n = strcspn(rest, "/");

	for (size_t i = 0; i < sizeof other_roots / sizeof *other_roots; i++)
		if (strlen(other_roots[i]) == n &&
		    strncasecmp(rest, other_roots[i], n) == 0)
			return true;
	return false;
}

/* An upstream may take it for something that has rules of its own here. */
static bool
resembles_other(const struct exchange *x)
{
	const char *rest = route_rest(x->route, x->call.path);

	return route_resembles_other(x->call.path) || has_other_root(rest) ||
	    snapshot_find_path(x->call.snapshot, rest, true) !=
	    SNAPSHOT_PATH_NONE;
}

/* Ids and names of collections; nothing that servers fold or decode twice. */
static bool
is_plain(const char *rest)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:@!$'()*+,=/";

	return rest[strspn(rest, plain)] == '\0';
}

static bool
is_passed(const struct exchange *x)
{
	return is_plain(route_rest(x->route, x->call.path)) &&
	    !resembles_other(x);
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
	if (is_passed(x))
		target = find_target(x);
	if (target == NULL)
		reply_error(x, ERR_NOT_FOUND, "There is nothing at this path: "
		    "it is none at which models are called, and no provider "
		    "takes other requests (passthrough).");
	else
		pass(x, target);
}
