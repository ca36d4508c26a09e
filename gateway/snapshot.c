#include "config.h"

#include "gateway/snapshot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"

enum { CHANNEL_NAME_MAX = 88, CHANNEL_NAME_TAIL = 19 };
enum { FORCED_MODELS = 2, REFRESH_MS = 250, USUAL_WEIGHT = 10 };

/* A model entry on its way into the table. */
struct entry {
	const char	*id;
	bool		 is_wildcard;
	size_t		 index;		/* of the provider */
	const struct conf_provider *provider;
	const struct conf_model *model;
	size_t		 order;		/* of appearance */
};

static unsigned
first_set(unsigned a, unsigned b, unsigned c, unsigned d)
{
	return a != 0 ? a : b != 0 ? b : c != 0 ? c : d;
}

/* Endpoint before model before provider before sluice.conf. */
static struct conf_timeouts
merge_timeouts(const struct conf_timeouts *endpoint,
    const struct conf_timeouts *model, const struct conf_timeouts *provider,
    const struct conf_timeouts *conf)
{
#define MERGE(field) .field = first_set(endpoint->field, model->field,	\
	    provider->field, conf->field)
	return (struct conf_timeouts){
		MERGE(connect_ms), MERGE(headers_ms), MERGE(first_token_ms),
		MERGE(idle_ms), MERGE(total_ms),
	};
#undef MERGE
}

/* ---- Channels. ---- */

static void
channel_init(struct channel *c, const struct conf_provider *p,
    const char *name, const char *base_url)
{
	*c = (struct channel){ .name = name, .provider = p,
		.base_url = base_url,
		.seed = channel_hash(name, strlen(name)) };
}

/* Short enough for the state segment and for a label, and still its own. */
static const char *
channel_name(struct arena *arena, const char *provider, const char *base_url)
{
	const char *name = arena_concat(arena, provider, " ", base_url, NULL);
	size_t	 n = strlen(name);

	if (n <= CHANNEL_NAME_MAX)
		return name;
	return arena_printf(arena, "%.*s...%016" PRIx64,
	    CHANNEL_NAME_MAX - CHANNEL_NAME_TAIL, name, channel_hash(name, n));
}

/*
 * The channel of the provider at INDEX, for an endpoint with BASE_URL if that
 * is another.
 */
static struct channel *
snapshot_channel(struct snapshot *s, size_t index, const char *base_url)
{
	const struct conf_provider *p = s->roster.entries[index].provider;
	struct channel *c = &s->channels[index];
	const char *name;

	if (base_url == NULL || strcmp(base_url, p->base_url) == 0)
		return c;
	name = channel_name(&s->arena, p->name, base_url);
	for (size_t i = s->roster.count; i < s->channel_count; i++)
		if (strcmp(s->channels[i].name, name) == 0)
			return &s->channels[i];
	c = &s->channels[s->channel_count++];
	channel_init(c, p, name, base_url);
	return c;
}

static void
snapshot_add_channels(struct snapshot *s)
{
	size_t	 n = s->roster.count, most = n;

	for (size_t i = 0; i < n; i++) {
		const struct conf_provider *p = s->roster.entries[i].provider;

		for (size_t j = 0; j < p->model_count; j++)
			most += p->models[j].endpoint_count;
	}
	s->channels = arena_alloc(&s->arena, most * sizeof *s->channels);
	s->slowness = arena_alloc(&s->arena, most * sizeof *s->slowness);
	for (; s->channel_count < n; s->channel_count++) {
		const struct conf_provider *p =
		    s->roster.entries[s->channel_count].provider;

		channel_init(&s->channels[s->channel_count], p, p->name,
		    p->base_url);
	}
}

void
snapshot_refresh(struct snapshot *s, struct state *state, uint64_t now_ms)
{
	bool	 stale = s->generation != state_generation(state);
	float	 speeds = 0;

	if (!stale && s->refreshed_ms != 0 && now_ms >= s->refreshed_ms &&
	    now_ms - s->refreshed_ms < REFRESH_MS)
		return;
	for (size_t i = 0; i < s->channel_count; i++) {
		if (stale || s->refreshed_ms == 0)
			channel_attach(&s->channels[i], state);
		channel_free_orphan(&s->channels[i], state, now_ms);
		s->slowness[i] = (float)channel_slowness(&s->channels[i],
		    now_ms);
		speeds += 1 / s->slowness[i];
	}
	s->speed = s->channel_count > 0 ? speeds / (float)s->channel_count : 1;
	s->generation = state_generation(state);
	s->refreshed_ms = now_ms;
}

