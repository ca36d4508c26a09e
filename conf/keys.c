/* keys.c - the one table of configuration keys. */
#include "config.h"

#include "conf/keys.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

#define DAY		86400
#define STRING_MAX_BYTES 1024
#define PATH_MAX_BYTES	4000
#define MAIN(member)	.scope = KEYS_MAIN, .offset = offsetof(struct conf, member)
#define PROVIDER(member) \
	.scope = KEYS_PROVIDER, .offset = offsetof(struct conf_provider, member)
#define HEADER(member) \
	.scope = KEYS_HEADER, .offset = offsetof(struct conf_header, member)
#define MODEL(member) \
	.scope = KEYS_MODEL, .offset = offsetof(struct conf_model, member)
#define ENDPOINT(member) \
	.scope = KEYS_ENDPOINT, .offset = offsetof(struct conf_endpoint, member)
#define COUNT(type, member) .count_offset = offsetof(struct type, member)
#define SECONDS(low, high) .type = KEYS_SECONDS, .min = low, .max = high
#define BYTES(low, high) .type = KEYS_BYTES, .min = low, .max = high
#define WHOLE(low, high) .type = KEYS_COUNT, .min = low, .max = high
#define RATIO(low, high) .type = KEYS_RATIO, .min = low, .max = high
#define PRICE		RATIO(0, 1000000)
#define STRING(text) \
	.type = KEYS_STRING, .max = STRING_MAX_BYTES, .fallback = text
#define ENV(text)	STRING(text), .value = values_env

/* The five timeouts of a level below sluice.conf. */
#define TIMEOUTS(LEVEL, of) \
	{ .name = "timeouts.connect", LEVEL(timeouts.connect_ms), \
	  SECONDS(0.001, DAY), .fallback = "", \
	  .help = "as in sluice.conf, " of }, \
	{ .name = "timeouts.headers", LEVEL(timeouts.headers_ms), \
	  SECONDS(0.001, DAY), .fallback = "", \
	  .help = "as in sluice.conf, " of }, \
	{ .name = "timeouts.first_token", LEVEL(timeouts.first_token_ms), \
	  SECONDS(0.001, DAY), .fallback = "", \
	  .help = "as in sluice.conf, " of }, \
	{ .name = "timeouts.idle", LEVEL(timeouts.idle_ms), \
	  SECONDS(0.001, DAY), .fallback = "", \
	  .help = "as in sluice.conf, " of }, \
	{ .name = "timeouts.total", LEVEL(timeouts.total_ms), \
	  SECONDS(0.001, DAY), .fallback = "", \
	  .help = "as in sluice.conf, " of }

/* In the order of the enums that take the index. */
static const char *const log_levels[] = {
	"error", "warn", "info", "debug", NULL
};
static const char *const kinds[] = {
	"openai", "echo", "azure", "anthropic", NULL
};
static const char *const releases[] = { "", "byte", "token", "end", NULL };
static const char *const on_aborts[] = { "cancel", "drain", NULL };
static const char *const usages[] = { "asis", "inject", NULL };
static const char *const deny_tos[] = { "limited", "all", "nobody", NULL };
static const char *const hedges[] = { "", "p50", "p90", "p95", "p99", NULL };

