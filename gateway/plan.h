/* plan.h - from a model's name to the targets that can serve it, in order. */
#ifndef GATEWAY_PLAN_H
#define GATEWAY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "gateway/breaker.h"
#include "gateway/retry.h"
#include "gateway/snapshot.h"

enum { PLAN_STEPS_MAX = RETRY_TRIES_MAX };

struct plan_step {
	const struct target *target;
	const char	*model;		/* name upstream; NULL for a request without a model */
	const char	*deployment;	/* kind azure; NULL otherwise */
	bool		 is_taken;	/* tried, or not wanted any more */
	enum breaker_pass pass;		/* on what terms, once it is taken */
};

struct plan {
	struct plan_step steps[PLAN_STEPS_MAX];
	size_t		 count;		/* at least 1 after success */
	bool		 is_exact;	/* the model is configured by its name, not by "*" */
	uint64_t	 client;	/* whose request: see channel_end */
};

struct plan_query {
	const char	*model;
	const char	*api_path;	/* "chat/completions" */
	bool		 is_named_path;	/* only targets whose configuration names it serve it */
	uint64_t	 key;		/* the caller's if sticky, else random */
	bool		 is_sticky;
	uint64_t	 client;	/* whose request: see channel_end */
	uint64_t	 now_ms;	/* wall clock */
	const struct target *place;	/* provider and base URL of all targets; NULL = any */
};

/*
 * The best targets of a model, best first: by priority; within one priority by
 * weighted rendezvous hashing of a sticky caller's key, else at random in
 * proportion to S3's score (P38). Channels that are out go last. What the
 * snapshot knows of the channels must be fresh. ERR_MODEL_NOT_FOUND: no such
 * model, or none for this path, or none in this place.
 */
enum err plan_make(struct plan *, const struct snapshot *,
	    const struct plan_query *);

/* The one target of a request that names no model, or an object. */
void	plan_single(struct plan *, const struct target *, uint64_t client);

/*
 * Take the next step: the first that its channel lets through at NOW_MS, or
 * when none does, the first of the rest all the same. NULL: none is left.
 */
struct plan_step *plan_take(struct plan *, struct state *, uint64_t now_ms);

/* Ask the channel of a step of PLAN that was taken once more. */
void	plan_retake(const struct plan *, struct plan_step *, struct state *,
	    uint64_t now_ms);

/* No step that goes to MODEL upstream is wanted any more. */
void	plan_drop_model(struct plan *, const char *model);

/* Is there a step that was not taken? */
bool	plan_has_more(const struct plan *);
#endif
