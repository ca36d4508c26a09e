#include "config.h"

#include "gateway/plan.h"

#include <math.h>
#include <string.h>

/* The targets with the lowest cost so far, in order; a race that the first few win. */
struct podium {
	double		 costs[PLAN_STEPS_MAX];
	const struct target *targets[PLAN_STEPS_MAX];
	size_t		 count;
};

/* Who takes part in one. */
struct race {
	const struct model *model;
	const struct plan_query *query;
	const float	*slowness;	/* by channel; NULL: it does not count */
	struct podium	*in, *out;	/* channels that are out run apart */
};

enum {
	BLOCK = 128,			/* lanes at a time */
	GUESS = 15			/* candidates among many, for PLAN_STEPS_MAX that can be used */
};

static bool
is_listed(const char *const *paths, size_t n, const char *api_path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(paths[i], api_path) == 0)
			return true;
	return false;
}

static bool
target_serves(const struct target *t, const struct plan_query *q)
{
	if (t->path != NULL)
		return strcmp(t->path, q->api_path) == 0;
	if (t->path_count > 0)
		return is_listed(t->paths, t->path_count, q->api_path);
	return !q->is_named_path || is_listed(t->provider->extra_paths,
	    t->provider->extra_path_count, q->api_path);
}

static bool
target_is_in(const struct target *t, const struct target *place)
{
	return place == NULL || (t->provider == place->provider &&
	    strcmp(t->base_url, place->base_url) == 0);
}

/* The cost that a new target must stay below. */
static double
podium_limit(const struct podium *p)
{
	return p->count < PLAN_STEPS_MAX ? INFINITY : p->costs[p->count - 1];
}

static void
podium_add(struct podium *p, const struct target *t, double cost)
{
	size_t	 i;

	if (cost >= podium_limit(p))
		return;
	if (p->count < PLAN_STEPS_MAX)
		p->count++;
	for (i = p->count - 1; i > 0 && p->costs[i - 1] > cost; i--) {
		p->costs[i] = p->costs[i - 1];
		p->targets[i] = p->targets[i - 1];
	}
	p->costs[i] = cost;
	p->targets[i] = t;
}

/* The finaliser of SplitMix64: every bit of the result depends on every bit of X. */
static inline uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/*
 * Each lane draws u from (0, 1] and costs -ln(u) / weight; the lowest wins. With
 * u from a hash of caller and channel that is weighted rendezvous hashing; with
 * a random key it picks in proportion to the weights. This is 1 - u, exactly.
 */
static inline double
draw(const struct lane *lane, uint64_t key)
{
	return (double)(int64_t)(mix(lane->seed ^ key) >> 11) * 0x1p-53;
}

/* What is not sticky costs more where answers are slow. */
static inline double
cost_factor(const struct lane *lane, const float *slowness)
{
	return slowness == NULL ? (double)lane->cost :
	    (double)lane->cost * slowness[lane->channel];
}

/* Its cost is no less, since 1 - u <= -ln(u). */
static inline double
cost_bound(const struct lane *lane, uint64_t key, const float *slowness)
{
	return draw(lane, key) * cost_factor(lane, slowness);
}

/*
 * Note which of N lanes may cost less than LIMIT. A thousand are looked at for
 * the few that win, so there is no branch here, and no logarithm.
 */
static inline size_t
sift(uint32_t *found, const struct lane *lanes, size_t n, uint64_t key,
    const float *slowness, double limit)
{
	size_t	 count = 0;

	for (size_t i = 0; i < n; i++) {
		found[count] = (uint32_t)i;
		count += cost_bound(&lanes[i], key, slowness) < limit;
	}
	return count;
}

static void
consider(const struct race *r, size_t i)
{
	const struct target *t = &r->model->targets[i];
	const struct lane *lane = &r->model->lanes[i];
	uint64_t key = r->query->key;
	double	 bound = cost_bound(lane, key, r->slowness);
	struct podium *p;

	if (bound >= podium_limit(r->in) ||
	    !target_serves(t, r->query) ||
	    !target_is_in(t, r->query->place))
		return;
	p = channel_is_out_for(t->channel, r->query->client,
	    r->query->now_ms) ? r->out : r->in;
	if (bound < podium_limit(p))
		podium_add(p, t, cost_factor(lane, r->slowness) *
		    -log(1.0 - draw(lane, key)));
}