const struct key keys[] = {
	/* sluice.conf */
	{ .name = "base_url", MAIN(base_url), .type = KEYS_URL,
	  .max = STRING_MAX_BYTES, .value = values_base_url,
	  .fallback = "http://localhost:8080",
	  .help = "how clients reach the gateway, without /v1; links to images "
	  "that need the provider's key begin with it" },
	{ .name = "providers", MAIN(providers_dir), .type = KEYS_PATH,
	  .max = PATH_MAX_BYTES, .fallback = "providers.d",
	  .help = "directory of the provider files: every *.conf in it is one "
	  "provider; relative to sluice.conf" },
	{ .name = "state_dir", MAIN(state_dir), .type = KEYS_PATH,
	  .max = PATH_MAX_BYTES, .fallback = "/var/lib/sluice",
	  .help = "directory of what processes share and of what must outlive "
	  "them; writable by all responders, and on a disk of this machine (not "
	  "NFS); relative to sluice.conf" },
	{ .name = "env_file", MAIN(env_file), .type = KEYS_PATH,
	  .max = PATH_MAX_BYTES, .fallback = "",
	  .help = "file of NAME=value lines with API keys, for servers that "
	  "cannot set the responder's environment; it must be a regular file "
	  "that its owner alone can read (mode 0600), and the environment wins "
	  "over it; relative to sluice.conf" },
	{ .name = "auth.keys_env", MAIN(auth.keys_env), ENV("SLUICE_API_KEYS"),
	  .help = "environment variable with the client keys, separated by "
	  "commas" },
	{ .name = "auth.admin_key_env", MAIN(auth.admin_key_env),
	  ENV("SLUICE_ADMIN_KEY"),
	  .help = "environment variable with the admin key, which opens /api, "
	  "/admin and /metrics; while it is not set they are closed" },
	{ .name = "auth.seal_key_env", MAIN(auth.seal_key_env),
	  ENV("SLUICE_SEAL_KEY"),
	  .help = "environment variable with the key that seals the providers' "
	  "keys in the database: 32 bytes as 64 hex digits or as base64; while "
	  "it is not set the key is in the file seal.key in state_dir, which is "
	  "made when the first one is sealed and must be readable by its owner "
	  "alone" },
	{ .name = "auth.open", MAIN(auth.open), .type = KEYS_BOOL,
	  .fallback = "false",
	  .help = "true lets everybody in without a key" },
	{ .name = "auth.models_open", MAIN(auth.models_open), .type = KEYS_BOOL,
	  .fallback = "false",
	  .help = "true shows /v1/models to everybody without a key" },
	{ .name = "auth.remote_user", MAIN(auth.remote_user), .type = KEYS_BOOL,
	  .fallback = "false",
	  .help = "true lets in without a key whom the web server has let in, by "
	  "a password (REMOTE_USER) or by a client certificate that it verified "
	  "(SSL_CLIENT_S_DN, if SSL_CLIENT_VERIFY is SUCCESS): as the key whose "
	  "remote_user is that name; who shows a key is judged by the key. Only "
	  "for a web server that checks everybody whom it gives a name: nginx's "
	  "$remote_user without auth_basic is what the client says" },
	{ .name = "auth.channel_env", MAIN(auth.channel_env),
	  .type = KEYS_STRINGS, COUNT(conf, auth.channel_env_count),
	  .max = 256, .value = values_env_pattern, .fallback = "[ ]",
	  .help = "environment variables whose keys channels that are made at "
	  "run time may name as api_key_env: \"NAME\", or \"PREFIX_*\" for all "
	  "that begin so; whoever has the admin key can have their values sent "
	  "to any host, so only keys that are meant for that belong here" },
	{ .name = "log.dir", MAIN(log.dir), .type = KEYS_PATH,
	  .max = PATH_MAX_BYTES, .fallback = "",
	  .help = "directory of the journal, one file an hour; empty means the "
	  "directory log in state_dir; relative to sluice.conf. Diagnostics go "
	  "to stderr, or here where stderr is /dev/null" },
	{ .name = "log.level", MAIN(log.level), .type = KEYS_CHOICE,
	  .choices = log_levels, .fallback = "info",
	  .help = "how much the diagnostics say" },
	{ .name = "log.bodies", MAIN(log.bodies), .type = KEYS_BOOL,
	  .fallback = "false",
	  .help = "true writes requests and answers into the journal, up to "
	  "131072 bytes of each, known keys masked, also where they are written with escapes; those of the routes for "
	  "administrators are not written" },
	{ .name = "timeouts.connect", MAIN(timeouts.connect_ms),
	  SECONDS(0.001, DAY), .fallback = "5.0",
	  .help = "until the connection to the upstream stands: name look-up, "
	  "TCP and TLS" },
	{ .name = "timeouts.headers", MAIN(timeouts.headers_ms),
	  SECONDS(0.001, DAY), .fallback = "60.0",
	  .help = "until the upstream's response headers; the default counts "
	  "for streams only, a value in a file for every request" },
	{ .name = "timeouts.first_token", MAIN(timeouts.first_token_ms),
	  SECONDS(0.001, DAY), .fallback = "120.0",
	  .help = "until a stream's first content" },
	{ .name = "timeouts.idle", MAIN(timeouts.idle_ms),
	  SECONDS(0.001, DAY), .fallback = "60.0",
	  .help = "the longest silence between two pieces of an answer" },
	{ .name = "timeouts.total", MAIN(timeouts.total_ms),
	  SECONDS(0.001, DAY), .fallback = "900.0",
	  .help = "until the end of the answer, all tries together" },
	{ .name = "timeouts.hangup_probe", MAIN(timeouts.hangup_probe_ms),
	  SECONDS(0.05, 60), .fallback = "0.5",
	  .help = "how often a silent request looks whether its client is "
	  "still there" },
	{ .name = "default_model", MAIN(default_model), STRING(""),
	  .help = "model of a request that names none; empty makes such a "
	  "request an error" },
	{ .name = "limits.body", MAIN(limits.body_bytes),
	  BYTES(1024, 1099511627776), .fallback = "104857600",
	  .help = "largest request body" },
	{ .name = "limits.memory_body", MAIN(limits.memory_body_bytes),
	  BYTES(1024, 1073741824), .fallback = "1048576",
	  .help = "largest request body kept in memory; a larger one goes to an "
	  "unlinked file" },
	{ .name = "limits.spool_total", MAIN(limits.spool_total_bytes),
	  BYTES(1048576, 1099511627776), .fallback = "1073741824",
	  .help = "how much of request bodies may be in such files, all requests "
	  "of a process together; beyond it a request is answered with 503" },
	{ .name = "limits.client_buffer", MAIN(limits.client_buffer_bytes),
	  BYTES(4096, 1073741824), .fallback = "262144",
	  .help = "how much of an answer may wait for a slow client before the "
	  "upstream is paused; and the largest JSON answer that is held until "
	  "it is complete, so that a broken one can be tried again" },
	{ .name = "stream.keepalive", MAIN(stream.keepalive_ms),
	  SECONDS(0, 3600), .fallback = "15.0",
	  .help = "silence after which a stream's client gets a comment, or "
	  "on /v1/messages the event ping, and the head before it if there was "
	  "none, so that nothing on the way takes the connection for dead; after "
	  "the head a failure is told inside the stream; 0 is never" },
	{ .name = "stream.release", MAIN(stream.release), .type = KEYS_CHOICE,
	  .choices = releases, .fallback = "token",
	  .help = "when a stream's beginning goes to the client, after which "
	  "nothing else can be tried: with its first byte; with its first token "
	  "(while nothing else is left to try, its first byte); or at its end, "
	  "in one piece" },
	{ .name = "sticky", MAIN(sticky), STRING("auto"),
	  .value = values_sticky,
	  .help = "what leads a caller's requests to one channel, whose cache "
	  "then knows the prompt: auto takes the header x-session-id, "
	  "session_id, x-claude-code-session-id or x-session-affinity, or else "
	  "the body's prompt_cache_key or user (of /v1/messages: "
	  "metadata.user_id, or the session_id in it), or else the "
	  "key, if sluicectl or the admin API made it; header:NAME takes the "
	  "header NAME, none nothing; requests without it are spread by weight "
	  "and performance" },
	{ .name = "breaker.failures", MAIN(breaker.failures), WHOLE(0, 63),
	  .fallback = "3",
	  .help = "after so many failures in a row, of requests or probes, a "
	  "channel is out of use for the time of breaker.cooldown, then one "
	  "request decides; 0 is never" },
	{ .name = "breaker.error_rate", MAIN(breaker.error_rate), RATIO(0, 1),
	  .fallback = "0.5",
	  .help = "the same when this share of a channel's last 20 requests (10 "
	  "at least) has failed: 0.5 is half of them; 0 is never" },
	{ .name = "breaker.cooldown", MAIN(breaker.cooldown_ms),
	  SECONDS(0.001, DAY), .fallback = "30.0",
	  .help = "how long a failing channel is out of use; longer where its "
	  "Retry-After says so" },
	{ .name = "metrics.allow", MAIN(metrics.allow), .type = KEYS_STRINGS,
	  COUNT(conf, metrics.allow_count), .max = 256,
	  .value = values_address, .fallback = "[ ]",
	  .help = "addresses that may read /metrics without the admin key, such "
	  "as \"127.0.0.1\" or \"fd00::/8\"; it is the address that the web "
	  "server sees" },
	{ .name = "retention_days", MAIN(retention_days), WHOLE(0, 36500),
	  .fallback = "90",
	  .help = "how long requests are remembered one by one and by the hour: "
	  "older ones are deleted from the database, and files of the journal "
	  "whose last line is older are deleted once they are imported; sums by "
	  "the day stay; 0 keeps everything" },
	{ .name = "mount", MAIN(mount), STRING(""), .value = values_mount,
	  .help = "path prefix that stands before the gateway's own paths, such "
	  "as \"/ai\", where the web server does not say it by SCRIPT_NAME; "
	  "lighttpd and nginx do not" },
	{ .name = "extra_paths", MAIN(extra_paths), .type = KEYS_STRINGS,
	  COUNT(conf, extra_path_count), .max = 256,
	  .value = values_api_path, .fallback = "[ ]",
	  .help = "more paths under /v1, such as \"infill\", at which a JSON "
	  "POST is relayed by the model that it names, to any provider of the "
	  "model" },
	{ .name = "cors.origins", MAIN(cors.origins), .type = KEYS_STRINGS,
	  COUNT(conf, cors.origin_count), .max = 256, .value = values_origin,
	  .fallback = "[ ]",
	  .help = "web origins whose pages may call the gateway, \"*\" for all "
	  "of them" },

	/* a provider file */
	{ .name = "name", PROVIDER(name), STRING(""), .value = values_name,
	  .help = "the provider's name; empty means the file's name without "
	  ".conf" },
	{ .name = "kind", PROVIDER(kind), .type = KEYS_CHOICE, .choices = kinds,
	  .fallback = "openai",
	  .help = "what the upstream speaks; echo is the built-in upstream for "
	  "trying things out, served under /echo/v1" },
	{ .name = "base_url", PROVIDER(base_url), .type = KEYS_URL,
	  .max = STRING_MAX_BYTES, .value = values_base_url, .fallback = "",
	  .required = true,
	  .help = "what stands before /chat/completions in the upstream's URLs" },
	{ .name = "api_key_env", PROVIDER(api_key_env), ENV(""),
	  .help = "environment variable with the upstream's API key; while it "
	  "is not set the provider is disabled; empty means that no key is "
	  "sent" },
	{ .name = "key_header", PROVIDER(key_header), STRING(""),
	  .value = values_header_name,
	  .help = "header that carries the key: Authorization sends \"Bearer "
	  "KEY\", any other header the bare key; empty means what the kind "
	  "uses: api-key for azure, x-api-key for anthropic, else "
	  "Authorization" },
	{ .name = "api_version", PROVIDER(api_version), STRING(""),
	  .value = values_name,
	  .help = "kind azure only, and needed there unless base_url ends in "
	  "/openai/v1: the api-version of every URL" },
	{ .name = "deployment", PROVIDER(deployment), STRING(""),
	  .value = values_name,
	  .help = "kind azure only: the deployment of all models; empty means "
	  "each model's target" },
	{ .name = "force_model", PROVIDER(force_model), STRING(""),
	  .help = "the model of every request, whatever name the client gives; "
	  "the one model that the provider lists" },
	{ .name = "passthrough", PROVIDER(passthrough), .type = KEYS_BOOL,
	  .fallback = "false",
	  .help = "true takes requests that are not relayed by model, such "
	  "as files and batches; keys that may use some models only may not "
	  "send them. What one key makes by them does not exist for others, "
	  "nor what nobody is known to have made here. Keys still share what "
	  "uploaded files say, tokens that the provider hands out, and its "
	  "account's limits and costs" },
	{ .name = "extra_paths", PROVIDER(extra_paths), .type = KEYS_STRINGS,
	  COUNT(conf_provider, extra_path_count), .max = 256,
	  .value = values_api_path, .fallback = "[ ]",
	  .help = "more paths under /v1, such as \"infill\", at which a JSON "
	  "POST is relayed to this provider by the model that it names" },
	{ .name = "deny_members", PROVIDER(deny_members),
	  .type = KEYS_STRINGS, COUNT(conf_provider, deny_member_count),
	  .max = 48, .value = values_member, .fallback = "[ ]",
	  .help = "members of a request's body, in whatever spelling, that are "
	  "refused with 400 because the upstream chooses models or providers by "
	  "them; empty means those of OpenRouter, LiteLLM and other routers, "
	  "such as models, route, provider, preset, fallbacks and extra_body" },
	{ .name = "deny_to", PROVIDER(deny_to), .type = KEYS_CHOICE,
	  .choices = deny_tos, .fallback = "limited",
	  .help = "whom deny_members are refused: keys that may use some models "
	  "only (limited), all keys (all), or nobody" },
	{ .name = "headers", PROVIDER(headers), .type = KEYS_GROUPS,
	  .element = KEYS_HEADER, COUNT(conf_provider, header_count), .max = 64,
	  .fallback = "( )",
	  .help = "more request headers for the upstream" },
	{ .name = "pass_headers", PROVIDER(pass_headers),
	  .type = KEYS_STRINGS, COUNT(conf_provider, pass_header_count),
	  .max = 64, .value = values_pass_header, .fallback = "[ ]",
	  .help = "names of clients' request headers that the upstream gets "
	  "beside those that providers usually need, such as a router's tags; "
	  "one that names an account, such as OpenAI-Organization, lets each "
	  "client choose that of the gateway's key" },
	{ .name = "proxy", PROVIDER(proxy), STRING(""), .value = values_proxy,
	  .help = "proxy on the way to the upstream; empty means none, whatever "
	  "the environment says" },
	{ .name = "ca_file", PROVIDER(ca_file), .type = KEYS_PATH,
	  .max = PATH_MAX_BYTES, .fallback = "",
	  .help = "file of the certificates, as PEM, of the authorities that "
	  "this provider's may come from, instead of the system's; relative to "
	  "the provider file" },
	{ .name = "http2", PROVIDER(http2), .type = KEYS_BOOL,
	  .fallback = "false",
	  .help = "true offers HTTP/2 to the upstream; a paused stream may then "
	  "hold much more memory" },
	{ .name = "namespace", PROVIDER(ns), STRING("default"),
	  .value = values_name,
	  .help = "models are called namespace/model; those of default by their "
	  "bare names too" },
	{ .name = "prefix", PROVIDER(prefix), STRING(""),
	  .help = "put in front of every model's name" },
	{ .name = "weight", PROVIDER(weight), WHOLE(1, 1000000),
	  .fallback = "10",
	  .help = "this provider's share of the requests that several of one "
	  "priority could take: with 20 it gets twice as many as with 10" },
	{ .name = "priority", PROVIDER(priority), WHOLE(0, 1000000),
	  .fallback = "0",
	  .help = "lower is tried first; a higher one gets only what all of the "
	  "lower ones cannot take" },
	{ .name = "retries", PROVIDER(retries), WHOLE(0, 10), .fallback = "2",
	  .help = "more tries on this same channel after a status 429 or 5xx or "
	  "a connection that breaks; while another channel is left, at most one "
	  "of them is made before that is tried; no request gets more than 6 "
	  "tries" },
	{ .name = "on_abort", PROVIDER(on_abort), .type = KEYS_CHOICE,
	  .choices = on_aborts, .fallback = "cancel",
	  .help = "what becomes of the upstream request when its client has "
	  "left: cancel ends it at once; drain reads it to its end, to know the "
	  "usage where the provider charges for the whole answer anyway, but "
	  "not for longer than 120 seconds, nor more than 64 at a time" },
	{ .name = "usage", PROVIDER(usage), .type = KEYS_CHOICE,
	  .choices = usages, .fallback = "asis",
	  .help = "asis changes nothing; inject asks for the usage of streams "
	  "of chat/completions and completions, and drops the extra chunk if "
	  "the client did not ask for it (some servers refuse the question); "
	  "for kinds openai, azure and echo" },
	{ .name = "delay_ms", PROVIDER(delay_ms), .type = KEYS_MILLISECONDS,
	  .max = 60000, .fallback = "0",
	  .help = "kind echo only: the pause between two words of a stream" },
	TIMEOUTS(PROVIDER, "for this provider"),
	{ .name = "health.path", PROVIDER(health_path), STRING("/models"),
	  .value = values_health_path,
	  .help = "path below base_url that shows whether the upstream is "
	  "well" },
	{ .name = "health.interval", PROVIDER(health_interval_ms),
	  SECONDS(0, DAY), .fallback = "30.0",
	  .help = "after so long without a request or a probe that ended, a "
	  "channel is probed: failures in a row take it out of use, and when it "
	  "is well the next request may try it again; 0 makes no probes" },
	{ .name = "health.timeout", PROVIDER(health_timeout_ms),
	  SECONDS(0.001, 300), .fallback = "5.0",
	  .help = "how long a health probe may take" },
	{ .name = "models", PROVIDER(models), .type = KEYS_GROUPS,
	  .element = KEYS_MODEL, COUNT(conf_provider, model_count),
	  .max = 10000, .fallback = "( )",
	  .help = "the models that this provider serves" },

	/* headers = ( { } ) */
	{ .name = "name", HEADER(name), STRING(""), .value = values_header_name,
	  .required = true, .help = "the header's name" },
	{ .name = "value", HEADER(value), .type = KEYS_STRING,
	  .max = 8192, .fallback = "",
	  .value = values_header_value, .secret = true,
	  .help = "its value as it is" },
	{ .name = "value_env", HEADER(value_env), ENV(""),
	  .help = "environment variable with its value, instead of value" },

	/* models = ( { } ) */
	{ .name = "name", MODEL(name), STRING(""), .value = values_model,
	  .required = true,
	  .help = "the name that clients ask for; \"*\" is any other name, and "
	  "/v1/models lists those that the provider itself tells" },
	{ .name = "display_name", MODEL(display_name), STRING(""),
	  .help = "what people read in /v1/models; empty means the name" },
	{ .name = "context_window", MODEL(context_window),
	  WHOLE(0, 1000000000), .fallback = "0",
	  .help = "how many tokens fit into it, told in /v1/models; Codex, where "
	  "it discovers models, knows those that have it; 0 is not told" },
	{ .name = "max_output", MODEL(max_output), WHOLE(0, 1000000000),
	  .fallback = "0",
	  .help = "the most tokens that it answers with, told in /v1/models; 0 is "
	  "not told" },
	{ .name = "target", MODEL(target), STRING(""),
	  .help = "the model's name upstream; empty, or \"*\", means the same "
	  "name" },
	{ .name = "deployment", MODEL(deployment), STRING(""),
	  .value = values_name,
	  .help = "kind azure only: its deployment; empty means the provider's, "
	  "or else the target" },
	{ .name = "paths", MODEL(paths), .type = KEYS_STRINGS,
	  COUNT(conf_model, path_count), .max = 64, .value = values_api_path,
	  .fallback = "[ ]",
	  .help = "API paths that it serves, such as \"embeddings\"; empty means "
	  "every path, or those of endpoints where there are any" },
	{ .name = "endpoints", MODEL(endpoints), .type = KEYS_GROUPS,
	  .element = KEYS_ENDPOINT, COUNT(conf_model, endpoint_count),
	  .max = 64, .fallback = "( )",
	  .help = "API paths with an upstream of their own" },
	{ .name = "weight", MODEL(weight), WHOLE(1, 1000000),
	  .fallback = "10",
	  .help = "its share among the providers that have this model; "
	  "multiplied by the provider's weight" },
	{ .name = "release", MODEL(release), .type = KEYS_CHOICE,
	  .choices = releases, .fallback = "",
	  .help = "as stream.release in sluice.conf, for this model; empty means "
	  "as there" },
	{ .name = "hedge", MODEL(hedge), .type = KEYS_CHOICE,
	  .choices = hedges, .fallback = "",
	  .help = "ask a second channel too when the first token has not come "
	  "within this quantile of the channel's own times (20 must be known), "
	  "and take the answer that begins first: p95 does so for one request "
	  "in twenty; empty is never" },
	{ .name = "prices.input", MODEL(prices.input), PRICE,
	  .fallback = "0.0",
	  .help = "what a million input tokens cost, in any currency that is "
	  "the same in all files; while all prices are 0 no cost is known" },
	{ .name = "prices.cached", MODEL(prices.cached), PRICE, .fallback = "",
	  .help = "those of them that were read from a cache; without this key "
	  "they cost as much as input" },
	{ .name = "prices.cache_write", MODEL(prices.cache_write), PRICE,
	  .fallback = "",
	  .help = "those of them that were written to a cache; without this "
	  "key they cost as much as input" },
	{ .name = "prices.output", MODEL(prices.output), PRICE,
	  .fallback = "0.0",
	  .help = "what a million output tokens cost, reasoning included" },
	TIMEOUTS(MODEL, "for this model"),

	/* endpoints = ( { } ) */
	{ .name = "path", ENDPOINT(path), STRING(""), .value = values_api_path,
	  .required = true,
	  .help = "the API path, such as \"chat/completions\"" },
	{ .name = "base_url", ENDPOINT(base_url), .type = KEYS_URL,
	  .max = STRING_MAX_BYTES, .value = values_base_url, .fallback = "",
	  .help = "its upstream; empty means the provider's" },
	{ .name = "target", ENDPOINT(target), STRING(""),
	  .help = "the model's name there; empty means the model's target, \"*\" "
	  "the name that the client asked for" },
	TIMEOUTS(ENDPOINT, "for this path"),

	{ .name = NULL }
};

