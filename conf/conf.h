/* conf.h - configuration files as plain structs, read through the key table. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"

struct conf_env;

/* Milliseconds; 0 = this level does not say. */
struct conf_timeouts {
	unsigned	 connect_ms;
	unsigned	 headers_ms;
	unsigned	 first_token_ms;
	unsigned	 idle_ms;
	unsigned	 total_ms;
	unsigned	 hangup_probe_ms;	/* sluice.conf only */
};

enum conf_kind {
	CONF_KIND_OPENAI, CONF_KIND_ECHO, CONF_KIND_AZURE, CONF_KIND_ANTHROPIC,
	CONF_KIND__MAX
};

/* When a stream's beginning goes to the client (DESIGN section 7.3). */
enum conf_release {
	CONF_RELEASE_UNSET,		/* a model: as sluice.conf says */
	CONF_RELEASE_BYTE,		/* with its first byte */
	CONF_RELEASE_TOKEN,		/* with its first token, while another try is left */
	CONF_RELEASE_END		/* when it is complete */
};

/* What becomes of an upstream request whose client has left. */
enum conf_on_abort { CONF_ON_ABORT_CANCEL, CONF_ON_ABORT_DRAIN };

/* Whether a provider is asked for the usage of streams. */
enum conf_deny { CONF_DENY_LIMITED, CONF_DENY_ALL, CONF_DENY_NOBODY };
enum conf_usage { CONF_USAGE_ASIS, CONF_USAGE_INJECT };

/* When a second channel is started: the quantile of the time to first token. */
enum conf_hedge {
	CONF_HEDGE_OFF, CONF_HEDGE_P50, CONF_HEDGE_P90, CONF_HEDGE_P95,
	CONF_HEDGE_P99
};

struct conf_header {
	const char	*name;
	const char	*value;		/* one of value and value_env is set */
	const char	*value_env;
};

struct conf_endpoint {			/* one API path of a model with its own target */
	const char	*path;		/* "chat/completions": what stands after /v1/ */
	const char	*base_url;	/* NULL: the provider's */
	const char	*target;	/* NULL: the model's */
	struct conf_timeouts timeouts;
};

/* For a million tokens, in any one currency; below 0 = not set. */
struct conf_prices {
	double		 input;
	double		 cached;	/* of a cache; not set: as input */
	double		 cache_write;	/* not set: as input */
	double		 output;	/* reasoning too */
};

struct conf_model {
	const char	*name;		/* "*" = any other name */
	const char	*display_name;	/* for people; NULL = the name */
	unsigned	 context_window, max_output; /* tokens; 0 = not told */
	const char	*target;	/* name upstream; NULL = the same name */
	const char	*deployment;	/* kind azure; NULL = the provider's, else the target */
	const char	**paths;	/* API paths it serves; count 0 = every path */
	size_t		 path_count;
	struct conf_endpoint *endpoints; /* when there are any, only these paths (and paths[]) are served */
	size_t		 endpoint_count;
	struct conf_timeouts timeouts;
	unsigned	 weight;	/* among the channels of this model; times the provider's */
	int64_t		 created;	/* seconds since 1970; 0 = with its provider's file */
	enum conf_release release;
	enum conf_hedge	 hedge;
	struct conf_prices prices;	/* input and output are always set */
};

/* One provider file. Shared by successive configurations, so it counts references. */
struct conf_provider {
	unsigned	 refs;
	struct arena	 arena;
	char		*file;		/* absolute path */
	int64_t		 mtime;		/* seconds: "created" of its models */

	const char	*name;		/* default: the file's name without .conf */
	enum conf_kind	 kind;
	const char	*base_url;	/* no trailing slash */
	const char	*api_key_env;	/* NULL: no key is sent */
	const char	*api_version;	/* kind azure; NULL = the v1 API, which has none */
	const char	*deployment;	/* kind azure: of all models; NULL = each model's target */
	const char	*force_model;	/* every request's model upstream; NULL = off */
	bool		 passthrough;	/* takes requests that are not relayed by model */
	const char	**extra_paths;	/* API paths that it serves by model beyond the usual */
	size_t		 extra_path_count;
	const char	**deny_members;	/* members of bodies that it does not take; count 0 = the usual ones */
	size_t		 deny_member_count;
	enum conf_deny	 deny_to;	/* of which keys */
	const char	*key_header;	/* never NULL: "Authorization" sends "Bearer KEY", any other header the bare key */
	struct conf_header *headers;
	size_t		 header_count;
	const char	**pass_headers;	/* the client's that go up beside the usual ones */
	size_t		 pass_header_count;
	const char	*proxy;		/* NULL or "": none */
	const char	*ca_file;	/* absolute, or NULL: the system's authorities */
	const char	*ca_text;	/* what was in it, ca_text_bytes of PEM */
	size_t		 ca_text_bytes;
	bool		 http2;
	const char	*ns;		/* "namespace", never NULL: "default" */
	const char	*prefix;	/* never NULL */
	unsigned	 delay_ms;	/* kind echo: between two words */
	struct conf_timeouts timeouts;
	const char	*health_path;	/* "/models" */
	unsigned	 health_timeout_ms;
	unsigned	 health_interval_ms;	/* between two probes; 0 = none are made */
	unsigned	 weight;	/* share of requests among channels of one priority */
	unsigned	 priority;	/* lower = tried first */
	unsigned	 retries;	/* more tries on this channel after a 429, 5xx or reset */
	enum conf_on_abort on_abort;
	enum conf_usage	 usage;
	struct conf_model *models;
	size_t		 model_count;
};

