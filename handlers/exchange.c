#include "config.h"

#include "handlers/exchange.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/metrics.h"
#include "gateway/settle.h"
#include "gateway/trace.h"
#include "handlers/background.h"
#include "handlers/caller.h"
#include "handlers/capture.h"
#include "handlers/payment.h"
#include "handlers/receive.h"
#include "handlers/reply.h"
#include "handlers/route.h"
#include "store/sessions.h"

enum {
	STATUS_CLIENT_GONE = 499,	/* in the journal alone, as nginx writes it */
	ASKED_MAX_BYTES = 1024,		/* of Access-Control-Request-Headers */
};

const char *const exchange_members[MEMBER__MAX] = {
	[MEMBER_MODEL] = "model", [MEMBER_STREAM] = "stream",
	[MEMBER_STREAM_OPTIONS] = "stream_options",
	[MEMBER_PROMPT_CACHE_KEY] = "prompt_cache_key",
	[MEMBER_USER] = "user",
	[MEMBER_MAX_COMPLETION] = "max_completion_tokens",
	[MEMBER_MAX_TOKENS] = "max_tokens",
	[MEMBER_MAX_OUTPUT] = "max_output_tokens", [MEMBER_N] = "n",
	[MEMBER_BEST_OF] = "best_of",
	[MEMBER_MESSAGES] = "messages",
	[MEMBER_INSTRUCTIONS] = "instructions", [MEMBER_SYSTEM] = "system",
	[MEMBER_METADATA] = "metadata",
};

static struct app *the_app;

void
exchange_set_app(struct app *app)
{
	the_app = app;
	receive_init();
	live_init(&app->live, app->state);
}

/* ---- What the client showed. ---- */

static const char *
find_allowed_origin(const struct exchange *x)
{
	const struct conf *conf = x->call.snapshot->conf;
	const char *origin = params_get(&x->request->params, "HTTP_ORIGIN");

	if (origin == NULL)
		return NULL;
	for (size_t i = 0; i < conf->cors.origin_count; i++)
		if (strcmp(conf->cors.origins[i], "*") == 0 ||
		    strcmp(conf->cors.origins[i], origin) == 0)
			return origin;
	return NULL;
}

/* ---- Before the body. ---- */

/*
 * OPTIONS on a path that exists: what it allows, and CORS where configured
 * (Fetch section 3.2.2).
 */
