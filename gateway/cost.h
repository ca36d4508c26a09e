/* cost.h - what tokens cost. */
#ifndef GATEWAY_COST_H
#define GATEWAY_COST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/usage.h"
#include "conf/conf.h"

/*
 * A cost is a number of billionths of what the prices are in. That of one try
 * ends at COST_MAX, so that all tries of a request can be added up.
 */
#define COST_UNIT	UINT64_C(1000000000)
#define COST_MAX	(COST_UNIT * COST_UNIT)

/* Billionths for a million tokens; all 0 = there are none. */
struct cost_prices {
	uint64_t	 input;
	uint64_t	 cache_read;
	uint64_t	 cache_write;
	uint64_t	 output;	/* reasoning too */
};

bool	cost_has_prices(const struct cost_prices *);

/* What is not set is as input. */
struct cost_prices cost_make_prices(const struct conf_prices *);

/*
 * What the tokens cost, rounded once. False, and *COST is 0: nothing was
 * consumed, or it has no prices.
 */
bool	cost_find(const struct cost_prices *, const struct usage *,
	    uint64_t *cost);

/* "12.5" as people write an amount. False: it is none, or of more than 10^10. */
bool	cost_parse(const char *text, uint64_t *cost);

/* As a JSON number: all decimals, no zeros after them. */
void	cost_put(struct buf *, uint64_t cost);
#endif
