#include "config.h"

#include "handlers/api_channels.h"

#include <string.h>

#include <sodium.h>

#include "conf/values.h"
#include "gateway/channel.h"
#include "handlers/admin_json.h"
#include "handlers/api_managed.h"

enum { WEIGHT_MIN = -MANAGED_WEIGHT_MAX };

enum member_of_channel {
	NAME, KIND, BASE_URL, API_KEY, API_KEY_ENV, WEIGHT, PRIORITY, ENABLED,
	MODELS, MEMBERS
};

#define COMMON								\
	[KIND] = { "kind", FIELD_TEXT, .max = 16 },			\
	[API_KEY] = { "api_key", FIELD_TEXT, .max = SEAL_SECRET_MAX },	\
	[API_KEY_ENV] = { "api_key_env", FIELD_TEXT, .max = 128 },	\
	[WEIGHT] = { "weight", FIELD_INTEGER, .min = WEIGHT_MIN,	\
	  .max = MANAGED_WEIGHT_MAX },					\
	[PRIORITY] = { "priority", FIELD_INTEGER, .min = 0,		\
	  .max = MANAGED_PRIORITY_MAX },				\
	[ENABLED] = { "enabled", FIELD_BOOL }

static const struct field create_fields[MEMBERS] = {
	[NAME] = { "name", FIELD_TEXT, true, 1, MANAGED_NAME_MAX },
	[BASE_URL] = { "base_url", FIELD_TEXT, true, 1, MANAGED_URL_MAX },
	COMMON,
	[MODELS] = { "models", FIELD_TEXTS, .max = MANAGED_MODELS_MAX },
};

/* Without models: those are mapped one by one. */
static const struct field change_fields[MODELS] = {
	[NAME] = { "name", FIELD_TEXT, .max = MANAGED_NAME_MAX },
	[BASE_URL] = { "base_url", FIELD_TEXT, .max = MANAGED_URL_MAX },
	COMMON,
};

const struct form api_channels_create_form = { create_fields, MEMBERS };
const struct form api_channels_change_form = { change_fields, MODELS };

static const char *const healths[] = {
	[CHANNEL_HEALTH_UNKNOWN] = "unknown", [CHANNEL_HEALTHY] = "healthy",
	[CHANNEL_UNHEALTHY] = "unhealthy",
};

/* ---- How they do: the state segment is the loop's. ---- */

/*
 * The job of a route; its state is what is known of all channels, in the order
 * of the roster. NULL: it was refused.
 */
static struct admin_job *
begin(struct exchange *x)
{
	struct admin_job *job = admin_begin(x);
	uint64_t now_ms = (uint64_t)admin_now_s() * 1000;
	struct channel_report *reports;
	struct snapshot *s;

	if (job == NULL)
		return NULL;
	s = job->snapshot;
	snapshot_refresh(s, x->app->state, now_ms);
	job->state = reports = arena_alloc(&job->arena,
	    s->roster.count * sizeof *reports);
	for (size_t i = 0; i < s->roster.count; i++)
		channel_report(&s->channels[i], now_ms, &reports[i]);
	return job;
}

/* NULL: it is too new, switched off, or in the shadow of a file. */
static const struct channel_report *
find_report(const struct admin_job *job, const char *name)
{
	const struct channel_report *reports = job->state;
	const struct roster *roster = &job->snapshot->roster;
	const struct roster_entry *e = roster_find(roster, name);

	return e == NULL || api_managed_is_file(job, name) ? NULL :
	    &reports[e - roster->entries];
}

/* ---- The answer. ---- */

/* Why it is not in use although it is enabled, or NULL. */
static const char *
find_problem(const struct admin_job *job, const struct managed_record *c)
{
	if (api_managed_is_file(job, c->name))
		return "a provider file has its name";
	return roster_find_problem(&job->snapshot->roster, c->name);
}

static void
put_health(struct buf *out, const struct channel_report *report)
{
	static const struct channel_report unknown = {
		.first_token_ms = -1, .total_ms = -1,
	};

	if (report == NULL)
		report = &unknown;
	admin_json_text(out, "health", healths[report->health]);
	admin_json_ms(out, "latency_ms", report->total_ms);
	admin_json_ms(out, "first_token_ms", report->first_token_ms);
	admin_json_name(out, "error_rate");
	buf_printf(out, "%.3f", report->error_rate);
}

static void
put_channel(void *arg, const struct managed_record *c)
{
	struct admin_job *job = arg;
	struct buf *out = &job->body;

	admin_json_open(out);
	admin_json_id(out, "id", c->id);
	admin_json_text(out, "name", c->name);
	admin_json_text(out, "kind", c->kind);
	admin_json_text(out, "base_url", c->base_url);
	admin_json_text(out, "api_key", c->hint);
	admin_json_text(out, "api_key_env", c->api_key_env);
	admin_json_integer(out, "weight", c->weight);
	admin_json_integer(out, "priority", c->priority);
	admin_json_bool(out, "enabled", c->enabled);
	admin_json_text_or_null(out, "problem",
	    c->enabled ? find_problem(job, c) : NULL);
	put_health(out, find_report(job, c->name));
	admin_json_time(out, "created_at", c->created);
	admin_json_time(out, "updated_at", c->updated);
	admin_json_close(out);
}

