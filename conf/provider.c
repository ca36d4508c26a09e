/* provider.c - one provider file. */
#include "config.h"

#include "conf/provider.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/env.h"
#include "conf/origin.h"
#include "conf/reader.h"
#include "conf/source.h"

enum { FIRST_CHUNK_BYTES = 1024 };

static const char suffix[] = ".conf";

/* The file's name without .conf. */
static const char *
default_name(struct conf_provider *p)
{
	const char *slash = strrchr(p->file, '/');
	const char *base = slash == NULL ? p->file : slash + 1;
	size_t n = strlen(base), cut = sizeof(suffix) - 1;

	if (n > cut && strcmp(base + n - cut, suffix) == 0)
		n -= cut;
	return arena_strndup(&p->arena, base, n);
}

static void
check_name(struct reader *r, struct conf_provider *p, const struct conf *conf)
{
	const struct conf_provider *other;
	unsigned line = reader_line(r, "name");

	if (p->name == NULL) {
		p->name = default_name(p);
		if (values_name(p->name) != NULL) {
			reader_report(r, line, "name is missing, and the "
			    "file's name cannot stand in for it: %s",
			    values_name(p->name));
			return;
		}
	}
	other = provider_find(conf, p->name);
	if (other != NULL)
		reader_report(r, line, "name: \"%s\" is taken by %s", p->name,
		    other->file);
}

static void
check_delay(struct reader *r, const struct conf_provider *p)
{
	if (p->delay_ms != 0 && p->kind != CONF_KIND_ECHO)
		reader_report(r, reader_line(r, "delay_ms"),
		    "delay_ms: for kind = \"echo\" only");
}

/* As the kinds' own documentation names them. */
static const char *const key_headers[CONF_KIND__MAX] = {
	[CONF_KIND_OPENAI] = "Authorization",
	[CONF_KIND_ECHO] = "Authorization",
	[CONF_KIND_AZURE] = "api-key",
	[CONF_KIND_ANTHROPIC] = "x-api-key",
};

static bool
ends_with(const char *text, const char *end)
{
	size_t n = text == NULL ? 0 : strlen(text), len = strlen(end);

	return n >= len && strcmp(text + n - len, end) == 0;
}

static void
check_azure(struct reader *r, const struct conf_provider *p)
{
	if (p->kind == CONF_KIND_AZURE) {
		if (p->api_version == NULL && p->base_url != NULL &&
		    !ends_with(p->base_url, "/openai/v1"))
			reader_report(r, reader_line(r, "kind"),
			    "api_version is missing: kind = \"azure\" needs it "
			    "unless base_url ends in /openai/v1");
		return;
	}
	if (p->api_version != NULL)
		reader_report(r, reader_line(r, "api_version"),
		    "api_version: for kind = \"azure\" only");
	if (p->deployment != NULL)
		reader_report(r, reader_line(r, "deployment"),
		    "deployment: for kind = \"azure\" only");
	for (size_t i = 0; i < p->model_count; i++)
		if (p->models[i].deployment != NULL)
			reader_report(r, reader_line(r,
			    "models.[%zu].deployment", i),
			    "deployment: for kind = \"azure\" only");
}

/* Anthropic's streams tell their usage unasked. */
static void
check_usage(struct reader *r, const struct conf_provider *p)
{
	if (p->usage == CONF_USAGE_INJECT && p->kind == CONF_KIND_ANTHROPIC)
		reader_report(r, reader_line(r, "usage"), "usage: \"inject\" is "
		    "for kinds openai, azure and echo only");
}

static void
check_force_model(struct reader *r, const struct conf_provider *p)
{
	if (p->force_model != NULL && p->model_count > 0)
		reader_report(r, reader_line(r, "force_model"),
		    "force_model stands instead of models");
}