static void
answer_options(struct exchange *x)
{
	struct response *r = &x->request->response;
	const char *asked = params_get(&x->request->params,
	    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS");

	if (asked == NULL || strlen(asked) > ASKED_MAX_BYTES)
		asked = "authorization, content-type";
	reply_begin(x, 204);
	response_field(r, "Allow", route_allow(x->route));
	if (x->origin != NULL) {
		response_field(r, "Access-Control-Allow-Methods",
		    route_allow(x->route));
		response_field(r, "Access-Control-Allow-Headers",
		    asked);
		response_field(r, "Access-Control-Max-Age", "600");
	}
	request_end(x->request, NULL, 0);
}

/* Who is refused at once is in no list. */
static void
begin_live(struct exchange *x)
{
	const struct live_begin begin = {
		.since_us = x->call.start_wall_us, .id = x->call.id,
		.key_id = x->call.key_id, .method = x->call.method,
		.client_host = x->call.client_host, .path = x->call.path,
	};

	x->live = live_begin(&x->app->live, &begin);
}

/*
 * A WebSocket handshake (RFC 6455 section 4.1) under /v1; mod_fcgid hides Upgrade.
 * Codex, which tries one first, goes on with POST as soon as it hears 426, and not
 * after 404 or 405.
 */
static bool
asks_for_websocket(const struct exchange *x)
{
	const struct params *p = &x->request->params;
	const char *upgrade = params_get(p, "HTTP_UPGRADE");

	if (strcmp(x->call.method, "GET") != 0 ||
	    strncmp(x->call.path, "/v1/", 4) != 0)
		return false;
	return (upgrade != NULL && strcasestr(upgrade, "websocket") != NULL) ||
	    params_get(p, "HTTP_SEC_WEBSOCKET_KEY") != NULL;
}

/* A POST to a path that the configuration relays by model has a row of its own. */
static enum err
find_route(struct exchange *x)
{
	const char *path = x->path.decoded;
	enum err err = route_find(&x->route, x->call.method, path);

	if (err == ERR_NONE && x->route->configured != NULL &&
	    strcmp(x->call.method, "POST") == 0 &&
	    snapshot_find_path(x->call.snapshot, route_rest(x->route, path),
	    false) != SNAPSHOT_PATH_NONE)
		x->route = x->route->configured;
	return err;
}

/*
 * What is relayed by model is spelled as in the table: with an escape it is
 * another path to some upstreams and rules of web servers. A deployment's name
 * may have some, and is no part of any other path.
 */
static bool
is_canonical(const struct exchange *x)
{
	if (x->route->body == ROUTE_BODY_MODEL)
		return !x->path.is_escaped || x->path.deployment != NULL;
	return x->path.deployment == NULL;
}

/* Everything that can be judged by the parameters alone. */
static enum err
judge_head(struct exchange *x)
{
	const struct params *p = &x->request->params;
	enum err err;

	err = path_find(&x->path, &x->request->arena, p, route_roots,
	    x->call.snapshot->conf->mount);
	if (err != ERR_NONE)
		return err;
	x->call.path = x->path.decoded;
	err = find_route(x);
	if (x->route != NULL)
		x->call.route = x->route->pattern;
	if (asks_for_websocket(x))
		return ERR_NO_WEBSOCKET;
	if (err != ERR_NONE)
		return err;
	if (!is_canonical(x))
		return ERR_NOT_FOUND;
	if (x->route->key == ROUTE_KEY_CLIENT &&
	    params_get(p, "HTTP_X_SLUICE_HOP") != NULL)
		return ERR_LOOP;
	err = caller_check(x);
	if (err == ERR_NONE && x->route->key == ROUTE_KEY_CLIENT &&
	    !x->route->is_uncounted)
		err = limit_admit(x->app->state, &x->call);
	if (err != ERR_NONE)
		return err;
	if (x->request->has_length && x->request->content_length >
	    receive_max_bytes(x))
		return ERR_BODY_TOO_LARGE;
	return ERR_NONE;
}

static void
begin_trace(struct exchange *x)
{
	struct call *c = &x->call;
	const char *parent = params_get(&x->request->params,
	    "HTTP_TRACEPARENT");

	c->traceparent = trace_is_parent(parent) ? parent :
	    trace_make_parent(c->arena, c->id);
	c->trace_id = trace_id(c->arena, c->traceparent);
}

static void
begin_call(struct exchange *x)
{
	struct call *c = &x->call;
	const char *host = params_get(&x->request->params, "REMOTE_ADDR");
	const char *method = params_get(&x->request->params,
	    "REQUEST_METHOD");

	c->arena = &x->request->arena;
	c->snapshot = snapshot_ref(x->app->snapshot);
	c->keys = key_list_ref(x->app->keys);
	c->prompts = prompt_list_ref(x->app->prompts);
	id_make(c->id);
	c->start_us = clock_now_us();
	c->start_wall_us = clock_wall_us();
	c->client_host = host == NULL ? "" : host;
	c->method = method == NULL ? "" : method;
	c->path = "";
	begin_trace(x);
	metrics_note_request(x->app->state, 1);
}

static void
on_head(struct request *request)
{
	struct exchange *x = arena_alloc(&request->arena, sizeof *x);
	enum err err;

	request->state = x;
	x->app = the_app;
	x->request = request;
	x->live = live_nowhere;
	begin_call(x);
	spool_init(&x->body,
	    (size_t)x->call.snapshot->conf->limits.memory_body_bytes);
	credentials_find(&x->credentials, &request->params);
	x->origin = find_allowed_origin(x);
	request->response.no_body = strcmp(x->call.method, "HEAD") == 0;
	capture_begin(x);
	err = request->err != ERR_NONE ? request->err : judge_head(x);
	if (err == ERR_METHOD_NOT_ALLOWED &&
	    strcmp(x->call.method, "OPTIONS") == 0)
		answer_options(x);
	else if (err != ERR_NONE)
		reply_error(x, err, NULL);
	else
		begin_live(x);
}

void
exchange_forget_scan(struct exchange *x)
{
	free(x->scan);
	free(x->multipart);
	x->scan = NULL;
	x->multipart = NULL;
}

bool
exchange_is_anthropic(const struct exchange *x)
{
	const char *version = params_get(&x->request->params,
	    "HTTP_ANTHROPIC_VERSION");

	if (x->route != NULL && x->route->body == ROUTE_BODY_MODEL)
		return x->route->dialect == ROUTE_DIALECT_MESSAGES;
	return version != NULL && *version != '\0';
}

const char *
exchange_key_id(const struct exchange *x)
{
	return x->call.key_id == NULL ? "" : x->call.key_id;
}

/* ---- While it is answered, and after. ---- */

void
exchange_note_target(struct exchange *x, const struct target *target)
{
	const struct session_note note = {
		.caller = x->caller, .salt = x->salt,
		.now_ms = clock_wall_us() / 1000, .key_id = x->call.key_id,
		.channel = target->provider->name, .model = x->call.model,
	};

	live_note_target(&x->app->live, x->live, x->call.stream,
	    x->call.model, target->provider->name);
	if (x->caller != 0)
		sessions_note(x->app->state, &note);
}

void
exchange_note_byte(struct exchange *x)
{
	if (x->call.first_byte_us != 0)
		return;
	x->call.first_byte_us = clock_now_us();
	live_note_phase(&x->app->live, x->live, LIVE_ANSWERING);
}

static void
on_body(struct request *request, const char *bytes, size_t n)
{
	receive_body(request->state, bytes, n);
}

static void
on_resume(struct request *request)
{
	receive_resume(request->state);
}

static void
on_body_end(struct request *request, enum err err)
{
	receive_end(request->state, err);
}

static void
on_writable(struct request *request)
{
	struct exchange *x = request->state;

	if (x->writable != NULL)
		x->writable(x);
}

static void
on_gone(struct request *request)
{
	struct exchange *x = request->state;

	if (x->cancel != NULL)
		x->cancel(x);
	x->call.outcome = ERR_CLIENT_GONE;
	if (!x->drains)
		request_abort(request);
}

static void
on_end(struct request *request)
{
	struct exchange *x = request->state;

	if (request->gone) {
		x->call.outcome = ERR_CLIENT_GONE;
		if (x->call.status == 0)
			x->call.status = STATUS_CLIENT_GONE;
	}
	x->call.bytes = request->response.body_bytes;
	if (x->call.is_uncharged)
		x->call.usage = (struct usage){ .source = USAGE_NONE };
	background_detach(x);
	capture_give(x);
	settle(x->app->state, &x->app->journal, &x->call);
	metrics_note_request(x->app->state, -1);
	live_end(&x->app->live, x->live);
	payment_end(x);
	capture_end(x);
	if (x->release != NULL)
		x->release(x);
	if (x->release_extra != NULL)
		x->release_extra(x);
	exchange_forget_scan(x);
	receive_release(x);
	spool_fini(&x->body);
	snapshot_unref(x->call.snapshot);
	key_list_unref(x->call.keys);
	prompt_list_unref(x->call.prompts);
}

const struct request_handler exchange_handler = {
	.head = on_head,
	.body = on_body,
	.resume = on_resume,
	.body_end = on_body_end,
	.writable = on_writable,
	.gone = on_gone,
	.end = on_end,
};
