/* import_config.c - a CONFIG of JSON: namespaces, each a list of providers. */
#include "config.h"

#include "conf/import.h"

#include <string.h>

#include "conf/import_env.h"
#include "conf/import_json.h"
#include "conf/values.h"

static const char *const server_words[] = {
	"WORKERS: the number of responders is set where they are started: "
	    "sluice_procs in lighttpd's file, -F of spawn-fcgi",
	"PORT: the port is the web server's",
	"HOST: the address is the web server's",
	"OTEL_EXPORTER_OTLP_ENDPOINT: there is no tracing",
	NULL
};

static const char *const provider_words[] = {
	"models", "api_key", "base_url", "azure_endpoint", "is_azure", "type",
	"api_version", "azure_deployment", NULL
};

/* In one namespace the last definition of a model counted. */
static void
drop_earlier(struct import *im, const struct conf_provider *p,
    const char *name)
{
	for (size_t i = 0; i + 1 < im->provider_count; i++) {
		struct conf_provider *q = &im->providers[i]->settings;

		if (strcmp(q->ns, p->ns) != 0)
			continue;
		for (size_t j = 0; j < q->model_count; j++)
			if (strcmp(q->models[j].name, name) == 0) {
				import_note(im, "%s: model \"%.100s\" is "
				    "defined again by %s, which counted alone",
				    q->name, name, p->name);
				q->models[j] = q->models[--q->model_count];
				break;
			}
	}
}

static bool
has_model(const struct conf_provider *p, const char *name)
{
	for (size_t i = 0; i < p->model_count; i++)
		if (strcmp(p->models[i].name, name) == 0)
			return true;
	return false;
}

static void
read_models(struct import *im, const char *where, struct conf_provider *p,
    yajl_val list)
{
	if (!YAJL_IS_ARRAY(list)) {
		import_problem(im, 0, "%s.models: expected a list of strings",
		    where);
		return;
	}
	for (size_t i = 0; i < list->u.array.len &&
	    im->model_count <= IMPORT_MODELS_MAX; i++) {
		const char *name = YAJL_GET_STRING(list->u.array.values[i]);

		if (name == NULL)
			import_problem(im, 0, "%s.models[%zu]: expected a "
			    "string", where, i);
		else if (!has_model(p, name) &&
		    import_add_model(im, p, name) != NULL)
			drop_earlier(im, p, name);
	}
}

/* A value of SCOPE's key that is a member of V, or NULL (reported). */
static const char *
get(struct import *im, const char *where, yajl_val v, const char *member,
    const char *key)
{
	const char *value = import_json_string(v, member);

	if (value == NULL)
		return NULL;
	where = arena_printf(&im->arena, "%s.%s", where, member);
	return arena_strdup(&im->arena, import_check(im, where, KEYS_PROVIDER,
	    key, value));
}

static void
read_azure(struct import *im, const char *where, struct conf_provider *p,
    yajl_val v)
{
	p->kind = CONF_KIND_AZURE;
	p->api_version = get(im, where, v, "api_version", "api_version");
	p->deployment = get(im, where, v, "azure_deployment", "deployment");
	if (p->api_version == NULL)
		p->api_version = import_env_get(im, "OPENAI_API_VERSION");
	if (p->api_version == NULL)
		import_problem(im, 0, "%s: api_version is missing", where);
}

static bool
is_azure(yajl_val v)
{
	const char *type = import_json_string(v, "type");

	return YAJL_IS_TRUE(import_json_find(v, "is_azure")) ||
	    (type != NULL && strcmp(type, "azure") == 0);
}

/* Kinds that later versions have: only two of them are providers. */
static bool
is_provider(struct import *im, const char *where, yajl_val v)
{
	const char *type = import_json_string(v, "type");

	if (!YAJL_IS_OBJECT(v)) {
		import_problem(im, 0, "%s: expected an object", where);
		return false;
	}
	if (type == NULL || strcmp(type, "openai") == 0 ||
	    strcmp(type, "azure") == 0)
		return true;
	import_note(im, "%s: type \"%.40s\" is not carried over", where, type);
	return false;
}

