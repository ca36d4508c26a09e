/* catalog.h - which models providers have whose file names none: { name = "*"; }.
 *
 * Each process asks them when somebody wants to see the list, and remembers. What
 * a provider has said stands until it says something else: who does not answer
 * still has the models that it had.
 */
#ifndef HANDLERS_CATALOG_H
#define HANDLERS_CATALOG_H

#include <stdbool.h>

#include "handlers/exchange.h"

struct catalog *catalog_create(struct app *);

/* What still runs is given up. NULL is fine. */
void	catalog_free(struct catalog *);

/*
 * Ask the providers of the exchange's snapshot that have a wildcard, where that was
 * not done lately. True: some have never told, so READY is called when they have or
 * their time is up, a few seconds at most, unless catalog_leave comes first. False:
 * nothing is worth waiting for.
 */
bool	catalog_wait(struct catalog *, struct exchange *,
	    void (*ready)(struct exchange *));

/* The exchange waits no more. Harmless when it does not. */
void	catalog_leave(struct catalog *, const struct exchange *);

/*
 * The names that TARGET, of a wildcard, is known to have: COUNT of them, each with
 * a NUL behind it. Valid until the loop goes round.
 */
const char *catalog_find(const struct catalog *, const struct target *,
	    size_t *count);

/* Would the provider of TARGET, of a wildcard, know what clients can name? */
bool	catalog_covers(const struct target *);
#endif
