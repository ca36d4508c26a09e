#include "config.h"

#include "gateway/roster.h"

#include <stdbool.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "conf/provider.h"
#include "conf/values.h"

/* One on its way. */
struct making {
	struct roster	*roster;
	struct arena	*arena;
	const struct conf *conf;
	const struct managed_list *list;
	const struct roster *before;
	struct seal	 seal;
	bool		 has_tried, has_seal;
	size_t		 files;		/* entries of them */
};

/* ---- Keys. ---- */

static void
note(struct making *m, const char *name, const char *text)
{
	struct roster *r = m->roster;

	r->notes[r->note_count++] = arena_concat(m->arena, "channel ", name,
	    " is not in use: ", text, NULL);
	r->broken_count++;
}

static void
note_kept(struct making *m, const char *name, const char *text)
{
	struct roster *r = m->roster;

	r->notes[r->note_count++] = arena_concat(m->arena, "channel ", name,
	    " goes on with its key of before: ", text, NULL);
}

/* The first sealed value asks for the key. */
static bool
get_seal(struct making *m)
{
	const struct seal_place place = {
		.name = m->conf->auth.seal_key_env,
		.value = conf_getenv(m->conf, m->conf->auth.seal_key_env),
		.dir = m->conf->state_dir,
	};

	if (!m->has_tried)
		m->has_seal = seal_load(&m->seal, &place);
	m->has_tried = true;
	return m->has_seal;
}

static void
set_opened(struct making *m, struct roster_entry *e, const char *secret,
    const struct managed_sealed *sealed)
{
	void	*bytes = arena_alloc(m->arena, sealed->len);

	memcpy(bytes, sealed->bytes, sealed->len);
	e->sealed = (struct managed_sealed){ bytes, sealed->len };
	e->key = e->opened = arena_strdup(m->arena, secret);
}

/* Nothing is sealed twice to the same bytes. */
static const struct roster_entry *
find_opened(const struct roster *before, const struct managed_sealed *sealed)
{
	for (size_t i = 0; before != NULL && i < before->count; i++) {
		const struct roster_entry *e = &before->entries[i];

		if (e->opened != NULL && e->sealed.len == sealed->len &&
		    memcmp(e->sealed.bytes, sealed->bytes, sealed->len) == 0)
			return e;
	}
	return NULL;
}

/* NULL, or why it cannot be opened. */
static const char *
open_key(struct making *m, struct roster_entry *e,
    const struct managed_sealed *sealed)
{
	char	 secret[SEAL_SECRET_MAX + 1];
	const struct roster_entry *known;
	const char *why;

	if (get_seal(m) && seal_open(&m->seal, sealed->bytes, sealed->len,
	    secret)) {
		set_opened(m, e, secret, sealed);
		sodium_memzero(secret, sizeof secret);
		return NULL;
	}
	why = m->has_seal ? "its key was sealed with another one, or is damaged"
	    : arena_concat(m->arena, "its key cannot be opened: ",
	    m->seal.why, NULL);
	known = find_opened(m->before, sealed);
	if (known == NULL)
		return why;
	set_opened(m, e, known->opened, sealed);
	note_kept(m, e->provider->name, why);
	return NULL;
}

/* The key that the variable NAME has; NULL, or why there is none. */
static const char *
find_key(struct making *m, struct roster_entry *e, const char *name)
{
	const char *value = conf_getenv(m->conf, name);
	const struct managed_secret *secret;

	if (value != NULL && values_header_value(value) != NULL)
		return arena_concat(m->arena, name, " cannot be sent", NULL);
	e->key = value;
	if (value != NULL)
		return NULL;
	secret = managed_list_find_secret(m->list, name);
	if (secret == NULL)
		return arena_concat(m->arena, name, " is not set", NULL);
	return open_key(m, e, &secret->value);
}

/* ---- Who there is. ---- */

static void
add(struct making *m, const struct roster_entry *e)
{
	m->roster->entries[m->roster->count++] = *e;
}

static void
add_file(struct making *m, const struct conf_provider *p)
{
	struct roster_entry e = { .provider = p };

	if (p->api_key_env != NULL)
		find_key(m, &e, p->api_key_env);
	add(m, &e);
}