static void
read_provider(struct import *im, const char *where, const char *ns,
    yajl_val v)
{
	const char *member =
	    import_json_find(v, "base_url") != NULL || !is_azure(v) ?
	    "base_url" : "azure_endpoint";
	struct conf_provider *p;

	if (!is_provider(im, where, v))
		return;
	p = import_add_provider(im, ns);
	if (p == NULL)
		return;
	p->ns = ns;
	if (import_json_string(v, member) == NULL)
		import_problem(im, 0, "%s: %s is missing", where, member);
	p->base_url = get(im, where, v, member, "base_url");
	import_set_key(im, p, import_json_string(v, "api_key"));
	if (is_azure(v))
		read_azure(im, where, p, v);
	read_models(im, where, p, import_json_find(v, "models"));
	import_json_note_others(im, where, v, provider_words);
}

/* NAME as a namespace: most are names already. */
static const char *
namespace_name(struct import *im, const char *name)
{
	char *ns = import_cut(im, name, 64);

	if (values_name(name) == NULL)
		return ns;
	for (char *p = ns; *p != '\0'; p++) {
		char one[] = { *p, '\0' };

		if (values_name(one) != NULL)
			*p = '-';
	}
	if (ns[0] == '\0')
		ns = arena_strdup(&im->arena, "unnamed");
	import_note(im, "namespace \"%.80s\" is now called %s", name, ns);
	return ns;
}

static void
read_namespace(struct import *im, const char *where, const char *name,
    yajl_val list)
{
	const char *ns = namespace_name(im, name);

	if (!YAJL_IS_ARRAY(list)) {
		import_problem(im, 0, "%s%.60s: expected a list of providers",
		    where, name);
		return;
	}
	for (size_t i = 0; i < list->u.array.len; i++)
		read_provider(im, arena_printf(&im->arena, "%s%.60s[%zu]",
		    where, name, i), ns, list->u.array.values[i]);
}

/* Namespaces stand in "config", or, as people have always written it, beside it. */
static void
read_tree(struct import *im, yajl_val root)
{
	for (size_t i = 0; i < root->u.object.len; i++) {
		const char *name = root->u.object.keys[i];
		yajl_val v = root->u.object.values[i];

		if (YAJL_IS_ARRAY(v))
			read_namespace(im, "", name, v);
		else if (strcmp(name, "config") != 0 || !YAJL_IS_OBJECT(v))
			import_note(im, "%.60s: unknown setting", name);
		else
			for (size_t j = 0; j < v->u.object.len; j++)
				read_namespace(im, "config.",
				    v->u.object.keys[j], v->u.object.values[j]);
	}
}

static void
read_text(struct import *im, const char *text)
{
	yajl_val root = import_json_parse(im, text);

	if (root == NULL)
		return;
	read_tree(im, root);
	yajl_tree_free(root);
	if (im->provider_count == 0 && im->problems == 0)
		import_problem(im, 0, "no provider is in it");
}

/* It let pages of every site in, and nobody could say otherwise. */
static void
allow_any_origin(struct import *im)
{
	static const char *any[] = { "*" };

	im->conf.cors.origins = any;
	im->conf.cors.origin_count = 1;
	import_note(im, "cors.origins: pages of every site may call, as before; "
	    "name those that do");
}

static void
read_server(struct import *im)
{
	const char *dir = import_env_get(im, "LOG_DIR");

	if (dir != NULL && dir[0] == '/')
		im->conf.log.dir = import_check(im, "LOG_DIR", KEYS_MAIN,
		    "log.dir", dir);
	else if (dir != NULL)
		import_note(im, "LOG_DIR: it is relative; set log.dir in "
		    "sluice.conf");
	import_env_take_level(im, "LOG_LEVEL");
	import_env_note(im, server_words);
	allow_any_origin(im);
	import_set_client_keys(im, import_env_get(im, "API_KEYS"));
}

/* Where CONFIG is not the file itself but one of its variables. */
static void
read_variable(struct import *im)
{
	const char *text = import_env_get(im, "CONFIG");

	if (text == NULL) {
		import_problem(im, 0, "CONFIG is not set");
		return;
	}
	im->file = "$CONFIG";
	read_text(im, text);
}

void
import_config_read(struct import *im, const char *path, const char *second)
{
	struct source source;

	(void)second;
	if (path == NULL) {
		im->file = "environment";
		read_variable(im);
	} else {
		if (!import_load(im, &source, path))
			return;
		if (strchr("{/", source.text[strspn(source.text,
		    " \t\r\n")]) != NULL)
			read_text(im, source.text);
		else {
			import_env_take(im, source.text);
			read_variable(im);
		}
		source_fini(&source);
	}
	read_server(im);
}
