/* leader.h - what one process does for all that share a state segment. */
#ifndef HANDLERS_LEADER_H
#define HANDLERS_LEADER_H

#include <stdbool.h>

#include <uv.h>

#include "handlers/exchange.h"
#include "handlers/prober.h"

/* It probes channels, and finishes what dead processes left. */
struct leader {
	struct app	*app;
	struct prober	 prober;
	uv_work_t	 sweep;
	struct snapshot	*sweeping;	/* a reference while a sweep runs */
	unsigned	 ticks;		/* since this process began to lead */
	bool		 leads, is_over;
};

void	leader_init(struct leader *, struct app *);

/* Once a second: lead if nobody else does. */
void	leader_tick(struct leader *);

/*
 * The process is about to end: another may lead. A sweep that runs is waited for
 * by the loop.
 */
void	leader_stop(struct leader *);
#endif