static bool
has_same_key(const struct target *a, const struct target *b)
{
	return (a->key == NULL) == (b->key == NULL) &&
	    (a->key == NULL || strcmp(a->key, b->key) == 0);
}

/* Most of them stand where they stood. */
static const struct target *
find_before(const struct snapshot *before, const char *name, size_t index)
{
	if (index < before->roster.count && strcmp(name,
	    before->providers[index].provider->name) == 0)
		return &before->providers[index];
	return snapshot_find_provider(before, name);
}

void
snapshot_forget_changed(struct snapshot *s, const struct snapshot *before)
{
	for (size_t i = 0; i < s->roster.count; i++) {
		const struct target *now = &s->providers[i];
		const struct target *old = find_before(before,
		    now->provider->name, i);

		if (old == NULL || strcmp(old->base_url, now->base_url) != 0 ||
		    !has_same_key(old, now))
			channel_forget(now->channel);
	}
}

/* ---- Models and their targets. ---- */

/* Their products outgrow an integer. */
static float
weight_or_usual(unsigned weight)
{
	return weight != 0 ? (float)weight : USUAL_WEIGHT;
}

static uint64_t
snapshot_deny(struct snapshot *s, const struct conf_provider *p)
{
	bool full = false;
	uint64_t mask = deny_add(&s->deny, p, &full);

	if (full)
		log_warn("%s: deny_members of all providers are more than %d; "
		    "the last are not refused", p->name, SPELLING_MAX);
	return mask;
}

static void
target_init(struct target *t, struct snapshot *s, const struct entry *e,
    const struct conf_endpoint *endpoint)
{
	static const struct conf_timeouts unset;
	const struct conf_provider *p = e->provider;
	const char *model = e->model->target;

	if (endpoint != NULL && endpoint->target != NULL)
		model = endpoint->target;
	if (model == NULL || strcmp(model, "*") == 0)
		model = e->is_wildcard ? NULL : e->model->name;
	*t = (struct target){
		.provider = p,
		.path = endpoint == NULL ? NULL : endpoint->path,
		.paths = e->model->paths,
		.path_count = e->model->path_count,
		.base_url = endpoint != NULL && endpoint->base_url != NULL ?
		    endpoint->base_url : p->base_url,
		.model = model,
		.deployment = e->model->deployment != NULL ?
		    e->model->deployment : p->deployment,
		.key = s->roster.entries[e->index].key,
		.timeouts = merge_timeouts(
		    endpoint == NULL ? &unset : &endpoint->timeouts,
		    &e->model->timeouts, &p->timeouts, &s->conf->timeouts),
		.channel = snapshot_channel(s, e->index,
		    endpoint == NULL ? NULL : endpoint->base_url),
		.weight = weight_or_usual(p->weight) *
		    weight_or_usual(e->model->weight),
		.release = e->model->release != CONF_RELEASE_UNSET ?
		    e->model->release : s->conf->stream.release,
		.hedge = e->model->hedge,
		.prices = cost_make_prices(&e->model->prices),
		.denied = s->providers[e->index].denied,
	};
}

/* A model with endpoints serves those, and its paths[] where it names some. */
static size_t
entry_target_count(const struct entry *e)
{
	return e->model->endpoint_count +
	    (e->model->endpoint_count == 0 || e->model->path_count > 0);
}

static struct target *
entry_add_targets(const struct entry *e, struct snapshot *s,
    struct target *t)
{
	for (size_t i = 0; i < e->model->endpoint_count; i++)
		target_init(t++, s, e, &e->model->endpoints[i]);
	if (entry_target_count(e) > e->model->endpoint_count)
		target_init(t++, s, e, NULL);
	return t;
}

static int
entry_compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int	 order = strcmp(x->id, y->id);

	return order != 0 ? order : (x->order > y->order) -
	    (x->order < y->order);
}

static int
wildcard_compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	size_t	 xlen = strlen(x->id), ylen = strlen(y->id);

	return xlen != ylen ? (xlen < ylen) - (xlen > ylen) :
	    entry_compare(a, b);
}

static const char *
exposed_id(struct snapshot *s, const struct conf_provider *p,
    const struct conf_model *m)
{
	bool	 is_default = strcmp(p->ns, SNAPSHOT_NAMESPACE) == 0;

	return arena_printf(&s->arena, "%s%s%s%s", is_default ? "" : p->ns,
	    is_default ? "" : "/", p->prefix,
	    strcmp(m->name, "*") == 0 ? "" : m->name);
}

