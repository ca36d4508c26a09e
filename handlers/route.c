#include "config.h"

#include "handlers/route.h"

#include <stdio.h>
#include <string.h>

#include "handlers/echo.h"
#include "handlers/health.h"
#include "handlers/models.h"
#include "handlers/relay.h"

#define RELAY(path, text) {						\
	.method = "POST", .pattern = path, .key = ROUTE_KEY_CLIENT,	\
	.body = ROUTE_BODY_JSON, .relayed = true, .handle = relay_handle, \
	.help = text }
#define ECHO_ROUTE(m, path, b, f, text) {					\
	.method = m, .pattern = path, .key = ROUTE_KEY_ECHO, .body = b,	\
	.handle = f, .help = text }

const struct route routes[] = {
	RELAY("/v1/chat/completions", "chat, streamed or not"),
	RELAY("/v1/completions", "text completion, streamed or not"),
	RELAY("/v1/embeddings", "embeddings"),
	RELAY("/v1/moderations", "moderation"),
	RELAY("/v1/responses", "responses, streamed or not"),
	{ .method = "GET", .pattern = "/v1/models", .key = ROUTE_KEY_MODELS,
	  .handle = models_handle_list, .help = "the configured models" },
	{ .method = "GET", .pattern = "/v1/models/*", .key = ROUTE_KEY_MODELS,
	  .handle = models_handle_one,
	  .help = "one model; its name may hold slashes" },
	{ .method = "POST", .pattern = "/v1/*", .key = ROUTE_KEY_CLIENT,
	  .body = ROUTE_BODY_JSON, .relayed = true, .fallback = true,
	  .handle = relay_handle,
	  .help = "any other JSON call that names a model" },
	{ .method = "GET", .pattern = "/health", .key = ROUTE_KEY_NONE,
	  .handle = health_handle,
	  .help = "always 200: ok, or degraded when a provider is unusable" },
	{ .method = "GET", .pattern = "/health/*", .key = ROUTE_KEY_CLIENT,
	  .handle = health_handle_model,
	  .help = "asks every provider of one model: 200 or 503" },
	ECHO_ROUTE("POST", "/echo/v1/chat/completions", ROUTE_BODY_JSON,
	    echo_handle_chat, "the demo upstream: chat"),
	ECHO_ROUTE("POST", "/echo/v1/completions", ROUTE_BODY_JSON,
	    echo_handle_completion, "the demo upstream: text completion"),
	ECHO_ROUTE("POST", "/echo/v1/embeddings", ROUTE_BODY_JSON,
	    echo_handle_embedding, "the demo upstream: embeddings"),
	ECHO_ROUTE("GET", "/echo/v1/models", ROUTE_BODY_NONE,
	    echo_handle_models, "the demo upstream: models"),
};

const size_t route_count = sizeof routes / sizeof routes[0];

const char *const route_roots[] = { "v1", "health", "echo", NULL };

/* Bytes of a pattern that must stand in the path as they are. */
static size_t
pattern_literal(const char *pattern)
{
	return strcspn(pattern, "*");
}

static bool
pattern_matches(const char *pattern, const char *path)
{
	size_t	 len = pattern_literal(pattern);

	if (pattern[len] == '\0')
		return strcmp(pattern, path) == 0;
	return strncmp(pattern, path, len) == 0 && path[len] != '\0';
}

static bool
method_is(const struct route *r, const char *method)
{
	return strcmp(r->method, method) == 0 ||
	    (strcmp(r->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

enum err
route_find(const struct route **out, const char *method, const char *path)
{
	const struct route *first = NULL;

	for (size_t i = 0; i < route_count; i++) {
		const struct route *r = &routes[i];

		if (!pattern_matches(r->pattern, path) || (first != NULL &&
		    strcmp(first->pattern, r->pattern) != 0))
			continue;
		if (first == NULL)
			first = r;
		if (method_is(r, method)) {
			*out = r;
			return ERR_NONE;
		}
	}
	*out = first;
	if (first == NULL || (first->fallback &&
	    strcmp(method, "OPTIONS") != 0))
		return ERR_NOT_FOUND;
	return ERR_METHOD_NOT_ALLOWED;
}

const char *
route_rest(const struct route *r, const char *path)
{
	return path + pattern_literal(r->pattern);
}

const char *
route_allow(const struct route *r)
{
	return strcmp(r->method, "GET") == 0 ? "GET, HEAD, OPTIONS" :
	    "POST, OPTIONS";
}