static const struct {
	const char	*name;
	const char	*text;
	size_t		 size;
} scopes[] = {
	[KEYS_MAIN] = { "main", "sluice.conf", sizeof(struct conf) },
	[KEYS_PROVIDER] = { "provider", "a provider file",
	    sizeof(struct conf_provider) },
	[KEYS_HEADER] = { "header", "headers", sizeof(struct conf_header) },
	[KEYS_MODEL] = { "model", "models", sizeof(struct conf_model) },
	[KEYS_ENDPOINT] = { "endpoint", "endpoints", sizeof(struct conf_endpoint) },
};

static const char *const types[] = {
	[KEYS_STRING] = "a string",
	[KEYS_PATH] = "a path (string)",
	[KEYS_URL] = "a URL (string)",
	[KEYS_CHOICE] = "one of these strings",
	[KEYS_BOOL] = "true or false",
	[KEYS_SECONDS] = "a number of seconds",
	[KEYS_MILLISECONDS] = "a whole number of milliseconds",
	[KEYS_BYTES] = "a whole number of bytes",
	[KEYS_COUNT] = "a whole number",
	[KEYS_RATIO] = "a number",
	[KEYS_STRINGS] = "a list of strings: [ \"...\", \"...\" ]",
	[KEYS_GROUPS] = "a list of groups: ( { ... }, { ... } )",
};

