#include "config.h"

#include "handlers/model_call.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "gateway/gate.h"
#include "handlers/body.h"
#include "handlers/estimate.h"
#include "handlers/object_work.h"
#include "handlers/prompt.h"
#include "handlers/query.h"
#include "handlers/references.h"
#include "handlers/reply.h"
#include "handlers/route.h"

enum { HEADER_NAME_MAX = 128 };

/*
 * What clients call the header of a conversation, in the order of preference:
 * opencode, Codex and pi (session_id; nginx drops names with an underscore), Claude
 * Code, and routers that cache by it.
 */
static const char *const session_params[] = {
	"HTTP_X_SESSION_ID", "HTTP_SESSION_ID", "HTTP_X_CLAUDE_CODE_SESSION_ID",
	"HTTP_X_SESSION_AFFINITY",
};

/* "header:X-Team" -> "HTTP_X_TEAM" (RFC 3875 section 4.1.18). */
static const char *
get_named_header(const struct exchange *x, const char *name)
{
	char	 param[HEADER_NAME_MAX + 6] = "HTTP_";
	size_t	 n = 5;

	for (; *name != '\0' && n < sizeof param - 1; name++, n++)
		param[n] = *name == '-' ? '_' : *name >= 'a' && *name <= 'z' ?
		    (char)(*name - 'a' + 'A') : *name;
	param[n] = '\0';
	return params_get(&x->request->params, param);
}

/*
 * By what the caller is known, so that it meets the same channel again (DESIGN
 * 7.8); NULL: by nothing. Last comes the store's user: keys that only the
 * environment names are shared by who knows whom.
 */
static const char *
find_sticky(const struct exchange *x, const struct body *b)
{
	const char *rule = x->call.snapshot->conf->sticky, *value;

	if (rule == NULL || strcmp(rule, "none") == 0)
		return NULL;
	if (strncasecmp(rule, "header:", 7) == 0)
		return get_named_header(x, rule + 7);
	for (size_t i = 0; i < sizeof session_params / sizeof *session_params;
	    i++) {
		value = params_get(&x->request->params, session_params[i]);
		if (value != NULL && *value != '\0')
			return value;
	}
	return b->sticky != NULL || x->call.key == NULL ? b->sticky :
	    x->call.key->id;
}

/* Who is not sticky draws from the request's id, which is random. */
static uint64_t
hash_caller(struct exchange *x, const char *sticky)
{
	if (sticky == NULL || *sticky == '\0')
		return channel_hash(x->call.id, strlen(x->call.id));
	x->caller = channel_hash(sticky, strlen(sticky));
	x->salt = salts_find(x->app->salts, x->caller);
	return channel_hash_salted(x->caller, x->salt);
}

static enum err
make_plan(struct exchange *x, const struct body *b, struct plan *plan,
    const char *api_path, const struct target *place)
{
	struct snapshot *s = x->call.snapshot;
	uint64_t key = hash_caller(x, find_sticky(x, b));
	struct plan_query q = {
		.model = x->call.model, .api_path = api_path,
		.is_named_path = x->route->api_path == NULL &&
		    snapshot_find_path(s, api_path, false) !=
		    SNAPSHOT_PATH_ALL,
		.is_sticky = x->caller != 0, .key = key,
		.now_ms = clock_wall_us() / 1000, .place = place,
	};
	enum err err;

	q.client = x->call.client = gate_client(&x->call);
	snapshot_refresh(s, x->app->state, q.now_ms);
	err = plan_make(plan, s, &q);
	x->call.is_model_known = plan->is_exact;
	return err;
}

static enum err
reserve(struct exchange *x, const struct body *b, const struct plan *plan)
{
	struct limit_ask ask;

	if (x->call.limit.account == 0)
		return ERR_NONE;
	ask = estimate_make(x, b, plan->steps[0].target);
	return limit_reserve(x->app->state, &x->call, &ask);
}

/* A path that only the configuration knows goes up as it is. */
static const char *
get_api_path(const struct exchange *x)
{
	return x->route->api_path != NULL ? x->route->api_path :
	    x->call.path + strlen("/v1/");
}

/* A call on its way to the relay. */
struct model_call {
	struct relay_order order;
	struct body	*body;
};

