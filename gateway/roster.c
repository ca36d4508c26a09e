#include "config.h"

#include "gateway/roster.h"

#include <inttypes.h>
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
add_note(struct making *m, const char *name, const char *how, const char *why)
{
	struct roster *r = m->roster;

	r->notes[r->note_count++] = (struct roster_note){ name, why,
		arena_concat(m->arena, "channel ", name, how, why, NULL) };
}

static void
note(struct making *m, const char *name, const char *why)
{
	add_note(m, name, " is not in use: ", why);
	m->roster->broken_count++;
}

static void
note_kept(struct making *m, const char *name, const char *why)
{
	add_note(m, name, " goes on with its key of before: ", why);
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

static const char elsewhere[] = "its key was sealed for another base URL or "
    "with another seal key, or is damaged: give the key again";

/* A key that is to be opened: for the purpose, which ALL purposes of it include. */
struct locked {
	const struct managed_sealed *sealed;
	struct seal_purpose purpose;
	bool		 may_be_unbound;	/* it may be as keys were sealed before */
	const char	*all;
};

static const char *
describe(struct making *m, const char *kind, const char *name,
    const char *const *places, size_t count)
{
	const char *text = arena_concat(m->arena, kind, " ", name, NULL);

	for (size_t i = 0; i < count; i++)
		text = arena_concat(m->arena, text, "\n", places[i], NULL);
	return text;
}

static void
set_opened(struct making *m, struct roster_entry *e, const char *secret,
    const struct locked *locked)
{
	const struct managed_sealed *sealed = locked->sealed;
	void	*bytes = arena_alloc(m->arena, sealed->len);

	memcpy(bytes, sealed->bytes, sealed->len);
	e->sealed = (struct managed_sealed){ bytes, sealed->len };
	e->opened_for = locked->all;
	e->key = e->opened = arena_strdup(m->arena, secret);
}

/* Nothing is sealed twice to the same bytes. What it is for must be the same, too. */
static const struct roster_entry *
find_opened(const struct roster *before, const struct locked *locked)
{
	const struct managed_sealed *sealed = locked->sealed;

	for (size_t i = 0; before != NULL && i < before->count; i++) {
		const struct roster_entry *e = &before->entries[i];

		if (e->opened != NULL && e->sealed.len == sealed->len &&
		    memcmp(e->sealed.bytes, sealed->bytes, sealed->len) == 0 &&
		    strcmp(e->opened_for, locked->all) == 0)
			return e;
	}
	return NULL;
}

static bool
unlock(const struct making *m, const struct locked *locked,
    char secret[SEAL_SECRET_MAX + 1])
{
	const struct managed_sealed *sealed = locked->sealed;

	return seal_open(&m->seal, &locked->purpose, sealed->bytes,
	    sealed->len, secret) || (locked->may_be_unbound &&
	    seal_open_unbound(&m->seal, sealed->bytes, sealed->len, secret));
}

/* NULL, or why it cannot be opened. */
static const char *
open_key(struct making *m, struct roster_entry *e,
    const struct locked *locked)
{
	char	 secret[SEAL_SECRET_MAX + 1];
	const struct roster_entry *known;
	const char *why;

	if (get_seal(m) && unlock(m, locked, secret)) {
		set_opened(m, e, secret, locked);
		sodium_memzero(secret, sizeof secret);
		return NULL;
	}
	why = m->has_seal ? elsewhere : arena_concat(m->arena,
	    "its key cannot be opened: ", m->seal.why, NULL);
	known = find_opened(m->before, locked);
	if (known == NULL)
		return why;
	set_opened(m, e, known->opened, locked);
	note_kept(m, e->provider->name, why);
	return NULL;
}

/* What stands in for the variable NAME at PLACE; a file may have what is unbound. */
static const struct managed_secret *
find_secret(const struct making *m, const char *name, const char *place,
    bool is_file)
{
	const struct managed_secret *s = managed_list_find_secret(m->list,
		    name, place);

	return s == NULL && is_file ?
	    managed_list_find_secret(m->list, name, "") : s;
}

static void
forget_opened(struct roster_entry *e)
{
	if (e->opened != NULL)
		sodium_memzero(e->opened, strlen(e->opened));
	e->key = e->opened = NULL;
}

/*
 * It must open for every place that the key would go to. Of what was opened
 * before that is known without the seal.
 */
static const char *
open_variable(struct making *m, struct roster_entry *e, const char *name,
    bool is_file)
{
	char	 secret[SEAL_SECRET_MAX + 1];
	size_t	 count;
	const char *const *places = provider_places(e->provider, m->arena,
		    &count);
	const char *all = describe(m, SEAL_VARIABLE, name, places, count);
	const char *problem = count > 0 ? NULL : "its base URL cannot be read";

	for (size_t i = 0; i < count && problem == NULL; i++) {
		const struct managed_secret *s = find_secret(m, name,
			    places[i], is_file);
		struct locked locked = {
			.purpose = { SEAL_VARIABLE, name, places[i] },
			.all = all };

		if (s == NULL)
			problem = elsewhere;
		else {
			locked.sealed = &s->value;
			locked.may_be_unbound = s->place[0] == '\0';
			if (i == 0)
				problem = open_key(m, e, &locked);
			else if (m->has_seal && !unlock(m, &locked, secret))
				problem = elsewhere;
		}
	}
	sodium_memzero(secret, sizeof secret);
	if (problem != NULL)
		forget_opened(e);
	return problem;
}

/* The key that the variable NAME has; NULL, or why there is none. */
static const char *
find_key(struct making *m, struct roster_entry *e, const char *name,
    bool is_file)
{
	const char *value = conf_getenv(m->conf, name);

	if (value != NULL && values_header_value(value) != NULL)
		return arena_concat(m->arena, name, " cannot be sent", NULL);
	e->key = value;
	if (value != NULL)
		return NULL;
	if (managed_list_find_secret(m->list, name, NULL) == NULL)
		return arena_concat(m->arena, name, " is not set", NULL);
	return open_variable(m, e, name, is_file);
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
		find_key(m, &e, p->api_key_env, true);
	add(m, &e);
}

/* What it lacks was told when it was read; another file's name it may not take. */
static void
add_keyless(struct making *m, const struct conf_provider *p)
{
	struct roster_entry e = { .provider = p };
	const char *problem;

	if (managed_list_find_secret(m->list, p->api_key_env, NULL) == NULL ||
	    roster_find(m->roster, p->name) != NULL)
		return;
	m->roster->broken_count--;
	problem = find_key(m, &e, p->api_key_env, true);
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

static const char *
open_channel(struct making *m, const struct managed_channel *c,
    struct roster_entry *e)
{
	const char *id = arena_printf(m->arena, "%" PRId64, c->id);
	size_t	 count;
	const char *const *places = provider_places(e->provider, m->arena,
		    &count);

	if (count == 0)
		return "its base URL cannot be read";
	return open_key(m, e, &(struct locked){ &c->key,
	    { SEAL_CHANNEL, id, places[0] }, !m->list->is_bound,
	    describe(m, SEAL_CHANNEL, id, places, count) });
}

/* Its key; NULL, or why it cannot be used. */
static const char *
judge_channel(struct making *m, const struct managed_channel *c,
    struct roster_entry *e)
{
	if (has_file(m, c->name))
		return "a provider file has its name";
	if (c->key.bytes != NULL)
		return open_channel(m, c, e);
	if (c->api_key_env == NULL)
		return NULL;
	if (conf_is_own_secret(m->conf, c->api_key_env))
		return "its variable holds a secret of the gateway";
	if (!conf_allows_channel_env(m->conf, c->api_key_env))
		return arena_concat(m->arena, "its variable ", c->api_key_env,
		    " is not in auth.channel_env of sluice.conf", NULL);
	return find_key(m, e, c->api_key_env, false);
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
		if (strcmp(r->notes[i].text, text) == 0)
			return true;
	return false;
}

void
roster_tell(const struct roster *r, const struct roster *before)
{
	for (size_t i = 0; i < r->note_count; i++)
		if (!has_note(before, r->notes[i].text))
			log_warn("%s", r->notes[i].text);
}

const char *
roster_find_problem(const struct roster *r, const char *name)
{
	for (size_t i = 0; i < r->note_count; i++)
		if (strcmp(r->notes[i].name, name) == 0)
			return r->notes[i].why;
	return NULL;
}

const struct roster_entry *
roster_find(const struct roster *r, const char *name)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->entries[i].provider->name, name) == 0)
			return &r->entries[i];
	return NULL;
}
