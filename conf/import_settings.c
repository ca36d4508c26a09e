/* import_settings.c - gateways that are a handful of settings for one upstream. */
#include "config.h"

#include "conf/import.h"

#include <string.h>

#include "conf/import_env.h"

/* Take the settings of PATH, or of our own environment when it is NULL. */
static bool
open_settings(struct import *im, const char *path)
{
	im->file = "environment";
	return path == NULL || import_env_load(im, path);
}

/* NAME's value if it may stand for the provider's KEY; NULL: reported. */
static const char *
require(struct import *im, const char *name, const char *key)
{
	const char *value = import_env_get(im, name);

	if (value != NULL)
		return import_check(im, name, KEYS_PROVIDER, key, value);
	import_problem(im, 0, "%s is not set", name);
	return NULL;
}

static void
open_models(struct import *im)
{
	im->conf.auth.models_open = true;
	import_note(im, "/v1/models needs no key, as it was; remove "
	    "auth.models_open from sluice.conf if it should");
}

static bool
is_value(const char *value, const char *text)
{
	return value != NULL && strcmp(value, text) == 0;
}

void
import_single_read(struct import *im, const char *path, const char *second)
{
	struct conf_provider *p;
	const char *client_key;

	(void)second;
	if (!open_settings(im, path))
		return;
	p = import_add_provider(im, "single-target");
	p->base_url = require(im, "URL", "base_url");
	p->force_model = require(im, "TARGET_MODEL", "force_model");
	import_set_key(im, p, import_env_get(im, "DASHSCOPE_API_KEY"));
	if (is_value(import_env_get(im, "DASHSCOPE_API_KEY"), "your-api-key"))
		import_note(im, "DASHSCOPE_API_KEY: it is the placeholder of "
		    "the original, not a key");
	client_key = import_env_get(im, "VERIFY_API_KEY");
	if (is_value(client_key, "123456"))
		import_note(im, "VERIFY_API_KEY: it is 123456, which everybody "
		    "can guess: change SLUICE_API_KEYS in keys.env");
	import_set_client_keys(im, client_key);
	open_models(im);
}

/* The last segment of the base URL's path, which names the deployment; or NULL. */
static const char *
last_segment(struct import *im, const char *url)
{
	const char *path = strstr(url, "://");
	size_t n;

	path = path == NULL ? NULL : strchr(path + 3, '/');
	if (path == NULL)
		return NULL;
	for (n = strlen(path); n > 0 && path[n - 1] == '/'; n--)
		;
	url = path + n;
	while (url > path && url[-1] != '/')
		url--;
	return url < path + n ?
	    arena_strndup(&im->arena, url, (size_t)(path + n - url)) : NULL;
}

static const char *const llmgateway_words[] = {
	"MONGOHOST: no database of it is read: client keys, usage and the "
	    "upstream's key stay there",
	"MONGOUSER: there is no mongo",
	"MONGOPASSWORD: there is no mongo",
	"MONGO_SESSION_COLLECTION: there is no mongo",
	"REDISHOST: there is no redis",
	"REDISPORT: there is no redis",
	"ADMIN_KEY: kept in keys.env as SLUICE_ADMIN_KEY, which opens "
	    "/metrics; a prompt set with /admin/setprompt is not carried over",
	NULL
};

static void
add_models(struct import *im, struct conf_provider *p)
{
	const char *name = p->base_url == NULL ? NULL :
	    last_segment(im, p->base_url);

	if (name != NULL && import_add_model(im, p, name) != NULL)
		im->conf.default_model = name;
	import_add_wildcard(im, p);
}

void
import_llmgateway_read(struct import *im, const char *path, const char *second)
{
	static const unsigned total_ms = 300000;
	struct conf_provider *p;
	const char *key;

	(void)second;
	if (!open_settings(im, path))
		return;
	p = import_add_provider(im, "llm");
	p->base_url = require(im, "LLM_BASE_URL", "base_url");
	p->key_header = "Ocp-Apim-Subscription-Key";
	p->timeouts.total_ms = total_ms;
	p->health_interval_ms = 0;	/* no /models below a deployment */
	key = import_env_get(im, "LLM_API_KEY");
	p->api_key_env = import_add_secret(im, "LLM_API_KEY", key);
	if (key == NULL)
		import_note(im, "the upstream's key was set with "
		    "/admin/setllmkey: write LLM_API_KEY=... into keys.env, "
		    "until then the provider is disabled");
	add_models(im, p);
	key = import_env_get(im, "ADMIN_KEY");
	if (key != NULL)
		import_add_secret(im, "SLUICE_ADMIN_KEY", key);
	import_env_note(im, llmgateway_words);
	import_set_client_keys(im, import_env_get(im, "SLUICE_API_KEYS"));
	open_models(im);
}
