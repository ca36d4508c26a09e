/* tick.h - what a pool's leader does all the time, once: for cron. */
#ifndef HANDLERS_TICK_H
#define HANDLERS_TICK_H

#include <stdio.h>

#include "conf/conf.h"

enum tick_end {
	TICK_WELL,
	TICK_UNWELL,		/* a channel that was probed is not, or the database */
	TICK_NOT_NEEDED,	/* nothing was done: another process leads */
	TICK_NOT_SHARED,	/* nothing was done: no state segment */
	TICK_BROKEN		/* a library cannot be set up */
};

/*
 * Under CONF, which is taken: finish what dead processes left, import the
 * journal, and probe each channel that has an interval and was silent for
 * longer. A line for each goes to OUT as it ends: "NAME well", "NAME not well:
 * REASON", or "NAME unclear: REASON" where the answer says nothing of the
 * channel.
 */
enum tick_end tick_run(struct conf *, FILE *out);
#endif