/* The header at INDEX among those before it. */
static void
check_header(struct reader *r, const struct conf_provider *p, size_t index)
{
	const struct conf_header *h = &p->headers[index];
	unsigned line = reader_line(r, "headers.[%zu]", index);

	if ((h->value == NULL) == (h->value_env == NULL))
		reader_report(r, line, "headers: expected either value or "
		    "value_env");
	if (h->name == NULL)
		return;
	if (p->api_key_env != NULL && strcasecmp(h->name, p->key_header) == 0)
		reader_report(r, line, "headers: %s carries the key already",
		    h->name);
	for (size_t i = 0; i < index; i++)
		if (p->headers[i].name != NULL &&
		    strcasecmp(h->name, p->headers[i].name) == 0)
			reader_report(r, line, "headers: %s a second time",
			    h->name);
}

static void
check_endpoints(struct reader *r, const struct conf_model *m, size_t index)
{
	for (size_t i = 1; i < m->endpoint_count; i++)
		for (size_t j = 0; j < i; j++) {
			const char *a = m->endpoints[i].path;
			const char *b = m->endpoints[j].path;

			if (a == NULL || b == NULL || strcmp(a, b) != 0)
				continue;
			reader_report(r, reader_line(r,
			    "models.[%zu].endpoints.[%zu]", index, i),
			    "endpoints: path \"%s\" a second time", a);
			break;
		}
}

/* By name, then by place in the file. */
static int
compare_models(const void *a, const void *b)
{
	const struct conf_model *const *x = a, *const *y = b;
	int order = strcmp((*x)->name, (*y)->name);

	return order != 0 ? order : (*x > *y) - (*x < *y);
}

static void
check_model_names(struct reader *r, const struct conf_provider *p)
{
	const struct conf_model **sorted;
	size_t n = 0;

	sorted = arena_alloc(r->arena, (p->model_count + 1) * sizeof(*sorted));
	for (size_t i = 0; i < p->model_count; i++)
		if (p->models[i].name != NULL)
			sorted[n++] = &p->models[i];
	qsort(sorted, n, sizeof(*sorted), compare_models);
	for (size_t i = 1; i < n; i++)
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			reader_report(r, reader_line(r, "models.[%zu].name",
			    (size_t)(sorted[i] - p->models)),
			    "models: this name is there a second time");
}

static void
check_models(struct reader *r, const struct conf_provider *p)
{
	struct arena scratch, *kept = r->arena;

	arena_init(&scratch, FIRST_CHUNK_BYTES);
	r->arena = &scratch;
	check_model_names(r, p);
	r->arena = kept;
	arena_fini(&scratch);
	for (size_t i = 0; i < p->model_count; i++)
		check_endpoints(r, &p->models[i], i);
}

/* Why the variable NAME cannot stand in a header, or NULL. */
static const char *
variable_problem(const struct conf *conf, const char *name)
{
	const char *value = env_get(conf->env, name);

	if (value == NULL)
		return conf->env == NULL ? "is not set in the environment" :
		    "is not set in the environment or in env_file";
	return values_header_value(value) == NULL ? NULL :
	    "cannot be sent: it holds control characters, or has spaces "
	    "around it";
}

/* Every report disables the provider. */
static void
check_variable(struct reader *r, const struct conf *conf, const char *name,
    unsigned line)
{
	const char *problem =
	    name == NULL ? NULL : variable_problem(conf, name);

	if (problem != NULL)
		reader_report(r, line, "%s %s: this provider is disabled",
		    name, problem);
}

static void
check_variables(struct reader *r, const struct conf_provider *p,
    const struct conf *conf)
{
	check_variable(r, conf, p->api_key_env, reader_line(r, "api_key_env"));
	for (size_t i = 0; i < p->header_count; i++)
		check_variable(r, conf, p->headers[i].value_env,
		    reader_line(r, "headers.[%zu].value_env", i));
}

static void
read_tree(struct reader *r, struct conf_provider *p, const struct conf *conf)
{
	reader_set_defaults(r, KEYS_PROVIDER, p);
	reader_read(r, KEYS_PROVIDER, p);
	if (p->prefix == NULL)
		p->prefix = "";
	check_name(r, p, conf);
	if (p->key_header == NULL)
		p->key_header = key_headers[p->kind];
	check_delay(r, p);
	check_azure(r, p);
	check_usage(r, p);
	check_force_model(r, p);
	for (size_t i = 0; i < p->header_count; i++)
		check_header(r, p, i);
	check_models(r, p);
}

