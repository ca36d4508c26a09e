/* import_foap.c - a directory of JSON files: providers, models, endpoints. */
#include "config.h"

#include "conf/import.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/import_env.h"
#include "conf/import_json.h"
#include "conf/values.h"

enum {
	FILES_MAX = 1000,
	REQUEST_TIMEOUT_MS = 60000,	/* where a provider does not say */
	HEALTH_TIMEOUT_MS = 60000, HEALTH_MAX_MS = 300000
};

/* Where a deployment stands in the base URL no version is asked for; Azure wants one. */
static const char azure_version[] = "2024-10-21";
static const char deployments[] = "/openai/deployments/";

static const char *const provider_words[] = {
	"api_key_variable", "prefix", "target_base_url", "request_timeout",
	"health_timeout", "models", NULL
};
static const char *const endpoint_words[] = {
	"path", "target_base_url", "target_model_name", "request_timeout",
	"health_timeout", NULL
};
static const char *const server_words[] = {
	"FOAP_HOST: the address is the web server's",
	"FOAP_PORT: the port is the web server's",
	NULL
};

/* What an endpoint of the old system says, defaults filled in. */
struct endpoint {
	const char	*where;
	const char	*model;
	const char	*path;		/* without v1/ */
	const char	*base_url;	/* with /v1, or the Azure resource */
	const char	*deployment;	/* NULL: not Azure */
	const char	*target;
	unsigned	 timeout_ms;	/* 0: the provider's */
	unsigned	 health_ms;	/* likewise */
};

/* One old provider, which may become several: one a kind and Azure resource. */
struct old_provider {
	const char	*where;
	const char	*name;
	yajl_val	 v;
	const char	*key_env;
	const char	*base_url;
	unsigned	 timeout_ms;
	unsigned	 health_ms;
	size_t		 first;		/* of its providers in the import */
};

/* A silence of MS, wherever it happens, was the end of a request. */
static void
set_timeouts(struct conf_timeouts *t, unsigned ms)
{
	static const unsigned connect_ms = 5000, total_ms = 900000;

	t->headers_ms = t->first_token_ms = t->idle_ms = ms;
	if (ms > 0 && ms < connect_ms)
		t->connect_ms = ms;
	if (ms > total_ms)
		t->total_ms = ms;
}

/* BASE without trailing slashes, N bytes of it. */
static char *
trimmed(struct import *im, const char *base, size_t n)
{
	while (n > 0 && base[n - 1] == '/')
		n--;
	return arena_strndup(&im->arena, base, n);
}

/* Take BASE apart: "/v1" stands behind it, unless it names a deployment. */
static bool
set_base(struct import *im, struct endpoint *e, const char *base)
{
	const char *mark;
	char *url;

	base = import_check(im, e->where, KEYS_PROVIDER, "base_url", base);
	if (base == NULL)
		return false;
	mark = strstr(base, deployments);
	if (mark == NULL) {
		url = trimmed(im, base, strlen(base));
		e->base_url = arena_concat(&im->arena, url, "/v1", NULL);
		return true;
	}
	e->base_url = trimmed(im, base, (size_t)(mark - base));
	mark += sizeof(deployments) - 1;
	e->deployment = arena_strndup(&im->arena, mark, strcspn(mark, "/"));
	return import_check(im, e->where, KEYS_PROVIDER, "deployment",
	    e->deployment) != NULL;
}

static bool
set_path(struct import *im, struct endpoint *e, const char *path)
{
	if (path == NULL) {
		import_problem(im, 0, "%s: path is missing", e->where);
		return false;
	}
	path += path[0] == '/';
	if (strncmp(path, "v1/", 3) != 0) {
		import_note(im, "%s: path \"%.60s\" is not under v1/, so no "
		    "request ever reached it", e->where, path);
		return false;
	}
	e->path = arena_strdup(&im->arena, path + 3);
	return import_check(im, e->where, KEYS_ENDPOINT, "path", e->path) !=
	    NULL;
}

/* In milliseconds, as much as we may wait; 0: V does not say. */
static unsigned
read_health(struct import *im, const char *where, yajl_val v)
{
	unsigned ms = import_json_seconds(im, where, v, "health_timeout");

	return ms < HEALTH_MAX_MS ? ms : HEALTH_MAX_MS;
}

/* False: it cannot be carried over, which was told. */
static bool
read_endpoint(struct import *im, const struct old_provider *old,
    struct endpoint *e, yajl_val v)
{
	const char *base = import_json_string(v, "target_base_url");

