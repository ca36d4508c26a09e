#include "config.h"

#include "handlers/api_llm_key.h"

#include <string.h>

#include "conf/provider.h"
#include "handlers/api_managed.h"

enum { KEY, PROVIDER, MEMBERS };
enum { NAMES_TOLD = 10 };

static const struct field fields[MEMBERS] = {
	[KEY] = { "key", FIELD_TEXT, true, 1, SEAL_SECRET_MAX },
	[PROVIDER] = { "provider", FIELD_TEXT, .min = 1,
	  .max = MANAGED_NAME_MAX },
};

const struct form api_llm_key_form = { fields, MEMBERS };

/* Provider files, in use or waiting for their keys. */
static size_t
file_count(const struct conf *conf)
{
	return conf->provider_count + conf->keyless_count;
}

static const struct conf_provider *
file_at(const struct conf *conf, size_t i)
{
	return i < conf->provider_count ? conf->providers[i] :
	    conf->keyless[i - conf->provider_count];
}

static void
fail(struct admin_job *job, enum err err, const char *text)
{
	admin_fail(job, err, "provider", text);
}

static const struct conf_provider *
find_named(struct admin_job *job, const char *name)
{
	const struct conf *conf = job->snapshot->conf;

	for (size_t i = 0; i < file_count(conf); i++) {
		const struct conf_provider *p = file_at(conf, i);

		if (strcmp(p->name, name) != 0)
			continue;
		if (p->api_key_env != NULL)
			return p;
		fail(job, ERR_CONFLICT,
		    "The provider's file names no variable for its key.");
		return NULL;
	}
	fail(job, ERR_OBJECT_NOT_FOUND, "No provider file has this name.");
	return NULL;
}

/* The names of those among which one must be chosen. */
static const char *
names(struct admin_job *job)
{
	const struct conf *conf = job->snapshot->conf;
	const char *list = "";
	size_t	 count = 0;

	for (size_t i = 0; i < file_count(conf) && count < NAMES_TOLD; i++)
		if (file_at(conf, i)->api_key_env != NULL)
			list = arena_concat(&job->arena, list,
			    count++ > 0 ? ", " : "", file_at(conf, i)->name,
			    NULL);
	return list;
}

/* Files that share a variable share its key. */
static const struct conf_provider *
find_only(struct admin_job *job)
{
	const struct conf *conf = job->snapshot->conf;
	const struct conf_provider *only = NULL;

	for (size_t i = 0; i < file_count(conf); i++) {
		const struct conf_provider *p = file_at(conf, i);

		if (p->api_key_env == NULL)
			continue;
		if (only != NULL &&
		    strcmp(only->api_key_env, p->api_key_env) != 0) {
			fail(job, ERR_CONFLICT, arena_printf(&job->arena,
			    "Several providers have keys; name one as "
			    "'provider': %s.", names(job)));
			return NULL;
		}
		only = p;
	}
	if (only == NULL)
		fail(job, ERR_CONFLICT,
		    "No provider file names a variable for its key.");
	return only;
}

/* What the environment says would go on counting. */
static bool
is_free(struct admin_job *job, const struct conf_provider *p)
{
	if (conf_getenv(job->snapshot->conf, p->api_key_env) == NULL)
		return true;
	fail(job, ERR_CONFLICT, arena_printf(&job->arena,
	    "%s is set in the environment or in env_file, which wins over what "
	    "is given here.", p->api_key_env));
	return false;
}

static bool
store_key(struct admin_job *job, const struct conf_provider *p)
{
	const char *key = job->values[KEY].text;
	const char *const *places;
	struct seal seal;
	enum managed_end end;
	size_t	 count;

	if (!managed_is_secret(key)) {
		admin_fail(job, ERR_FIELD_VALUE, "key", "A provider's key is "
		    "letters, digits and signs of ASCII without spaces.");
		return false;
	}
	if (!api_managed_load_seal(job, &seal))
		return false;
	places = provider_places_of(job->snapshot->conf, p->api_key_env,
	    &job->arena, &count);
	end = secrets_set(job->db, p->api_key_env, key, places, count, &seal,
	    admin_now_s());
	seal_forget(&seal);
	return api_managed_is_done(job, end);
}

static void
set(struct admin_job *job)
{
	const struct conf_provider *p = job->values[PROVIDER].is_set ?
	    find_named(job, job->values[PROVIDER].text) : find_only(job);

	if (p == NULL || !is_free(job, p) || !store_key(job, p))
		return;
	job->audit = arena_printf(&job->arena, "key of provider %s set",
	    p->name);
	buf_puts(&job->body, "null");
}

void
api_llm_key_handle_set(struct exchange *x)
{
	admin_run(admin_begin(x), set);
}