/* Its certificates are read here and not by libcurl, for which a change is none. */
static void
read_ca_file(struct reader *r, struct conf_provider *p)
{
	struct source source;
	const char *why;

	if (source_load(&source, p->ca_file, SOURCE_MAX_BYTES, &why) != 0) {
		reader_report(r, reader_line(r, "ca_file"), "ca_file: %s: %s",
		    p->ca_file, why);
		return;
	}
	if (strstr(source.text, "-----BEGIN CERTIFICATE-----") == NULL)
		reader_report(r, reader_line(r, "ca_file"), "ca_file: %s: "
		    "there is no certificate in it (expected PEM)",
		    p->ca_file);
	p->ca_text = arena_strndup(r->arena, source.text, source.size);
	p->ca_text_bytes = source.size;
	source_fini(&source);
}

/* The file's text is at hand. */
static enum provider_state
read_source(struct reader *r, const struct source *source,
    struct conf_provider *p, struct conf *conf,
    void (*watch)(struct conf *, const char *))
{
	unsigned before;

	p->mtime = source->st.st_mtime;
	if (reader_open(r, source) != ERR_NONE)
		return PROVIDER_BROKEN;
	read_tree(r, p, conf);
	if (p->ca_file != NULL && watch != NULL)
		watch(conf, p->ca_file);
	if (p->ca_file != NULL)
		read_ca_file(r, p);
	before = r->problems;
	check_variables(r, p, conf);
	reader_close(r);
	return before > 0 ? PROVIDER_BROKEN : provider_judge_variables(p, conf);
}

/* A provider that says nothing yet but where it comes from. */
static struct conf_provider *
provider_create(const char *path)
{
	struct conf_provider *p = calloc(1, sizeof(*p));

	if (p == NULL)
		abort();
	p->refs = 1;
	arena_init(&p->arena, FIRST_CHUNK_BYTES);
	p->file = arena_strdup(&p->arena, path);
	return p;
}

enum provider_state
provider_load(struct conf_provider **out, const char *path,
    struct conf *conf, conf_report_fn *report, void *arg,
    void (*watch)(struct conf *, const char *))
{
	struct conf_provider *p = provider_create(path);
	struct reader r = {
		.file = p->file, .arena = &p->arena,
		.report = report, .arg = arg
	};
	enum provider_state state = PROVIDER_BROKEN;
	struct source source;
	const char *why;

	if (source_load(&source, path, SOURCE_MAX_BYTES, &why) == 0) {
		state = read_source(&r, &source, p, conf, watch);
		source_fini(&source);
	} else
		reader_report(&r, 0, "%s", why);
	if (state == PROVIDER_USABLE || state == PROVIDER_KEYLESS)
		*out = p;
	else
		provider_release(p);
	return state;
}

void
provider_release(struct conf_provider *p)
{
	if (--p->refs > 0)
		return;
	arena_fini(&p->arena);
	free(p);
}

struct conf_provider *
provider_find(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->provider_count; i++)
		if (strcmp(conf->providers[i]->name, name) == 0)
			return conf->providers[i];
	return NULL;
}

bool
provider_is_known(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->keyless_count; i++)
		if (strcmp(conf->keyless[i]->name, name) == 0)
			return true;
	return provider_find(conf, name) != NULL;
}

/* BASE_URL may be NULL: there is none. */
static bool
is_origin_of(const char *base_url, const char *url)
{
	return base_url != NULL && origin_same(base_url, url);
}

bool
provider_leads_to(const struct conf_provider *p, const char *url)
{
	if (is_origin_of(p->base_url, url))
		return true;
	for (size_t i = 0; i < p->model_count; i++) {
		const struct conf_model *m = &p->models[i];

		for (size_t j = 0; j < m->endpoint_count; j++)
			if (is_origin_of(m->endpoints[j].base_url, url))
				return true;
	}
	return false;
}

/* Places on their way to provider_places. */
struct places {
	struct arena	*arena;
	const char	**list;
	size_t		 count, size;
};

