/* plan.h - from a model's name to the targets that can serve it, in order. */
#ifndef GATEWAY_PLAN_H
#define GATEWAY_PLAN_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "gateway/snapshot.h"

struct plan_step {
	const struct target *target;
	const char	*model;		/* name upstream, never NULL */
	const char	*deployment;	/* kind azure; NULL otherwise */
};

struct plan {
	struct plan_step *steps;	/* in the request's arena */
	size_t		 count;		/* at least 1 after success */
};

/*
 * The targets of MODEL for API_PATH ("chat/completions"), in the order of the
 * provider files. ERR_MODEL_NOT_FOUND: no such model, or none for this path.
 */
enum err plan_make(struct plan *, struct arena *, const struct snapshot *,
	    const char *model, const char *api_path);
#endif
