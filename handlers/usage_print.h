/* usage_print.h - sums of usage, for people and for programs. */
#ifndef HANDLERS_USAGE_PRINT_H
#define HANDLERS_USAGE_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "store/store.h"

/*
 * A table of the query's sums with a line of totals, or an object of JSON for
 * each sum, a line each. Nothing is kept, so it may be of any length. False: the
 * database failed.
 */
bool	usage_print_table(struct usage *, const struct usage_query *,
	    FILE *out);
bool	usage_print_json(struct usage *, const struct usage_query *,
	    FILE *out);

/*
 * The members of such an object: those of BY, then all numbers. Without braces,
 * commas between them.
 */
void	usage_print_members(struct buf *, const struct usage_sum *,
	    unsigned by);

/* Add the numbers of SUM to those of TOTAL. */
void	usage_print_add(struct usage_sum *total, const struct usage_sum *sum);
#endif