/* "http://host:80 by http://proxy:3128": nobody's user belongs to it. */
static const char *
make_place(struct arena *arena, const char *origin, const char *proxy)
{
	size_t user, start;

	if (proxy == NULL || proxy[0] == '\0' ||
	    strncmp(origin, "http://", 7) != 0)
		return arena_strdup(arena, origin);
	user = values_userinfo(proxy, &start);
	return arena_printf(arena, "%s by %.*s%s", origin, (int)start, proxy,
	    proxy + start + user);
}

static bool
has_place(const struct places *p, const char *place)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->list[i], place) == 0)
			return true;
	return false;
}

static void
add_place(struct places *p, const char *base_url, const char *proxy)
{
	char origin[ORIGIN_SIZE];
	const char *place, **grown;

	if (base_url == NULL || !origin_make(base_url, origin))
		return;
	place = make_place(p->arena, origin, proxy);
	if (has_place(p, place))
		return;
	if (p->count == p->size) {
		p->size = p->size == 0 ? 4 : 2 * p->size;
		grown = arena_alloc(p->arena, p->size * sizeof(*grown));
		for (size_t i = 0; i < p->count; i++)
			grown[i] = p->list[i];
		p->list = grown;
	}
	p->list[p->count++] = place;
}

static void
add_places(struct places *p, const struct conf_provider *provider)
{
	add_place(p, provider->base_url, provider->proxy);
	for (size_t i = 0; i < provider->model_count; i++) {
		const struct conf_model *m = &provider->models[i];

		for (size_t j = 0; j < m->endpoint_count; j++)
			add_place(p, m->endpoints[j].base_url,
			    provider->proxy);
	}
}

const char *const *
provider_places(const struct conf_provider *provider, struct arena *arena,
    size_t *count)
{
	struct places p = { .arena = arena };

	add_places(&p, provider);
	*count = p.count;
	return p.list;
}

/* Those of COUNT providers whose key is in VARIABLE. */
static void
add_places_of(struct places *p, struct conf_provider *const *providers,
    size_t count, const char *variable)
{
	for (size_t i = 0; i < count; i++)
		if (providers[i]->api_key_env != NULL &&
		    strcmp(providers[i]->api_key_env, variable) == 0)
			add_places(p, providers[i]);
}

const char *const *
provider_places_of(const struct conf *conf, const char *variable,
    struct arena *arena, size_t *count)
{
	struct places p = { .arena = arena };

	add_places_of(&p, conf->providers, conf->provider_count, variable);
	add_places_of(&p, conf->keyless, conf->keyless_count, variable);
	*count = p.count;
	return p.list;
}

enum provider_state
provider_judge_variables(const struct conf_provider *p,
    const struct conf *conf)
{
	for (size_t i = 0; i < p->header_count; i++)
		if (p->headers[i].value_env != NULL &&
		    variable_problem(conf, p->headers[i].value_env) != NULL)
			return PROVIDER_DISABLED;
	if (p->api_key_env == NULL)
		return PROVIDER_USABLE;
	if (env_get(conf->env, p->api_key_env) == NULL)
		return PROVIDER_KEYLESS;
	return variable_problem(conf, p->api_key_env) == NULL ?
	    PROVIDER_USABLE : PROVIDER_DISABLED;
}

struct conf_provider *
provider_make(struct arena *arena, const char *name, const char *kind,
    const char *base_url)
{
	struct conf_provider *p = arena_alloc(arena, sizeof *p);
	struct reader r = { .file = "", .arena = arena };
	int choice = keys_find_choice(keys_find(KEYS_PROVIDER, "kind"), kind);

	if (choice < 0)
		return NULL;
	reader_set_defaults(&r, KEYS_PROVIDER, p);
	p->file = arena_strdup(arena, "");
	p->name = name;
	p->kind = (enum conf_kind)choice;
	p->base_url = base_url;
	p->prefix = "";
	p->key_header = key_headers[choice];
	return p;
}

struct conf_model *
provider_make_models(struct arena *arena, size_t count)
{
	struct conf_model *models = arena_alloc(arena, count * sizeof *models);
	struct reader r = { .file = "", .arena = arena };

	for (size_t i = 0; i < count; i++)
		reader_set_defaults(&r, KEYS_MODEL, &models[i]);
	return models;
}