/* Who costs LIMIT or more has lost before it begins. */
static void
race_run(const struct race *r, size_t begin, size_t end, double limit)
{
	const struct lane *lanes = r->model->lanes;
	uint64_t key = r->query->key;
	uint32_t found[BLOCK];
	size_t	 n, count;

	for (; begin < end; begin += n) {
		n = end - begin < BLOCK ? end - begin : BLOCK;
		limit = fmin(limit, podium_limit(r->in));
		count = r->slowness == NULL ?
		    sift(found, &lanes[begin], n, key, NULL, limit) :
		    sift(found, &lanes[begin], n, key, r->slowness, limit);
		for (size_t i = 0; i < count; i++)
			consider(r, begin + found[i]);
	}
}

/*
 * The best of a tier. Costs arrive like a Poisson process whose rate is the sum
 * of the weights: below GUESS / rate there are GUESS lanes, on average. Where
 * too few of them can be used, all are looked at.
 */
static void
race_tier(const struct race *r, const struct tier *tier, size_t begin,
    double speed)
{
	if (tier->end - begin > BLOCK) {
		race_run(r, begin, tier->end, GUESS / (tier->weight * speed));
		if (r->in->count == PLAN_STEPS_MAX)
			return;
		r->in->count = r->out->count = 0;
	}
	race_run(r, begin, tier->end, INFINITY);
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

static void
plan_add(struct plan *plan, const struct podium *p, const char *rest)
{
	for (size_t i = 0; i < p->count && plan->count < PLAN_STEPS_MAX; i++)
		plan->steps[plan->count++] = step_to(p->targets[i], rest);
}

enum err
plan_make(struct plan *plan, const struct snapshot *s,
    const struct plan_query *q)
{
	const char *rest;
	const struct model *m = snapshot_find(s, q->model, &rest);
	struct podium outs = { .count = 0 };
	size_t	 begin = 0;

	*plan = (struct plan){ .client = q->client,
		.is_exact = m != NULL && !m->is_wildcard };
	if (m == NULL)
		return ERR_MODEL_NOT_FOUND;
	for (size_t i = 0; i < m->tier_count && plan->count < PLAN_STEPS_MAX;
	    i++) {
		struct podium in = { .count = 0 }, out = { .count = 0 };
		const struct race race = { .model = m, .query = q,
			.slowness = q->is_sticky ? NULL : s->slowness,
			.in = &in, .out = &out };

		race_tier(&race, &m->tiers[i], begin,
		    q->is_sticky ? 1 : s->speed);
		plan_add(plan, &in, rest);
		for (size_t j = 0; j < out.count; j++)	/* tiers in order */
			podium_add(&outs, out.targets[j],
			    (double)i + out.costs[j] / (1 + out.costs[j]));
		begin = m->tiers[i].end;
	}
	plan_add(plan, &outs, rest);
	return plan->count > 0 ? ERR_NONE : ERR_MODEL_NOT_FOUND;
}

void
plan_single(struct plan *plan, const struct target *target, uint64_t client)
{
	*plan = (struct plan){ .count = 1, .client = client };
	plan->steps[0] = step_to(target, NULL);
}

struct plan_step *
plan_take(struct plan *plan, struct state *state, uint64_t now_ms)
{
	struct plan_step *refused = NULL;

	for (size_t i = 0; i < plan->count; i++) {
		struct plan_step *step = &plan->steps[i];

		if (step->is_taken)
			continue;
		plan_retake(plan, step, state, now_ms);
		if (step->pass != BREAKER_PASS_FORCED)
			return step;
		step->is_taken = false;
		if (refused == NULL)
			refused = step;
	}
	if (refused != NULL)
		refused->is_taken = true;
	return refused;
}

void
plan_retake(const struct plan *plan, struct plan_step *step,
    struct state *state, uint64_t now_ms)
{
	step->pass = channel_enter(step->target->channel, state, plan->client,
	    now_ms, step->target->timeouts.total_ms);
	if (step->pass == BREAKER_REFUSED)
		step->pass = BREAKER_PASS_FORCED;
	step->is_taken = true;
}

void
plan_drop_model(struct plan *plan, const char *model)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->steps[i].model != NULL &&
		    strcmp(plan->steps[i].model, model) == 0)
			plan->steps[i].is_taken = true;
}

bool
plan_has_more(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (!plan->steps[i].is_taken)
			return true;
	return false;
}