/* sluice.conf with defaults filled in, and all provider files. */
struct conf {
	unsigned	 refs;
	struct arena	 arena;
	char		*file;		/* absolute path of sluice.conf; "" when there is none */
	const char	*base_url;	/* as clients reach us, no trailing slash */
	const char	*providers_dir;	/* absolute */
	const char	*state_dir;	/* absolute */
	const char	*env_file;	/* absolute, or NULL */
	struct {
		const char *keys_env;
		const char *admin_key_env;
		const char *seal_key_env;
		bool	 open;
		bool	 models_open;
		bool	 remote_user;	/* who the web server let in needs no key */
		const char **channel_env; /* NAME or PREFIX_*: conf_allows_channel_env */
		size_t	 channel_env_count;
	} auth;
	struct {
		const char *dir;	/* absolute, never NULL: state_dir/log by default */
		enum log_level level;
		bool	 bodies;	/* requests and answers go into the journal too */
	} log;
	struct conf_timeouts timeouts;	/* headers_ms is 0 unless a file sets it; headers_default_ms holds then */
	unsigned	 headers_default_ms;
	struct {
		unsigned keepalive_ms;	/* silence after which a comment is sent; 0 = never */
		enum conf_release release;
	} stream;
	const char	*sticky;	/* "auto", "none" or "header:NAME" */
	struct {
		unsigned failures;	/* in a row; 0 = this trigger is off */
		double	 error_rate;	/* 0 to 1; 0 = this trigger is off */
		unsigned cooldown_ms;
	} breaker;
	struct {
		const char **allow;	/* addresses that need no key for /metrics */
		size_t	 allow_count;
	} metrics;
	unsigned	 retention_days; /* of usage and the journal; 0 = for ever */
	const char	*default_model;	/* NULL = none */
	struct {
		uint64_t body_bytes;
		uint64_t memory_body_bytes;
		uint64_t spool_total_bytes;
		uint64_t client_buffer_bytes;
	} limits;
	const char	*mount;		/* a prefix of our paths where SCRIPT_NAME does not say it; NULL or "": none */
	const char	**extra_paths;	/* API paths that are relayed by model beyond the usual */
	size_t		 extra_path_count;
	struct {
		const char **origins;	/* "*" allowed */
		size_t	 origin_count;
	} cors;

	struct conf_env	*env;		/* owned */
	struct conf_provider **providers; /* usable ones, by file name */
	size_t		 provider_count;
	struct conf_provider **keyless;	/* good ones that lack nothing but the variable of their key */
	size_t		 keyless_count;
	size_t		 broken_count;	/* provider files that are not in use as they stand, those among them */
	const char	**watched;	/* files that provider files name, broken ones too */
	size_t		 watched_count, watched_size;
	uint64_t	 fingerprint;	/* conf_fingerprint() of the files before they were read */
};

/* Called once for each problem found, in file order; AT is borrowed. */
typedef void conf_report_fn(void *arg, const struct err_at *at);

/*
 * The main file's path: $SLUICE_CONF, else the compiled-in default
 * SYSCONFDIR/sluice/sluice.conf. Static or environment memory.
 */
const char *conf_default_path(void);

/*
 * Read sluice.conf at PATH, the env_file it names and every *.conf file in its
 * providers directory (not recursive, in byte order of the names). Every
 * problem is reported to REPORT (may be NULL) with ARG.
 *
 * A problem in sluice.conf or env_file: returns NULL. A problem in a provider
 * file: that provider is taken from PREVIOUS if it was there (same file path),
 * otherwise left out. A provider that names a variable which is not set, or
 * cannot be sent in a header, is no usable one in any case, but keyless when
 * that is its api_key_env, not set, and nothing else. broken_count counts all of
 * these. PREVIOUS may be NULL and stays the caller's. A missing default file
 * (never one named by $SLUICE_CONF) is an empty one. One reference is the
 * caller's.
 *
 * Blocks on local files only.
 */
struct conf *conf_load(const char *path, const struct conf *previous,
	    conf_report_fn *report, void *arg);
struct conf *conf_ref(struct conf *);
void	conf_free(struct conf *);	/* drop one reference; with the last go those on the providers; NULL is fine */

/*
 * A number that changes when sluice.conf, env_file, or the set of provider
 * files changes, or the size, inode, modification or status change time (ns)
 * of one of them. No file is read. To miss no change, compare it with
 * conf->fingerprint.
 */
uint64_t conf_fingerprint(const struct conf *);

/*
 * NAME's value: the process environment first, then env_file. Borrowed; NULL
 * when not set or empty. Lives as long as the configuration.
 */
const char *conf_getenv(const struct conf *, const char *name);

/*
 * Take the seal key out of the process's environment, the copy that
 * /proc/PID/environ shows included; conf_getenv goes on to find it. Once, before
 * there are threads. What started this process has it still.
 */
void	conf_hide_seal_key(const struct conf *);

/* Whether the variable NAME holds a secret of the gateway's own: no provider may get it. */
bool	conf_is_own_secret(const struct conf *, const char *name);

/*
 * May a channel that is made at run time name the variable NAME? Those that
 * sluice.conf lists, but for the gateway's own secrets: who has the admin key
 * can send its value anywhere.
 */
bool	conf_allows_channel_env(const struct conf *, const char *name);
#endif
