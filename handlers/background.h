/* background.h - work that may block, on the thread pool, for one request. */
#ifndef HANDLERS_BACKGROUND_H
#define HANDLERS_BACKGROUND_H

#include "handlers/exchange.h"
#include "store/objects.h"

struct background;

/*
 * Run WORK(object, arg) on the thread pool with a copy of OBJECT, then DONE on
 * the loop with what WORK made of it. When the client has left by then, DONE is
 * not called. One at a time for each exchange.
 */
void	background_run(struct exchange *, const struct object *,
	    bool (*work)(struct db *, struct object *),
	    void (*done)(struct exchange *, bool ok, const struct object *));

/* The exchange ends: what still runs for it goes on alone. */
void	background_detach(struct exchange *);
#endif