/*
 * A provider with force_model is one listed model and a wildcard for all other
 * names, both with that target (S2's single-target mode); what names no model
 * goes there too unless default_model says otherwise.
 */
static const struct conf_model *
forced_models(struct snapshot *s, const struct conf_provider *p)
{
	struct conf_model *m = arena_alloc(&s->arena, 2 * sizeof *m);

	m[0].name = m[0].target = m[1].target = p->force_model;
	m[1].name = "*";
	if (s->default_model == NULL && strcmp(p->ns, SNAPSHOT_NAMESPACE) == 0)
		s->default_model = exposed_id(s, p, &m[0]);
	return m;
}

static size_t
snapshot_list(struct snapshot *s, struct entry *entries, bool wildcards)
{
	size_t	 n = 0;

	for (size_t i = 0; i < s->roster.count; i++) {
		const struct conf_provider *p = s->roster.entries[i].provider;

		const struct conf_model *models = p->models;
		size_t	 count = p->model_count;

		if (p->force_model != NULL) {
			models = forced_models(s, p);
			count = FORCED_MODELS;
		}
		for (size_t j = 0; j < count; j++) {
			const struct conf_model *m = &models[j];

			if ((strcmp(m->name, "*") == 0) != wildcards)
				continue;
			entries[n] = (struct entry){
				.id = exposed_id(s, p, m),
				.is_wildcard = wildcards,
				.index = i, .provider = p, .model = m, .order = n,
			};
			n++;
		}
	}
	return n;
}

/* By priority; targets of one priority stay in the order of the files. */
static int
target_compare(const void *a, const void *b)
{
	const struct target *x = a, *y = b;
	unsigned p = x->provider->priority, q = y->provider->priority;

	return p != q ? (p > q) - (p < q) : (x->order > y->order) -
	    (x->order < y->order);
}

static void
model_arrange(struct snapshot *s, struct model *m)
{
	for (size_t i = 0; i < m->target_count; i++)
		m->targets[i].order = (unsigned)i;
	qsort(m->targets, m->target_count, sizeof *m->targets, target_compare);
	m->lanes = arena_alloc(&s->arena, m->target_count * sizeof *m->lanes);
	m->tiers = arena_alloc(&s->arena, m->target_count * sizeof *m->tiers);
	for (size_t i = 0; i < m->target_count; i++) {
		const struct target *t = &m->targets[i];

		m->lanes[i] = (struct lane){
			.seed = t->channel->seed, .cost = 1.0f / t->weight,
			.channel = (uint32_t)(t->channel - s->channels),
		};
		if (i == 0 || t->provider->priority !=
		    m->targets[i - 1].provider->priority)
			m->tier_count++;
		m->tiers[m->tier_count - 1].end = (uint32_t)i + 1;
		m->tiers[m->tier_count - 1].weight += t->weight;
	}
}

/* What is told of a model: by the first of its entries that says so. */
static void
model_describe(struct model *m, const struct entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct conf_model *c = e[i].model;

		if (m->display_name == NULL)
			m->display_name = c->display_name;
		if (m->context_window == 0)
			m->context_window = c->context_window;
		if (m->max_output == 0)
			m->max_output = c->max_output;
	}
}

/* Entries with the same id become one model with all their targets. */
static size_t
snapshot_join(struct snapshot *s, const struct entry *e, size_t n,
    struct model *models)
{
	size_t	 count = 0, end, targets;
	struct target *t;

	for (size_t i = 0; i < n; i = end) {
		struct model *m = &models[count++];

		targets = 0;
		for (end = i; end < n && strcmp(e[end].id, e[i].id) == 0; end++)
			targets += entry_target_count(&e[end]);
		*m = (struct model){
			.id = e[i].id, .is_wildcard = e[i].is_wildcard,
			.created = e[i].model->created != 0 ?
			    e[i].model->created : e[i].provider->mtime,
			.owned_by = e[i].provider->name,
			.target_count = targets,
		};
		model_describe(m, e + i, end - i);
		t = m->targets = arena_alloc(&s->arena, targets * sizeof *t);
		for (size_t j = i; j < end; j++)
			t = entry_add_targets(&e[j], s, t);
		model_arrange(s, m);
	}
	return count;
}

