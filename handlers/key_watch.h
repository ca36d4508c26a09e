/* key_watch.h - a process notices within a second that clients' keys changed. */
#ifndef HANDLERS_KEY_WATCH_H
#define HANDLERS_KEY_WATCH_H

#include <stdbool.h>

#include <uv.h>

#include "handlers/exchange.h"
#include "store/key_list.h"

struct key_watch {
	struct app	*app;
	struct key_reader *reader;	/* of the thread pool while it is busy */
	struct key_list	*found;		/* what it has read */
	uv_work_t	 work;
	bool		 is_busy;
};

/* Read the keys into APP, which has its database. Blocks: before the loop runs. */
void	key_watch_init(struct key_watch *, struct app *);

/* The loop has ended. The app's keys are given back. */
void	key_watch_fini(struct key_watch *);

/* Each second: look for changes on the thread pool. What is found replaces the app's keys. */
void	key_watch_tick(struct key_watch *);
#endif
