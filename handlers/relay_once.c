/* relay_once.c - one provider is asked, once, and its answer passed on as it is. */
#include "config.h"

#include "handlers/relay.h"

#include "base/clock.h"
#include "conf/provider.h"
#include "gateway/gate.h"
#include "gateway/plan.h"
#include "handlers/outgoing.h"
#include "handlers/query.h"
#include "handlers/reply.h"

static void
relay_once(struct exchange *x, const struct target *target,
    struct relay_order *order)
{
	static const struct limit_ask nothing;	/* is known beforehand */
	enum err err = limit_reserve(x->app->state, &x->call, &nothing);

	if (err != ERR_NONE) {
		reply_error(x, err, NULL);
		return;
	}
	snapshot_refresh(x->call.snapshot, x->app->state,
	    clock_wall_us() / 1000);
	order->is_final = true;
	if (order->ask.answer == ANSWER_JSON)
		order->ask.answer = ANSWER_ANY;	/* unless more is known */
	x->call.client = gate_client(&x->call);
	order->plan = arena_alloc(x->call.arena, sizeof *order->plan);
	plan_single(order->plan, target, x->call.client);
	relay_start(x, order);
}

void
relay_to(struct exchange *x, const struct target *target,
    const struct relay_order *extras)
{
	struct relay_order order = *extras;

	if (order.ask.method == NULL)
		order.ask.method = x->call.method;
	order.ask.outgoing = (struct outgoing){
		.path = outgoing_client_path(x),
		.query = query_of_passthrough(x, target->provider),
		.content_type = x->content_type,
	};
	relay_once(x, target, &order);
}

bool
relay_fetch(struct exchange *x, const struct target *target, const char *url)
{
	struct relay_order order = { .ask = {
		.method = "GET", .url = url,
		.outgoing = { .path = "images/data", .query = "" },
	} };

	if (!provider_leads_to(target->provider, url))
		return false;
	relay_once(x, target, &order);
	return true;
}
