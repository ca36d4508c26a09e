#include "config.h"

#include "handlers/payment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "handlers/background.h"
#include "handlers/object_work.h"
#include "handlers/relay.h"

struct payment {
	struct app	*app;
	struct unpaid	 unpaid;
	char		 claim[UNPAID_CLAIM_MAX];
	char		 dir[sizeof ((struct journal *)NULL)->dir];
	enum unpaid_result result;
	bool		 is_empty;
	bool		 is_told;	/* the exchange has been there to hear it */
};

static struct payment *
make_payment(const struct payment *wanted)
{
	struct payment *p = malloc(sizeof *p);

	if (p == NULL)
		abort();
	*p = *wanted;
	return p;
}

static void
claim(struct db *db, void *job)
{
	struct payment *p = job;

	p->result = unpaid_find(db, &p->unpaid);
	if (p->result == UNPAID_OK)
		p->result = unpaid_claim(db, &p->unpaid, p->claim,
		    (int64_t)(clock_wall_us() / 1000), p->dir);
}

static void
forget(struct db *db, void *job)
{
	const struct payment *p = job;

	unpaid_forget(db, &p->unpaid, p->claim);
}

static void
release(struct db *db, void *job)
{
	const struct payment *p = job;

	unpaid_release(db, &p->unpaid, p->claim);
}

/* Whoever has left before it was told has paid nothing. */
static void
free_payment(void *job)
{
	struct payment *p = job;

	if (p->result == UNPAID_OK && !p->is_told)
		background_run_alone(p->app, make_payment(p), release, free);
	free(p);
}

/* At the prices of the model, where it is still served. */
static void
charge(struct exchange *x, const struct payment *p)
{
	const struct target *place = snapshot_find_place(x->call.snapshot,
		    x->call.arena, p->unpaid.provider, p->unpaid.url);
	const struct target *target = place == NULL ? NULL :
		    snapshot_find_target(x->call.snapshot, p->unpaid.model,
		    place);

	x->call.is_uncharged = p->is_empty;
	x->call.model = arena_strdup(x->call.arena, p->unpaid.model);
	if (target == NULL)
		return;
	x->call.is_model_known = true;
	x->call.target = target;
	for (unsigned i = 0; i < x->call.attempt_count; i++)
		if (x->call.attempts[i] == x->call.main)
			x->call.attempts[i]->target = target;
}

static void
on_claimed(struct exchange *x, void *job)
{
	struct payment *p = job;

	p->is_told = true;
	if (p->result == UNPAID_OK) {
		charge(x, p);
		x->paid = arena_alloc(x->call.arena, sizeof *p);
		*x->paid = *p;
	}
	relay_finish(x);
}

void
payment_begin(struct exchange *x, const struct unpaid *u, bool is_empty)
{
	struct payment *p = calloc(1, sizeof *p);

	if (p == NULL)
		abort();
	p->app = x->app;
	p->unpaid = *u;
	p->is_empty = is_empty;
	snprintf(p->claim, sizeof p->claim, "%s", x->call.id);
	snprintf(p->dir, sizeof p->dir, "%s", x->app->journal.dir);
	background_run(x, p, claim, on_claimed, free_payment);
}

void
payment_end(struct exchange *x)
{
	if (x->paid != NULL)
		background_run_alone(x->app, make_payment(x->paid), forget,
		    free);
}