const struct key *
keys_find(enum keys_scope scope, const char *name)
{
	for (const struct key *key = keys; key->name != NULL; key++)
		if (key->scope == scope && strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

enum keys_scope
keys_find_scope(const char *name)
{
	for (const struct key *key = keys; key->name != NULL; key++)
		if (strcmp(key->name, name) == 0)
			return key->scope;
	return KEYS_SCOPE__MAX;
}

const char *const *
keys_words(const struct key *key)
{
	return key->choices + (key->choices[0][0] == '\0');
}

int
keys_find_choice(const struct key *key, const char *value)
{
	if (value[0] == '\0' && key->fallback[0] != '\0')
		return -1;
	for (int i = 0; key->choices[i] != NULL; i++)
		if (strcmp(key->choices[i], value) == 0)
			return i;
	return -1;
}

double
keys_number(const struct key *key)
{
	if (key->type == KEYS_RATIO && key->fallback[0] == '\0')
		return -1;
	return strtod(key->fallback, NULL);
}

bool
keys_is_group(enum keys_scope scope, const char *name)
{
	size_t n = strlen(name);

	for (const struct key *key = keys; key->name != NULL; key++)
		if (key->scope == scope && strncmp(key->name, name, n) == 0 &&
		    key->name[n] == '.')
			return true;
	return false;
}

const char *
keys_scope_name(enum keys_scope scope)
{
	return scopes[scope].name;
}

const char *
keys_scope_text(enum keys_scope scope)
{
	return scopes[scope].text;
}

size_t
keys_scope_size(enum keys_scope scope)
{
	return scopes[scope].size;
}

const char *
keys_type_text(enum keys_type type)
{
	return types[type];
}