static void
snapshot_add_models(struct snapshot *s)
{
	size_t	 most = 0, n;
	struct entry *entries;

	for (size_t i = 0; i < s->roster.count; i++)
		most += s->roster.entries[i].provider->model_count +
		    FORCED_MODELS;
	entries = arena_alloc(&s->arena, most * sizeof *entries);
	s->models = arena_alloc(&s->arena, most * sizeof *s->models);
	s->wildcards = arena_alloc(&s->arena, most * sizeof *s->wildcards);
	n = snapshot_list(s, entries, false);
	qsort(entries, n, sizeof *entries, entry_compare);
	s->model_count = snapshot_join(s, entries, n, s->models);
	n = snapshot_list(s, entries, true);
	qsort(entries, n, sizeof *entries, wildcard_compare);
	s->wildcard_count = snapshot_join(s, entries, n, s->wildcards);
}

/* A provider as a whole: what is asked of it does not depend on a model. */
static void
snapshot_add_providers(struct snapshot *s)
{
	static const struct conf_model any;
	size_t	 n = s->roster.count;

	s->providers = arena_alloc(&s->arena, n * sizeof *s->providers);
	s->passthroughs = arena_alloc(&s->arena, n * sizeof *s->passthroughs);
	for (size_t i = 0; i < n; i++) {
		const struct entry e = { .is_wildcard = true, .model = &any,
			.index = i,
			.provider = s->roster.entries[i].provider };

		target_init(&s->providers[i], s, &e, NULL);
		s->providers[i].denied = snapshot_deny(s, e.provider);
		if (e.provider->passthrough)
			s->passthroughs[s->passthrough_count++] =
			    s->providers[i];
	}
}

/*
 * Without the file that ids are made with they stay as they were, or are good for
 * this process alone; nobody is refused for it.
 */
static void
snapshot_load_key_ids(struct snapshot *s, const struct snapshot *before)
{
	if (key_ids_load(&s->key_ids, s->conf->state_dir))
		return;
	if (before == NULL || strcmp(before->key_ids.file.why,
	    s->key_ids.file.why) != 0)
		log_warn("ids of keys will not be the same after the next "
		    "start: %s", s->key_ids.file.why);
	if (before == NULL)
		key_ids_make_up(&s->key_ids);
	else
		memcpy(s->key_ids.file.key, before->key_ids.file.key,
		    sizeof s->key_ids.file.key);
}

static void
snapshot_add_key(struct snapshot *s, const char *key, size_t len)
{
	unsigned char *hash = s->key_hashes[s->key_count];

	crypto_hash_sha256(hash, (const unsigned char *)key, len);
	key_ids_make(&s->key_ids, hash, s->key_names[s->key_count++]);
}

/* Comma-separated, trimmed (P15); only hashes are kept. */
static void
snapshot_add_keys(struct snapshot *s)
{
	const char *list = conf_getenv(s->conf, s->conf->auth.keys_env);
	size_t	 most = 1, len;

	if (list == NULL)
		return;
	for (const char *c = list; *c != '\0'; c++)
		most += *c == ',';
	s->key_hashes = arena_alloc(&s->arena, most * sizeof *s->key_hashes);
	s->key_names = arena_alloc(&s->arena, most * sizeof *s->key_names);
	for (; *list != '\0'; list += *list == ',') {
		list += strspn(list, " \t\r\n");
		len = strcspn(list, ",");
		const char *next = list + len;

		while (len > 0 && (list[len - 1] == ' ' ||
		    list[len - 1] == '\t' || list[len - 1] == '\r' ||
		    list[len - 1] == '\n'))
			len--;
		if (len > 0)
			snapshot_add_key(s, list, len);
		list = next;
	}
}

struct snapshot *
snapshot_create(struct conf *conf, struct managed_list *managed,
    const struct snapshot *before)
{
	struct snapshot *s = calloc(1, sizeof *s);

	if (s == NULL)
		abort();
	s->refs = 1;
	s->conf = conf;
	s->managed = managed_list_ref(managed);
	arena_init(&s->arena, 4096);
	roster_init(&s->roster, &s->arena, conf, managed,
	    before == NULL ? NULL : &before->roster);
	s->default_model = conf->default_model != NULL &&
	    conf->default_model[0] != '\0' ? conf->default_model : NULL;
	snapshot_add_channels(s);
	deny_init(&s->deny);
	snapshot_add_providers(s);
	snapshot_add_models(s);
	snapshot_load_key_ids(s, before);
	snapshot_add_keys(s);
	return s;
}

struct snapshot *
snapshot_ref(struct snapshot *s)
{
	s->refs++;
	return s;
}

void
snapshot_unref(struct snapshot *s)
{
	if (s == NULL || --s->refs > 0)
		return;
	roster_fini(&s->roster);
	key_ids_forget(&s->key_ids);
	conf_free(s->conf);
	managed_list_unref(s->managed);
	arena_fini(&s->arena);
	free(s);
}