/* What it lacks was told when it was read; another file's name it may not take. */
static void
add_keyless(struct making *m, const struct conf_provider *p)
{
	struct roster_entry e = { .provider = p };
	const char *problem;

	if (managed_list_find_secret(m->list, p->api_key_env) == NULL ||
	    roster_find(m->roster, p->name) != NULL)
		return;
	m->roster->broken_count--;
	problem = find_key(m, &e, p->api_key_env);
	if (problem == NULL)
		add(m, &e);
	else
		note(m, p->name, problem);
}

/* "*" upstream is the name that the client asked for. */
static void
add_models(struct making *m, struct conf_provider *p,
    const struct managed_channel *c)
{
	p->models = provider_make_models(m->arena, c->model_count);
	p->model_count = c->model_count;
	for (size_t i = 0; i < c->model_count; i++) {
		const struct managed_served *served = &c->models[i];

		p->models[i].name = served->model;
		p->models[i].weight = served->weight;
		p->models[i].created = served->created;
		if (strcmp(served->target, "*") != 0)
			p->models[i].target = served->target;
	}
}

static bool
has_file(const struct making *m, const char *name)
{
	for (size_t i = 0; i < m->files; i++)
		if (strcmp(m->roster->entries[i].provider->name, name) == 0)
			return true;
	return false;
}

/* Its key; NULL, or why it cannot be used. */
static const char *
judge_channel(struct making *m, const struct managed_channel *c,
    struct roster_entry *e)
{
	if (has_file(m, c->name))
		return "a provider file has its name";
	if (c->key.bytes != NULL)
		return open_key(m, e, &c->key);
	if (c->api_key_env == NULL)
		return NULL;
	return conf_is_own_secret(m->conf, c->api_key_env) ?
	    "its variable holds a secret of the gateway" :
	    find_key(m, e, c->api_key_env);
}

static void
add_channel(struct making *m, const struct managed_channel *c)
{
	struct conf_provider *p = provider_make(m->arena, c->name, c->kind,
	    c->base_url);
	struct roster_entry e = { .provider = p };
	const char *problem = p == NULL ? "its kind is unknown" :
	    judge_channel(m, c, &e);

	if (problem != NULL) {
		note(m, c->name, problem);
		return;
	}
	p->weight = c->weight;
	p->priority = c->priority;
	add_models(m, p, c);
	add(m, &e);
}

void
roster_init(struct roster *r, struct arena *arena, const struct conf *conf,
    const struct managed_list *list, const struct roster *before)
{
	struct making m = { .roster = r, .arena = arena, .conf = conf,
		.list = list, .before = before };
	size_t	 channels = list == NULL ? 0 : list->channel_count;
	size_t	 most = conf->provider_count + conf->keyless_count + channels;

	*r = (struct roster){ .broken_count = conf->broken_count };
	r->entries = arena_alloc(arena, most * sizeof *r->entries);
	r->notes = arena_alloc(arena, most * sizeof *r->notes);
	for (size_t i = 0; i < conf->provider_count; i++)
		add_file(&m, conf->providers[i]);
	for (size_t i = 0; i < conf->keyless_count; i++)
		add_keyless(&m, conf->keyless[i]);
	m.files = r->count;
	for (size_t i = 0; i < channels; i++)
		add_channel(&m, &list->channels[i]);
	seal_forget(&m.seal);
}

void
roster_fini(struct roster *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->entries[i].opened != NULL)
			sodium_memzero(r->entries[i].opened,
			    strlen(r->entries[i].opened));
}

static bool
has_note(const struct roster *r, const char *text)
{
	for (size_t i = 0; r != NULL && i < r->note_count; i++)
		if (strcmp(r->notes[i], text) == 0)
			return true;
	return false;
}

void
roster_tell(const struct roster *r, const struct roster *before)
{
	for (size_t i = 0; i < r->note_count; i++)
		if (!has_note(before, r->notes[i]))
			log_warn("%s", r->notes[i]);
}

const struct roster_entry *
roster_find(const struct roster *r, const char *name)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->entries[i].provider->name, name) == 0)
			return &r->entries[i];
	return NULL;
}
