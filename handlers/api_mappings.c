#include "config.h"

#include "handlers/api_mappings.h"

#include <inttypes.h>

#include "handlers/admin_json.h"
#include "handlers/api_managed.h"

enum { CHANNEL_ID, BACKEND_MODEL_NAME, WEIGHT, MEMBERS };

enum { WEIGHT_MIN = -MANAGED_WEIGHT_MAX };

static const struct field fields[MEMBERS] = {
	[CHANNEL_ID] = { "channel_id", FIELD_INTEGER, true, 1, INT64_MAX },
	[BACKEND_MODEL_NAME] = { "backend_model_name", FIELD_TEXT, true, 1,
	  MANAGED_MODEL_MAX },
	[WEIGHT] = { "weight", FIELD_INTEGER, .min = WEIGHT_MIN,
	  .max = MANAGED_WEIGHT_MAX },
};

const struct form api_mappings_form = { fields, MEMBERS };

static void
put_mapping(void *arg, const struct managed_mapping *m)
{
	struct admin_job *job = arg;
	struct buf *out = &job->body;

	admin_json_open(out);
	admin_json_id(out, "id", m->id);
	admin_json_id(out, "model_id", m->model_id);
	admin_json_id(out, "channel_id", m->channel_id);
	admin_json_text(out, "backend_model_name", m->backend_model_name);
	admin_json_integer(out, "weight", m->weight);
	admin_json_time(out, "created_at", m->created);
	admin_json_close(out);
}

static void
show(struct admin_job *job, int64_t model, int64_t channel)
{
	api_managed_is_done(job, managed_models_mappings(job->db, model,
	    channel, put_mapping, job));
}

static void
list(struct admin_job *job)
{
	int64_t	 model;

	if (!api_managed_get_id(job, MANAGED_NO_MODEL, &model))
		return;
	buf_puts(&job->body, "[");
	show(job, model, 0);
	buf_puts(&job->body, "]");
}

static void
create(struct admin_job *job)
{
	const struct field_value *v = job->values;
	int64_t	 model, channel = v[CHANNEL_ID].integer;

	if (!api_managed_get_id(job, MANAGED_NO_MODEL, &model) ||
	    !api_managed_is_done(job, managed_models_map(job->db, model,
	    channel, v[BACKEND_MODEL_NAME].text, api_managed_weight(&v[WEIGHT]),
	    admin_now_s())))
		return;
	job->audit = arena_printf(&job->arena, "model %" PRId64
	    " mapped to channel %" PRId64, model, channel);
	show(job, model, channel);
}

static void
delete(struct admin_job *job)
{
	int64_t	 model, channel = admin_id(job, 1);

	if (!api_managed_get_id(job, MANAGED_NO_MODEL, &model) ||
	    !api_managed_is_done(job, managed_models_unmap(job->db, model,
	    channel)))
		return;
	job->audit = arena_printf(&job->arena, "model %" PRId64
	    " unmapped from channel %" PRId64, model, channel);
}

void
api_mappings_handle_list(struct exchange *x)
{
	admin_run(admin_begin(x), list);
}

void
api_mappings_handle_create(struct exchange *x)
{
	admin_run(admin_begin(x), create);
}

void
api_mappings_handle_delete(struct exchange *x)
{
	admin_run(admin_begin(x), delete);
}
