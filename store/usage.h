/* usage.h - sums of what requests consumed, for reports. */
#ifndef STORE_USAGE_H
#define STORE_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/db.h"

enum { USAGE_HOUR_S = 3600, USAGE_DAY_S = 86400 };

/* What sums are made for; bits. */
enum usage_by {
	USAGE_BY_HOUR = 1, USAGE_BY_DAY = 2, USAGE_BY_KEY = 4,
	USAGE_BY_MODEL = 8, USAGE_BY_PROVIDER = 16
};

/* Requests by their beginnings, in UTC. */
struct usage_query {
	int64_t		 from_s, to_s;	/* since 1970: whole hours; TO is not in it */
	unsigned	 by;
	const char	*key_id, *model, *provider; /* these alone; NULL: all */
	unsigned	 sums_max;	/* so many, then no more; 0 = all there are */
};

/* A text is "" where there was none, and where it was not asked for. */
struct usage_sum {
	int64_t		 time_s;	/* of the hour's or day's beginning, or 0 */
	const char	*key_id, *model, *provider;
	int64_t		 requests, errors;
	int64_t		 estimated;	/* requests whose usage is not all reported */
	int64_t		 unpriced;	/* requests and tries of unknown cost */
	int64_t		 input_tokens, cache_read_tokens, cache_write_tokens,
			 output_tokens, reasoning_tokens;
	int64_t		 cost_nano;	/* of those whose cost is known */
};

struct usage;

/*
 * Open the database to read; all calls then see it as it is at the first one.
 * NULL: it is not there, or not usable, or of another version.
 */
struct usage *usage_open(const struct db *);
void	usage_close(struct usage *);

/*
 * Call EACH once for every sum of the query, in the order of time, key, model,
 * provider; SUM is lent for the call. Ranges of whole days, unless asked for by
 * hour, are read from the sums of days, which are kept for ever. False: the
 * database failed on the way. Blocks.
 */
bool	usage_each(struct usage *, const struct usage_query *,
	    void (*each)(void *arg, const struct usage_sum *), void *arg);
#endif
