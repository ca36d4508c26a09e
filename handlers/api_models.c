#include "config.h"

#include "handlers/api_models.h"

#include "handlers/admin_json.h"
#include "handlers/api_managed.h"

enum { NAME, MEMBERS };

static const struct field fields[MEMBERS] = {
	[NAME] = { "name", FIELD_TEXT, true, 1, MANAGED_MODEL_MAX },
};

const struct form api_models_form = { fields, MEMBERS };

static void
put_model(void *arg, const struct managed_model *m)
{
	struct admin_job *job = arg;
	struct buf *out = &job->body;

	admin_json_open(out);
	admin_json_id(out, "id", m->id);
	admin_json_text(out, "name", m->name);
	admin_json_integer(out, "channels_count", m->channels_count);
	admin_json_time(out, "created_at", m->created);
	admin_json_time(out, "updated_at", m->updated);
	admin_json_close(out);
}

static void
show(struct admin_job *job, int64_t id)
{
	api_managed_is_done(job,
	    managed_models_each(job->db, id, put_model, job));
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

	if (api_managed_get_id(job, MANAGED_NO_MODEL, &id))
		show(job, id);
}

static void
create(struct admin_job *job)
{
	const char *name = job->values[NAME].text;
	int64_t	 id;

	if (!api_managed_is_done(job, managed_models_add(job->db, name,
	    admin_now_s(), &id)))
		return;
	job->audit = arena_printf(&job->arena, "model %s created", name);
	show(job, id);
}

static void
rename_model(struct admin_job *job)
{
	const char *name = job->values[NAME].text;
	int64_t	 id;

	if (!api_managed_get_id(job, MANAGED_NO_MODEL, &id) ||
	    !api_managed_is_done(job, managed_models_rename(job->db, id, name,
	    admin_now_s())))
		return;
	job->audit = arena_printf(&job->arena, "model %s renamed to %s",
	    job->params[0], name);
	show(job, id);
}

static void
delete(struct admin_job *job)
{
	int64_t	 id;

	if (!api_managed_get_id(job, MANAGED_NO_MODEL, &id) ||
	    !api_managed_is_done(job, managed_models_delete(job->db, id)))
		return;
	job->audit = arena_printf(&job->arena, "model %s deleted",
	    job->params[0]);
}

void
api_models_handle_list(struct exchange *x)
{
	admin_run(admin_begin(x), list);
}

void
api_models_handle_one(struct exchange *x)
{
	admin_run(admin_begin(x), one);
}

void
api_models_handle_create(struct exchange *x)
{
	admin_run(admin_begin(x), create);
}

void
api_models_handle_rename(struct exchange *x)
{
	admin_run(admin_begin(x), rename_model);
}

void
api_models_handle_delete(struct exchange *x)
{
	admin_run(admin_begin(x), delete);
}
