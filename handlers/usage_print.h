/* usage_print.h - sums of usage, for people and for programs. */
#ifndef HANDLERS_USAGE_PRINT_H
#define HANDLERS_USAGE_PRINT_H

#include <stdbool.h>
#include <stdio.h>

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
#endif
