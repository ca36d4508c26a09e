#include "config.h"

#include "gateway/plan.h"

#include <stdbool.h>
#include <string.h>

static bool
target_serves(const struct target *t, const char *api_path)
{
	if (t->path != NULL)
		return strcmp(t->path, api_path) == 0;
	for (size_t i = 0; i < t->path_count; i++)
		if (strcmp(t->paths[i], api_path) == 0)
			return true;
	return t->path_count == 0;
}

static struct plan_step
step_to(const struct target *t, const char *rest)
{
	const char *model = t->model != NULL ? t->model : rest;

	return (struct plan_step){
		.target = t, .model = model,
		.deployment = t->provider->kind != CONF_KIND_AZURE ? NULL :
		    t->deployment != NULL ? t->deployment : model,
	};
}

enum err
plan_make(struct plan *plan, struct arena *arena, const struct snapshot *s,
    const char *model, const char *api_path)
{
	const char *rest;
	const struct model *m = snapshot_find(s, model, &rest);

	*plan = (struct plan){ .count = 0 };
	if (m == NULL)
		return ERR_MODEL_NOT_FOUND;
	plan->steps = arena_alloc(arena, m->target_count *
	    sizeof *plan->steps);
	for (size_t i = 0; i < m->target_count; i++) {
		const struct target *t = &m->targets[i];

		if (target_serves(t, api_path))
			plan->steps[plan->count++] = step_to(t, rest);
	}
	return plan->count > 0 ? ERR_NONE : ERR_MODEL_NOT_FOUND;
}
