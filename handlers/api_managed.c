#include "config.h"

#include "handlers/api_managed.h"

#include <string.h>

#include "conf/provider.h"

/* By how it ended: the error, and the member at fault. */
static const struct {
	enum err	 err;
	const char	*param;
} ends[MANAGED__END] = {
	[MANAGED_BAD_NAME] = { ERR_FIELD_VALUE, "name" },
	[MANAGED_BAD_KIND] = { ERR_FIELD_VALUE, "kind" },
	[MANAGED_BAD_URL] = { ERR_FIELD_VALUE, "base_url" },
	[MANAGED_BAD_AZURE] = { ERR_FIELD_VALUE, "base_url" },
	[MANAGED_BAD_VARIABLE] = { ERR_FIELD_VALUE, "api_key_env" },
	[MANAGED_BAD_SECRET] = { ERR_FIELD_VALUE, "api_key" },
	[MANAGED_NEEDS_KEY] = { ERR_FIELD_VALUE, "api_key" },
	[MANAGED_BAD_WEIGHT] = { ERR_FIELD_VALUE, "weight" },
	[MANAGED_BAD_PRIORITY] = { ERR_FIELD_VALUE, "priority" },
	[MANAGED_BAD_MODEL] = { ERR_FIELD_VALUE, "name" },
	[MANAGED_BAD_TARGET] = { ERR_FIELD_VALUE, "backend_model_name" },
	[MANAGED_NAME_TAKEN] = { ERR_CONFLICT, "name" },
	[MANAGED_MODEL_TAKEN] = { ERR_CONFLICT, "name" },
	[MANAGED_MAPPING_TAKEN] = { ERR_CONFLICT, "channel_id" },
	[MANAGED_NO_CHANNEL] = { ERR_OBJECT_NOT_FOUND, NULL },
	[MANAGED_NO_MODEL] = { ERR_OBJECT_NOT_FOUND, NULL },
	[MANAGED_NO_MAPPING] = { ERR_OBJECT_NOT_FOUND, NULL },
};

bool
api_managed_is_done(struct admin_job *job, enum managed_end end)
{
	if (end == MANAGED_DONE)
		return true;
	if (end == MANAGED_BROKEN)
		admin_fail(job, ERR_STORE, NULL, NULL);
	else
		admin_refuse(job, ends[end].err, ends[end].param,
		    managed_end_text(end));
	return false;
}

bool
api_managed_get_id(struct admin_job *job, enum managed_end missing,
    int64_t *id)
{
	*id = admin_id(job, 0);
	return api_managed_is_done(job, *id == 0 ? missing : MANAGED_DONE);
}

bool
api_managed_load_seal(struct admin_job *job, struct seal *seal)
{
	const struct conf *conf = job->snapshot->conf;
	const struct seal_place place = {
		.name = conf->auth.seal_key_env,
		.value = conf_getenv(conf, conf->auth.seal_key_env),
		.dir = conf->state_dir,
	};

	if (secrets_load_seal(job->db, seal, &place))
		return true;
	admin_fail(job, ERR_STORE, NULL, arena_printf(&job->arena,
	    "The key cannot be sealed: %s.", seal->why));
	return false;
}

bool
api_managed_is_file(const struct admin_job *job, const char *name)
{
	return provider_is_known(job->snapshot->conf, name);
}

const char *
api_managed_text(const struct field_value *value)
{
	return value->is_set && value->text[0] != '\0' ? value->text : NULL;
}

unsigned
api_managed_weight(const struct field_value *value)
{
	return value->is_set && value->integer > 0 ?
	    (unsigned)value->integer : 0;
}
