#include "config.h"

#include "gateway/call.h"

#include "gateway/cost.h"

const unsigned call_gap_bounds_ms[CALL_GAPS] = {
	5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000,
	120000, 300000
};

const struct usage *
call_get_usage(const struct call *c, const struct call_attempt *a)
{
	return a == c->main ? &c->usage : &a->usage;
}

uint64_t
call_count_tokens(const struct call *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < c->attempt_count; i++) {
		const struct usage *u = call_get_usage(c, c->attempts[i]);

		if (u->source != USAGE_NONE)
			sum += u->input_tokens + u->cache_read_tokens +
			    u->cache_write_tokens + u->output_tokens +
			    u->reasoning_tokens;
	}
	return sum;
}

bool
call_find_cost(const struct call *c, uint64_t *cost)
{
	bool	 is_known = false;
	uint64_t one;

	*cost = 0;
	for (unsigned i = 0; i < c->attempt_count; i++) {
		const struct call_attempt *a = c->attempts[i];

		is_known |= cost_find(&a->target->prices, call_get_usage(c, a),
		    &one);
		*cost += one;
	}
	return is_known;
}
