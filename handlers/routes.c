/* routes.c - the table of route.h. */
#include "config.h"

#include "handlers/route.h"

#include "handlers/admin.h"
#include "handlers/admin_keys.h"
#include "handlers/api_channels.h"
#include "handlers/api_keys.h"
#include "handlers/api_llm_key.h"
#include "handlers/api_mappings.h"
#include "handlers/api_models.h"
#include "handlers/api_prompts.h"
#include "handlers/api_users.h"
#include "handlers/api_config.h"
#include "handlers/api_health.h"
#include "handlers/api_log.h"
#include "handlers/api_requests.h"
#include "handlers/api_sessions.h"
#include "handlers/api_usage.h"
#include "handlers/docs.h"
#include "handlers/echo.h"
#include "handlers/health.h"
#include "handlers/images.h"
#include "handlers/index.h"
#include "handlers/made_call.h"
#include "handlers/metrics.h"
#include "handlers/model_call.h"
#include "handlers/models.h"
#include "handlers/openapi.h"
#include "handlers/passthrough.h"
#include "handlers/responses.h"

/* Relayed by model. Behind the help may stand further columns. */
#define CALL_AT(path, upstream, f, ...) {				\
	.method = "POST", .pattern = path, .key = ROUTE_KEY_CLIENT,	\
	.body = ROUTE_BODY_MODEL, .api_path = upstream, .handle = f,	\
	.help = __VA_ARGS__ }
#define CALL_BY(f, path, ...)	CALL_AT("/v1/" path, path, f, __VA_ARGS__)
#define CALL(path, ...)		CALL_BY(model_call_handle, path, __VA_ARGS__)
#define LOOKS(like)		.answer = ANSWER_##like
#define TOKENS			.counts_tokens = true
#define TEXT			TOKENS, .generates_text = true
#define OBJECTS			.objects = ROUTE_OBJECTS_NAMED
#define ITEMS			.objects = ROUTE_OBJECTS_ITEMS
#define FORMS			.takes_forms = true
#define USAGE_CHUNK		.has_usage_chunk = true
/* Anthropic's clients say so on every call of the beta part of its API. */
#define BETA			.passed_query = "beta=true"
#define ANTHROPIC(f, path, ...)						\
	CALL_BY(f, path, __VA_ARGS__, .dialect = ROUTE_DIALECT_MESSAGES, BETA,	\
	    OBJECTS)
#define RESPONSES		.dialect = ROUTE_DIALECT_RESPONSES
#define BY_ID(m, text) {						\
	.method = m, .pattern = "/v1/responses/*", RESPONSES,		\
	.key = ROUTE_KEY_CLIENT, .body = ROUTE_BODY_ANY,		\
	.handle = responses_handle_by_id, .help = text }
/* Behind the help may stand further columns. */
#define ADMIN(m, path, f, ...) {					\
	.method = m, .pattern = path, .key = ROUTE_KEY_ADMIN,		\
	.body = ROUTE_BODY_JSON_OR_NONE, .body_max = ADMIN_BODY_MAX,	\
	.handle = f, .help = __VA_ARGS__ }
#define ADMIN_DELETE(path, f, text)					\
	ADMIN("DELETE", path, f, text, .status = 204)
#define PROMPT(path, text)						\
	ADMIN("GET", path, api_prompts_handle_get, text),		\
	ADMIN("PUT", path, api_prompts_handle_put, "set " text,		\
	    .form = &api_prompts_put_form),				\
	ADMIN_DELETE(path, api_prompts_handle_delete, "delete " text)
#define ECHO_ROUTE(m, path, b, f, text) {				\
	.method = m, .pattern = path, .key = ROUTE_KEY_ECHO, .body = b,	\
	.handle = f, .help = text }

/* What "paths", "endpoints" and "extra_paths" of the configuration name. */
static const struct route configured_call =
	CALL_AT("/v1/*", NULL, model_call_handle, "a path of the configuration",
	    OBJECTS, FORMS, LOOKS(ANY));

