/* period.h - calendar periods in UTC, in days since 1970. */
#ifndef STORE_PERIOD_H
#define STORE_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

#include "store/limits.h"

/* From the first day to the one after the last. */
struct period {
	int64_t		 from, to;
};

enum { PERIOD_DAY_S = 86400 };

/* The day that a second since 1970 is in; within some 100,000 years. */
int64_t	period_day(int64_t time_s);

/* The period that DAY is in; a day that is farther off counts as the farthest. */
struct period period_of(enum limits_period, int64_t day);

static inline bool
period_has(struct period p, int64_t day)
{
	return day >= p.from && day < p.to;
}
#endif