	if (!set_path(im, e, import_json_string(v, "path")))
		return false;
	base = base == NULL ? old->base_url : base;
	if (base == NULL) {
		import_problem(im, 0, "%s: target_base_url is missing",
		    e->where);
		return false;
	}
	e->target = import_json_string(v, "target_model_name");
	if (e->target == NULL)
		e->target = e->model;
	e->target = arena_strdup(&im->arena, e->target);
	e->timeout_ms = import_json_seconds(im, e->where, v,
	    "request_timeout");
	e->health_ms = read_health(im, e->where, v);
	import_json_note_others(im, e->where, v, endpoint_words);
	return set_base(im, e, base);
}

static struct conf_model *
find_model(const struct conf_provider *p, const char *name)
{
	for (size_t i = 0; i < p->model_count; i++)
		if (strcmp(p->models[i].name, name) == 0)
			return &p->models[i];
	return NULL;
}

/* True when P can take E: an Azure resource has one deployment for a model. */
static bool
may_take(const struct conf_provider *p, const struct endpoint *e)
{
	const struct conf_model *m = find_model(p, e->model);

	if (e->deployment == NULL)
		return p->kind == CONF_KIND_OPENAI;
	return p->kind == CONF_KIND_AZURE &&
	    strcmp(p->base_url, e->base_url) == 0 &&
	    (m == NULL || strcmp(m->deployment, e->deployment) == 0);
}

/* The provider for E among those of OLD, made if it has to be; NULL: too many. */
static struct conf_provider *
get_provider(struct import *im, const struct old_provider *old,
    const struct endpoint *e)
{
	const char *prefix = import_json_string(old->v, "prefix");
	struct conf_provider *p;

	for (size_t i = old->first; i < im->provider_count; i++)
		if (may_take(&im->providers[i]->settings, e))
			return &im->providers[i]->settings;
	p = import_add_provider(im, old->name);
	if (p == NULL)
		return NULL;
	p->base_url = e->base_url;
	p->api_key_env = old->key_env;
	if (prefix != NULL)
		p->prefix = arena_strdup(&im->arena, import_check(im,
		    old->where, KEYS_PROVIDER, "prefix", prefix));
	set_timeouts(&p->timeouts, old->timeout_ms);
	p->health_timeout_ms = old->health_ms;
	if (e->deployment != NULL) {
		p->kind = CONF_KIND_AZURE;
		p->api_version = azure_version;
		import_note(im, "%s: Azure asks for an api_version, which was "
		    "nowhere set: it is now %s", old->where, azure_version);
	}
	return p;
}

/* Paths that need nothing of their own are words in a list, others a group. */
static void
add_path(struct import *im, const struct conf_provider *p,
    struct conf_model *m, const struct endpoint *e)
{
	const char *target = m->target == NULL ? m->name : m->target;
	bool own_url = strcmp(e->base_url, p->base_url) != 0;
	bool own_target = strcmp(e->target, target) != 0;
	struct conf_endpoint *added;

	if (!own_url && !own_target && e->timeout_ms == 0) {
		m->paths = import_grow(im, m->paths, m->path_count,
		    sizeof(char *));
		m->paths[m->path_count++] = e->path;
		return;
	}
	m->endpoints = import_grow(im, m->endpoints, m->endpoint_count,
	    sizeof(struct conf_endpoint));
	added = &m->endpoints[m->endpoint_count++];
	*added = (struct conf_endpoint){
		.path = e->path,
		.base_url = own_url ? e->base_url : NULL,
		.target = own_target ? e->target : NULL,
	};
	set_timeouts(&added->timeouts, e->timeout_ms);
}

/* The first endpoint with a path is the one that counted. */
static bool
has_path(const struct conf_model *m, const char *path)
{
	for (size_t i = 0; i < m->path_count; i++)
		if (strcmp(m->paths[i], path) == 0)
			return true;
	for (size_t i = 0; i < m->endpoint_count; i++)
		if (strcmp(m->endpoints[i].path, path) == 0)
			return true;
	return false;
}

/* A provider is asked as a whole: the most patient of its endpoints counts. */
static void
take_health(struct import *im, struct conf_provider *p,
    const struct endpoint *e)
{
	if (e->health_ms == 0 || e->health_ms == p->health_timeout_ms)
		return;
	if (e->health_ms > p->health_timeout_ms)
		p->health_timeout_ms = e->health_ms;
	import_note(im, "%s.health_timeout: a provider has one for all its "
	    "endpoints, the longest: %.15g s", e->where,
	    p->health_timeout_ms / 1000.0);
}

static void
add_endpoint(struct import *im, const struct old_provider *old,
    const struct endpoint *e)
{
	struct conf_provider *p = get_provider(im, old, e);
	struct conf_model *m;

	if (p == NULL)
		return;
	take_health(im, p, e);
	m = find_model(p, e->model);
	if (m == NULL) {
		m = import_add_model(im, p, e->model);
		if (m == NULL)
			return;
		m->target = strcmp(e->target, m->name) == 0 ? NULL : e->target;
		m->deployment = e->deployment;
	}
	if (has_path(m, e->path))
		import_note(im, "%s: path \"%s\" a second time", e->where,
		    e->path);
	else
		add_path(im, p, m, e);
}