static void
show(struct admin_job *job, int64_t id)
{
	api_managed_is_done(job,
	    managed_channels_each(job->db, id, put_channel, job));
}

static void
list(struct admin_job *job)
{
	buf_puts(&job->body, "[");
	show(job, 0);
	buf_puts(&job->body, "]");
}

static void
one(struct admin_job *job)
{
	int64_t	 id;

	if (api_managed_get_id(job, MANAGED_NO_CHANNEL, &id))
		show(job, id);
}

/* ---- Changes. ---- */

/* Is NAME (NULL: none is given) one that a channel may name? */
static bool
check_variable(struct admin_job *job, const char *name)
{
	const struct conf *conf = job->snapshot->conf;

	if (name == NULL || values_env(name) != NULL ||
	    conf_allows_channel_env(conf, name))
		return true;
	admin_fail(job, ERR_FIELD_VALUE, "api_key_env",
	    conf_is_own_secret(conf, name) ?
	    "This variable holds a secret of the gateway itself." :
	    "This variable is not in auth.channel_env of sluice.conf, which "
	    "lists those that channels made at run time may name.");
	return false;
}

static void
take_values(const struct field_value *v, struct managed_change *c)
{
	c->name = api_managed_text(&v[NAME]);
	c->kind = api_managed_text(&v[KIND]);
	c->base_url = api_managed_text(&v[BASE_URL]);
	c->api_key = api_managed_text(&v[API_KEY]);
	c->api_key_env = api_managed_text(&v[API_KEY_ENV]);
	c->has_weight = v[WEIGHT].is_set;
	c->weight = api_managed_weight(&v[WEIGHT]);
	c->has_priority = v[PRIORITY].is_set;
	c->priority = (unsigned)v[PRIORITY].integer;
	c->has_enabled = v[ENABLED].is_set;
	c->enabled = v[ENABLED].boolean;
}

/*
 * What the body says; where a key is given SEAL is loaded, and seal_forget is the
 * caller's. False: the job has failed.
 */
static bool
take_change(struct admin_job *job, struct managed_change *c, struct seal *seal)
{
	take_values(job->values, c);
	if (c->name != NULL && api_managed_is_file(job, c->name))
		return api_managed_is_done(job, MANAGED_NAME_TAKEN);
	if (c->api_key != NULL && c->api_key_env != NULL) {
		admin_fail(job, ERR_FIELD_VALUE, "api_key_env",
		    "A channel has either api_key or api_key_env.");
		return false;
	}
	if (!check_variable(job, c->api_key_env))
		return false;
	c->seal = seal;
	return c->api_key == NULL || api_managed_load_seal(job, seal);
}

static bool
has_a_key(struct admin_job *job, const struct managed_change *c)
{
	if (c->api_key != NULL || c->api_key_env != NULL)
		return true;
	admin_fail(job, ERR_FIELD_VALUE, "api_key",
	    "'api_key' is required, or 'api_key_env'.");
	return false;
}

static void
create(struct admin_job *job)
{
	const struct field_value *models = &job->values[MODELS];
	struct managed_change change = { .name = NULL };
	struct seal seal;
	enum managed_end end;
	int64_t	 id;

	if (!take_change(job, &change, &seal) || !has_a_key(job, &change))
		return;
	end = managed_channels_add(job->db, &change, models->texts,
	    models->text_count, admin_now_s(), &id);
	seal_forget(&seal);
	if (end == MANAGED_BAD_MODEL)
		admin_fail(job, ERR_FIELD_VALUE, "models",
		    "'models' holds what cannot be the name of a model.");
	else if (api_managed_is_done(job, end)) {
		job->audit = arena_printf(&job->arena, "channel %s created",
		    change.name);
		show(job, id);
	}
}

static void
change(struct admin_job *job)
{
	struct managed_change change = { .name = NULL };
	struct seal seal;
	enum managed_end end;
	int64_t	 id;

	if (!api_managed_get_id(job, MANAGED_NO_CHANNEL, &id) ||
	    !take_change(job, &change, &seal))
		return;
	end = managed_channels_set(job->db, id, &change, admin_now_s());
	seal_forget(&seal);
	if (!api_managed_is_done(job, end))
		return;
	job->audit = arena_printf(&job->arena, "channel %s changed",
	    job->params[0]);
	show(job, id);
}

static void
delete(struct admin_job *job)
{
	int64_t	 id;

	if (!api_managed_get_id(job, MANAGED_NO_CHANNEL, &id) ||
	    !api_managed_is_done(job, managed_channels_delete(job->db, id)))
		return;
	job->audit = arena_printf(&job->arena, "channel %s deleted",
	    job->params[0]);
}

void
api_channels_handle_list(struct exchange *x)
{
	admin_run(begin(x), list);
}

void
api_channels_handle_one(struct exchange *x)
{
	admin_run(begin(x), one);
}

void
api_channels_handle_create(struct exchange *x)
{
	admin_run(begin(x), create);
}

void
api_channels_handle_change(struct exchange *x)
{
	admin_run(begin(x), change);
}

void
api_channels_handle_delete(struct exchange *x)
{
	admin_run(begin(x), delete);
}