const struct route routes[] = {
	CALL("chat/completions", "chat, streamed or not", TEXT, USAGE_CHUNK,
	    OBJECTS, LOOKS(CHAT)),
	CALL("completions", "text completion, streamed or not", TEXT,
	    USAGE_CHUNK, LOOKS(CHAT)),
	CALL("fim/completions", "text between two others (Mistral)", TEXT,
	    LOOKS(CHAT)),
	CALL("embeddings", "embeddings", TOKENS, LOOKS(VECTORS)),
	CALL("moderations", "moderation", .usual_models = "moderation"),
	CALL("chat/moderations", "moderation of a chat (Mistral)"),
	CALL("rerank", "reranking"),
	CALL("reranking", "reranking, as llama.cpp also calls it"),
	CALL("score", "scores of pairs of texts (vLLM)"),
	CALL("classify", "classes of texts (vLLM, Jina, Cohere)"),
	CALL("classifications", "classes of texts (Mistral)"),
	CALL("chat/classifications", "classes of chats (Mistral)"),
	CALL("pooling", "hidden states (vLLM)", LOOKS(VECTORS)),
	CALL("tokenize", "the tokens of a text"),
	CALL("detokenize", "the text of tokens"),
	CALL("ocr", "text of a document (Mistral)"),
	CALL("audio/speech", "speech, streamed", LOOKS(AUDIO)),
	CALL("audio/transcriptions", "transcription of an upload", FORMS,
	    LOOKS(TEXT)),
	CALL("audio/translations", "translation of an upload", FORMS,
	    LOOKS(TEXT)),
	CALL_BY(images_handle_call, "images/generations", "new images"),
	CALL_BY(images_handle_call, "images/edits",
	    "changed images, from an upload", OBJECTS, FORMS),
	CALL_BY(images_handle_call, "images/variations",
	    "varied images, from an upload", FORMS),
	{ .method = "GET", .pattern = "/v1/images/data/*",
	  .key = ROUTE_KEY_CLIENT, .handle = images_handle_data,
	  .help = "an image that an answer linked to" },
	CALL_BY(made_call_handle_video, "videos", "a new video", OBJECTS,
	    FORMS),
	{ .method = "GET", .pattern = "/v1/videos", .key = ROUTE_KEY_CLIENT,
	  .handle = passthrough_handle,
	  .help = "the videos that this key has made" },
	CALL_BY(responses_handle_create, "responses",
	    "responses, streamed or not", TEXT, BETA, ITEMS, RESPONSES,
	    LOOKS(RESPONSE)),
	CALL("responses/compact", "a conversation made shorter", TEXT,
	    ITEMS, LOOKS(RESPONSE)),
	CALL("responses/input_tokens", "the count of a request's tokens",
	    ITEMS, LOOKS(COUNT)),
	BY_ID("GET", "a response made before, or its input_items"),
	BY_ID("DELETE", "forget a response"),
	BY_ID("POST", "cancel a response"),
	ANTHROPIC(made_call_handle_message, "messages",
	    "Anthropic's own chat, streamed or not", TEXT, LOOKS(MESSAGE)),
	ANTHROPIC(model_call_handle, "messages/count_tokens",
	    "its count of tokens", LOOKS(COUNT)),
	{ .method = "GET", .pattern = "/v1/models", .key = ROUTE_KEY_MODELS,
	  .handle = models_handle_list, .help = "the configured models" },
	{ .method = "GET", .pattern = "/v1/models/*", .key = ROUTE_KEY_MODELS,
	  .handle = models_handle_one,
	  .help = "one model; its name may hold slashes" },
	{ .method = "*", .pattern = "/v1/*", .key = ROUTE_KEY_CLIENT,
	  .body = ROUTE_BODY_ANY, FORMS, .objects = ROUTE_OBJECTS_ANY,
	  .handle = passthrough_handle,
	  .configured = &configured_call,
	  .help = "anything else, where a provider has passthrough" },
	{ .method = "GET", .pattern = "/", .key = ROUTE_KEY_NONE,
	  .handle = index_handle, .help = "where to go from here" },
	{ .method = "GET", .pattern = "/v1", .key = ROUTE_KEY_NONE,
	  .handle = index_handle, .help = "the same" },
	{ .method = "GET", .pattern = "/health", .key = ROUTE_KEY_NONE,
	  .handle = health_handle,
	  .help = "always 200: ok, or degraded when a provider is unusable" },
	{ .method = "GET", .pattern = "/health/*", .key = ROUTE_KEY_CLIENT,
	  .is_uncounted = true, .handle = health_handle_model,
	  .help = "asks every provider of one model: 200 or 503" },
	{ .method = "GET", .pattern = "/metrics", .key = ROUTE_KEY_METRICS,
	  .handle = metrics_handle,
	  .help = "what was counted, for Prometheus" },
	ADMIN("GET", "/api/usage", api_usage_handle,
	    "what requests consumed, by time, key, model and provider",
	    .query = api_usage_query),
	ADMIN("GET", "/api/config", api_config_handle,
	    "the configuration in force, without secrets"),
	ADMIN("GET", "/api/health", api_health_handle,
	    "how channels, processes and files are"),
	ADMIN("GET", "/api/requests", api_requests_handle,
	    "what is being served just now, by all processes"),
	ADMIN("GET", "/api/log", api_log_handle,
	    "the newest lines of the journal",
	    .query = api_log_query),
	ADMIN("GET", "/api/sessions", api_sessions_list,
	    "which sticky callers were sent where lately"),
	ADMIN_DELETE("/api/sessions/{id}", api_sessions_delete,
	    "let a caller be sent elsewhere"),
	{ .method = "GET", .pattern = "/docs", .key = ROUTE_KEY_NONE,
	  .handle = docs_handle, .help = "these routes as a page for people" },
	{ .method = "GET", .pattern = "/openapi.json", .key = ROUTE_KEY_NONE,
	  .handle = openapi_handle,
	  .help = "these routes as OpenAPI describes them" },
	ADMIN("GET", "/api/keys", api_keys_list, "the keys of clients"),
	ADMIN("POST", "/api/keys", api_keys_add,
	    "a new key, which is shown this once",
	    .form = &api_keys_add_form, .status = 201),
	ADMIN("GET", "/api/keys/{name}", api_keys_show, "one of them"),
	ADMIN("PUT", "/api/keys/{name}", api_keys_set,
	    "change what is given of it",
	    .form = &api_keys_set_form),
	ADMIN_DELETE("/api/keys/{name}", api_keys_delete,
	    "end it at once"),
	ADMIN("POST", "/api/keys/{name}/rotate", api_keys_rotate,
	    "another key in its place, shown this once",
	    .form = &api_keys_rotate_form),
	ADMIN("GET", "/api/users", api_users_list, "users with a key each"),
	ADMIN("POST", "/api/users", api_users_add, "a new user",
	    .form = &api_users_form, .status = 201),
	ADMIN("GET", "/api/users/{id}", api_users_show, "one user"),
	ADMIN_DELETE("/api/users/{id}", api_users_delete,
	    "end a user and the key"),
	ADMIN("POST", "/admin/addapikey", admin_keys_add,
	    "a user's key, brought along",
	    .form = &admin_keys_form, .status = 201),
	ADMIN("POST", "/admin/removeapikey", admin_keys_remove,
	    "end a user's key",
	    .form = &admin_keys_known_form),
	ADMIN("GET", "/admin/listkeys", admin_keys_list,
	    "all keys and their users"),
	ADMIN("POST", "/admin/getquota", admin_keys_quota,
	    "what today has cost"),
	ADMIN("GET", "/api/prompts", api_prompts_handle_list,
	    "all system prompts"),
	PROMPT("/api/prompts/global", "the system prompt of all requests"),
	PROMPT("/api/prompts/keys/{name}", "the system prompt of a key"),
	PROMPT("/api/prompts/models/*", "the system prompt of a model"),
	ADMIN("POST", "/admin/setprompt", api_prompts_handle_setprompt,
	    "set the system prompt of all requests",
	    .form = &api_prompts_setprompt_form),
	ADMIN("GET", "/api/channels", api_channels_handle_list,
	    "all channels made at run time, and how they do"),
	ADMIN("POST", "/api/channels", api_channels_handle_create,
	    "a new channel, and models for it",
	    .form = &api_channels_create_form, .status = 201),
	ADMIN("GET", "/api/channels/{id}", api_channels_handle_one,
	    "one channel"),
	ADMIN("PUT", "/api/channels/{id}", api_channels_handle_change,
	    "change what is given of a channel",
	    .form = &api_channels_change_form),
	ADMIN_DELETE("/api/channels/{id}", api_channels_handle_delete,
	    "delete a channel and take it from its models"),
	ADMIN("GET", "/api/models", api_models_handle_list,
	    "all models made at run time"),
	ADMIN("POST", "/api/models", api_models_handle_create, "a new model",
	    .form = &api_models_form, .status = 201),
	ADMIN("GET", "/api/models/{id}", api_models_handle_one, "one model"),
	ADMIN("PUT", "/api/models/{id}", api_models_handle_rename,
	    "rename a model",
	    .form = &api_models_form),
	ADMIN_DELETE("/api/models/{id}", api_models_handle_delete,
	    "delete a model"),
	ADMIN("GET", "/api/models/{id}/channels", api_mappings_handle_list,
	    "the channels that have a model"),
	ADMIN("POST", "/api/models/{id}/channels", api_mappings_handle_create,
	    "one more channel for a model",
	    .form = &api_mappings_form, .status = 201),
	ADMIN_DELETE("/api/models/{id}/channels/{channel_id}",
	    api_mappings_handle_delete, "take a channel from a model"),
	ADMIN("POST", "/admin/setllmkey", api_llm_key_handle_set,
	    "give a provider file its key",
	    .form = &api_llm_key_form),
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

const char *const route_roots[] = {
	"v1", "v2/rerank", "openai", "health", "metrics", "docs", "openapi.json", "echo",
	"api/channels", "api/users", "api/models", "api/sessions", "api/keys",
	"api/prompts", "api/usage", "api/config", "api/health",
	"api/requests", "api/log", "admin/setllmkey", "admin/addapikey",
	"admin/removeapikey", "admin/listkeys", "admin/setprompt",
	"admin/getquota", NULL
};