static void
read_model(struct import *im, const struct old_provider *old,
    const char *name, yajl_val v)
{
	yajl_val list = import_json_find(v, "endpoints");
	static const size_t endpoints_max = 64;

	if (!YAJL_IS_ARRAY(list) || list->u.array.len == 0) {
		import_note(im, "%s.models.%.60s: it has no endpoints",
		    old->where, name);
		return;
	}
	for (size_t i = 0; i < list->u.array.len; i++) {
		struct endpoint e = { .model = name };

		e.where = arena_printf(&im->arena,
		    "%s.models.%.60s.endpoints[%zu]", old->where, name, i);
		if (i == endpoints_max) {
			import_note(im, "%s: too many endpoints", e.where);
			break;
		}
		if (read_endpoint(im, old, &e, list->u.array.values[i]))
			add_endpoint(im, old, &e);
	}
}

/* The variable stays what it is called, where no client can set it. */
static const char *
read_key(struct import *im, const struct old_provider *old)
{
	const char *name = import_json_string(old->v, "api_key_variable");
	const char *value, *ours;

	if (name == NULL)
		return NULL;
	value = import_env_get(im, name);
	ours = import_add_secret(im, name, value);
	if (strcmp(ours, name) != 0)
		import_note(im, "%s: variable %.60s is now called %s: in CGI "
		    "mode a client could set the old one, or it is no name",
		    old->where, name, ours);
	if (value == NULL)
		import_note(im, "%s: %s is not set here: write its value into "
		    "keys.env, until then the provider is disabled",
		    old->where, ours);
	return ours;
}

static void
read_provider(struct import *im, const char *name, yajl_val v)
{
	struct old_provider old = {
		.name = name, .v = v, .first = im->provider_count
	};
	yajl_val models = import_json_find(v, "models");

	old.where = import_cut(im, name, 60);
	if (!YAJL_IS_OBJECT(models)) {
		import_problem(im, 0, "%s: expected an object with models",
		    old.where);
		return;
	}
	old.key_env = read_key(im, &old);
	old.base_url = import_json_string(v, "target_base_url");
	old.timeout_ms = import_json_seconds(im, old.where, v,
	    "request_timeout");
	if (old.timeout_ms == 0)
		old.timeout_ms = REQUEST_TIMEOUT_MS;
	old.health_ms = read_health(im, old.where, v);
	if (old.health_ms == 0)
		old.health_ms = HEALTH_TIMEOUT_MS;
	for (size_t i = 0; i < models->u.object.len &&
	    im->model_count <= IMPORT_MODELS_MAX; i++)
		read_model(im, &old, models->u.object.keys[i],
		    models->u.object.values[i]);
	import_json_note_others(im, old.where, v, provider_words);
}

static void
read_file(struct import *im, const char *path)
{
	struct source source;
	yajl_val root;

	if (!import_load(im, &source, path))
		return;
	root = import_json_parse(im, source.text);
	if (root != NULL)
		for (size_t i = 0; i < root->u.object.len; i++)
			read_provider(im, root->u.object.keys[i],
			    root->u.object.values[i]);
	yajl_tree_free(root);
	source_fini(&source);
}

static int
is_json_file(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

static void
read_server(struct import *im)
{
	const char *base = import_env_get(im, "BASE_URL");

	if (base != NULL)
		im->conf.base_url = import_check(im, "BASE_URL", KEYS_MAIN,
		    "base_url", base);
	import_env_take_level(im, "FOAP_LOGLEVEL");
	import_env_note(im, server_words);
	import_set_client_keys(im, import_env_get(im, "SLUICE_API_KEYS"));
}

void
import_foap_read(struct import *im, const char *directory, const char *second)
{
	struct dirent **entries;
	int n;

	(void)second;
	if (directory == NULL)
		directory = import_env_get(im, "FOAP_CONFIG_DIR");
	if (directory == NULL) {
		im->file = "environment";
		import_problem(im, 0, "FOAP_CONFIG_DIR is not set");
		return;
	}
	im->file = directory;
	n = scandir(directory, &entries, is_json_file, alphasort);
	if (n <= 0 || n > FILES_MAX)
		import_problem(im, 0, "%s", n < 0 ? strerror(errno) :
		    n == 0 ? "no *.json file is in it" : "too many files");
	for (int i = 0; i < n; i++) {
		if (n <= FILES_MAX)
			read_file(im, arena_printf(&im->arena, "%s/%s",
			    directory, entries[i]->d_name));
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	read_server(im);
}
