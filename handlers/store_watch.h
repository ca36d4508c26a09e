/* store_watch.h - a process notices within a second what changed in the database. */
#ifndef HANDLERS_STORE_WATCH_H
#define HANDLERS_STORE_WATCH_H

#include <stdbool.h>

#include <uv.h>

#include "handlers/exchange.h"
#include "store/store.h"

struct store_watch {
	struct app	*app;
	struct watch	*watch;		/* of the thread pool while it is busy */
	struct watch_found found;	/* what it has read */
	uv_work_t	 work;
	bool		 is_busy;
	bool		 again;		/* something changed since it began to look */
};

/* Read all into APP, which has its database. Blocks: before the loop runs. */
void	store_watch_init(struct store_watch *, struct app *);

/* The loop has ended. What the app had is given back. */
void	store_watch_fini(struct store_watch *);

/*
 * Each second, and when it was this process that changed something: look, on
 * the thread pool.
 */
void	store_watch_look(struct store_watch *);
#endif
