/* leader.h - what one process does for all that share a state segment. */
#ifndef HANDLERS_LEADER_H
#define HANDLERS_LEADER_H

#include <stdbool.h>

#include <uv.h>

#include "handlers/exchange.h"
#include "handlers/prober.h"
#include "store/store.h"

/*
 * It probes channels, finishes what dead processes left, and imports the
 * journal.
 */
struct leader {
	struct app	*app;
	struct prober	 prober;
	uv_work_t	 sweep;
	struct snapshot	*sweeping;	/* a reference while a sweep runs */
	struct usage_import *import;	/* only used by the sweep */
	bool		 upgrades;	/* the sweep seals keys anew */
	bool		 has_more;	/* the sweep did not import all there is */
	unsigned	 ticks;		/* since this process began to lead */
	bool		 leads, is_over;
};

void	leader_init(struct leader *, struct app *);

/* After the loop has come to its end. */
void	leader_fini(struct leader *);

/* Once a second: lead if nobody else does. */
void	leader_tick(struct leader *);

/*
 * The process is about to end: another may lead. A sweep that runs is waited for
 * by the loop.
 */
void	leader_stop(struct leader *);
#endif