/* Does the body name what one of the plan's providers does not take of this key? */
static enum err
check_denied(struct exchange *x, const struct body *b, const struct plan *plan)
{
	bool	 is_limited = gate_check_model(&x->call, NULL) != ERR_NONE;
	const char *name = NULL;

	for (size_t i = 0; b->noted != 0 && name == NULL && i < plan->count;
	    i++)
		name = deny_find(&x->call.snapshot->deny,
		    plan->steps[i].target->provider,
		    plan->steps[i].target->denied, b->noted, is_limited);
	x->param = name;
	return name == NULL ? ERR_NONE : ERR_MEMBER_DENIED;
}

/* PLACE has what the request's body names; NULL: it names nothing. */
static enum err
fill_order(struct exchange *x, struct model_call *c,
    const struct target *place)
{
	const char *api_path = get_api_path(x);
	struct relay_order *order = &c->order;
	enum err err;

	order->plan = arena_alloc(x->call.arena, sizeof *order->plan);
	err = make_plan(x, c->body, order->plan, api_path, place);
	if (err == ERR_NONE)
		err = check_denied(x, c->body, order->plan);
	if (err != ERR_NONE)
		return err;
	c->body->prompt = prompt_find(x);
	err = reserve(x, c->body, order->plan);
	if (err != ERR_NONE)
		return err;
	order->ask = (struct try_order){
		.method = x->call.method,
		.body = c->body,
		.counts = x->route->counts_tokens,
		.answer = x->route->answer,
		.outgoing = {
			.path = api_path,
			.query = query_of_call(x),
			.content_type = x->content_type,
		},
	};
	return ERR_NONE;
}

static void
reply_model(struct exchange *x, enum err err, const struct target *place)
{
	const char *text = NULL;

	if (err == ERR_MODEL_NOT_FOUND)
		text = place == NULL ? arena_printf(x->call.arena,
		    "The model '%s' does not exist, or is not served here.",
		    x->call.model) : arena_printf(x->call.arena,
		    "The model '%s' is not served where the objects are that "
		    "the request names.", x->call.model);
	if (err == ERR_MEMBER_DENIED)
		text = arena_printf(x->call.arena, "The member \"%s\" may "
		    "choose another model, which this API key may not.",
		    x->param);
	reply_error(x, err, text);
}

static void
relay_call(struct exchange *x, struct model_call *c,
    const struct target *place)
{
	enum err err = fill_order(x, c, place);

	exchange_forget_scan(x);
	if (err != ERR_NONE)
		reply_model(x, err, place);
	else
		relay_start(x, &c->order);
}

static void
on_found(struct exchange *x, enum objects_result result,
    const struct object *o)
{
	bool	 is_anywhere = result == OBJECTS_OK && o->provider[0] == '\0';
	const struct target *place = result == OBJECTS_OK ?
		    object_work_target(x, o) : NULL;

	if (place != NULL || is_anywhere)
		relay_call(x, x->state, place);
	else
		object_work_refuse(x, result, o);
}

/* What the body names must be the key's own, and decides who is asked. */
static void
find_references(struct exchange *x, struct model_call *c)
{
	struct id_list list;
	enum err err = references_read(x, &list);

	if (err != ERR_NONE)
		reply_error(x, err, NULL);
	else if (list.count == 0)
		relay_call(x, c, NULL);
	else {
		x->state = c;
		object_work_find_all(x, &list, NULL, on_found);
	}
}

/* Where a body need not name one, but none is configured that it could mean. */
static const char *
say_missing(const struct exchange *x)
{
	const char *piece = x->route->usual_models;

	return piece == NULL ? NULL : arena_printf(x->call.arena,
	    "You must provide a model parameter: no model for %s is configured "
	    "that could stand for it, and there is no default_model.", piece);
}

void
model_call_start(struct exchange *x, const struct relay_order *extras)
{
	struct model_call *c = arena_alloc(x->call.arena, sizeof *c);
	enum err err;

	c->order = *extras;
	c->body = arena_alloc(x->call.arena, sizeof *c->body);
	err = body_read(x, c->body);
	if (err == ERR_NONE)
		err = gate_check_model(&x->call, x->call.model);
	if (err != ERR_NONE)
		reply_error(x, err, err == ERR_MODEL_MISSING ?
		    say_missing(x) : NULL);
	else if (x->scan != NULL && x->scan->has_wanted)
		find_references(x, c);
	else
		relay_call(x, c, NULL);
}

void
model_call_handle(struct exchange *x)
{
	static const struct relay_order plain;

	model_call_start(x, &plain);
}
