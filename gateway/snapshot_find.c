#include "config.h"

#include "gateway/snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- Models. ---- */

static int
model_compare(const void *name, const void *model)
{
	return strcmp(name, ((const struct model *)model)->id);
}

static const struct model *
snapshot_find_exact(const struct snapshot *s, const char *name)
{
	return bsearch(name, s->models, s->model_count, sizeof *s->models,
	    model_compare);
}

const struct model *
snapshot_find(const struct snapshot *s, const char *name, const char **rest)
{
	const char *bare = name;
	const struct model *m = snapshot_find_exact(s, name);

	*rest = NULL;
	if (m != NULL)
		return m;
	if (strncmp(name, SNAPSHOT_NAMESPACE "/",
	    sizeof SNAPSHOT_NAMESPACE) == 0) {
		bare = name + sizeof SNAPSHOT_NAMESPACE;
		if ((m = snapshot_find_exact(s, bare)) != NULL)
			return m;
	}
	for (size_t i = 0; i < s->wildcard_count; i++) {
		size_t len = strlen(s->wildcards[i].id);

		if (strncmp(bare, s->wildcards[i].id, len) == 0 &&
		    bare[len] != '\0') {
			*rest = bare + len;
			return &s->wildcards[i];
		}
	}
	return NULL;
}

/* ---- Providers. ---- */

const struct target *
snapshot_find_provider(const struct snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->roster.count; i++)
		if (strcmp(s->providers[i].provider->name, name) == 0)
			return &s->providers[i];
	return NULL;
}

static bool
path_is_listed(const char *const *paths, size_t n, const char *api_path,
    bool any_case)
{
	for (size_t i = 0; i < n; i++)
		if (any_case ? strcasecmp(paths[i], api_path) == 0 :
		    strcmp(paths[i], api_path) == 0)
			return true;
	return false;
}

static bool
model_names_path(const struct conf_model *m, const char *api_path,
    bool any_case)
{
	if (path_is_listed(m->paths, m->path_count, api_path, any_case))
		return true;
	for (size_t i = 0; i < m->endpoint_count; i++)
		if (path_is_listed(&m->endpoints[i].path, 1, api_path,
		    any_case))
			return true;
	return false;
}

static bool
provider_names_path(const struct conf_provider *p, const char *api_path,
    bool any_case)
{
	if (path_is_listed(p->extra_paths, p->extra_path_count, api_path,
	    any_case))
		return true;
	for (size_t i = 0; i < p->model_count; i++)
		if (model_names_path(&p->models[i], api_path, any_case))
			return true;
	return false;
}

enum snapshot_path
snapshot_find_path(const struct snapshot *s, const char *api_path,
    bool any_case)
{
	if (path_is_listed(s->conf->extra_paths, s->conf->extra_path_count,
	    api_path, any_case))
		return SNAPSHOT_PATH_ALL;
	for (size_t i = 0; i < s->roster.count; i++)
		if (provider_names_path(s->roster.entries[i].provider,
		    api_path, any_case))
			return SNAPSHOT_PATH_NAMED;
	return SNAPSHOT_PATH_NONE;
}

const struct target *
snapshot_find_place(const struct snapshot *s, struct arena *arena,
    const char *name, const char *base_url)
{
	const struct target *own = snapshot_find_provider(s, name);
	struct target *t;

	if (own == NULL || base_url[0] == '\0' ||
	    strcmp(own->base_url, base_url) == 0)
		return own;
	for (size_t i = s->roster.count; i < s->channel_count; i++) {
		struct channel *c = &s->channels[i];

		if (c->provider != own->provider ||
		    strcmp(c->base_url, base_url) != 0)
			continue;
		t = arena_alloc(arena, sizeof *t);
		*t = *own;
		t->base_url = c->base_url;
		t->channel = c;
		return t;
	}
	return NULL;
}

const struct target *
snapshot_find_target(const struct snapshot *s, const char *model,
    const struct target *place)
{
	const char *rest;
	const struct model *m = snapshot_find(s, model, &rest);

	for (size_t i = 0; m != NULL && i < m->target_count; i++)
		if (m->targets[i].provider == place->provider &&
		    strcmp(m->targets[i].base_url, place->base_url) == 0)
			return &m->targets[i];
	return NULL;
}
