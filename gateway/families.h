/* families.h - what /metrics shows: one table for counting and printing it. */
#ifndef GATEWAY_FAMILIES_H
#define GATEWAY_FAMILIES_H

#include <stdint.h>

#include "gateway/channel.h"

/*
 * What is counted together lies together: a group is one series of the state
 * segment for each set of label values, found by one look-up, and its cells
 * belong to several families.
 */
enum group {
	GROUP_ALL,			/* no labels */
	GROUP_ANSWER,
	GROUP_ROUTE,
	GROUP_MODEL,
	GROUP_CHANNEL,
	GROUP_OUTCOME,
	GROUP_GAPS,
	GROUP_REQUESTS,			/* gauge, no labels */
	GROUP_TRIES,			/* gauge */
	GROUP_SHARED,			/* in no series: off the channels' records */
	GROUP__MAX
};

enum { GROUP_LABELS_MAX = 3 };

struct group_info {
	const char	*name;
	unsigned	 cells;
	bool		 is_gauge;
	const char	*labels[GROUP_LABELS_MAX + 1];	/* ends with NULL */
};

extern const struct group_info groups[GROUP__MAX];

/* In the order in which they are shown; those of one name stand together. */
enum family {
	FAMILY_REQUESTS,
	FAMILY_DURATION,
	FAMILY_HTTP_ERRORS,
	FAMILY_CHANNEL_ERRORS,
	FAMILY_LATENCY,
	FAMILY_ERROR_RATE,
	FAMILY_FIRST_TOKEN,
	FAMILY_GAPS,
	FAMILY_TOKENS,
	FAMILY_ESTIMATED,
	FAMILY_COST,
	FAMILY_GOOD_ATTEMPTS,
	FAMILY_BAD_ATTEMPTS,
	FAMILY_FAILOVERS,
	FAMILY_RETRIES,
	FAMILY_HEDGES,
	FAMILY_ABORTS,
	FAMILY_BREAKER,
	FAMILY_TRIES,
	FAMILY_IN_FLIGHT,
	FAMILY_UPSTREAM,
	FAMILY_OVERHEAD,
	FAMILY_JOURNAL_LOST,
	FAMILY__MAX
};

enum family_type { FAMILY_COUNTER, FAMILY_GAUGE, FAMILY_HISTOGRAM };

enum { FAMILY_BOUNDS_MAX = 16 };

struct family_info {
	const char	*name, *help;
	enum family_type type;
	enum group	 group;
	unsigned	 cell;		/* the first one, within the group's */
	uint64_t	 unit;		/* of a cell for each 1 that is shown; 0 = 1 */

	/* name="value" for each of its cells; count 0: there is one, without. */
	const char *const *labels;
	unsigned	 label_count;

	/*
	 * A histogram has a cell for each bound in units, one for what is above
	 * all of them, and one for the sum.
	 */
	const unsigned	*bounds;
	unsigned	 bound_count;

	/* Of GROUP_SHARED, whose channels have a record. */
	uint64_t	(*read)(const struct channel *, uint64_t now_ms);
};

extern const struct family_info families[FAMILY__MAX];

/* Which of FAMILY_TOKENS' and FAMILY_ESTIMATED's cells. */
enum family_token {
	FAMILY_TOKEN_INPUT, FAMILY_TOKEN_CACHE_READ, FAMILY_TOKEN_CACHE_WRITE,
	FAMILY_TOKEN_OUTPUT, FAMILY_TOKEN_REASONING, FAMILY_TOKEN__MAX
};

enum family_hedge { FAMILY_HEDGE_WON, FAMILY_HEDGE_LOST, FAMILY_HEDGE__MAX };

enum family_abort {
	FAMILY_ABORT_UPLOAD, FAMILY_ABORT_WAIT, FAMILY_ABORT_STREAM,
	FAMILY_ABORT__MAX
};
#endif
