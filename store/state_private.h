/* state_private.h - what a struct state is, for state.c and limits*.c alone. */
#ifndef STORE_STATE_PRIVATE_H
#define STORE_STATE_PRIVATE_H

#include <pthread.h>

#include "store/accounts.h"
#include "store/holders.h"
#include "store/ledger.h"
#include "store/segment.h"

struct state {
	char		 dir[4096];
	struct segment	 segment;
	struct layout	*retired;	/* the one before, or NULL */
	unsigned	 generation;
	struct bank	 bank;		/* of the own slot */
	struct ledger_batch batch;
	bool		 in_batch;
	bool		 leads;
	bool		 was_busy;	/* when it was last tried to attach */
	bool		 warned_private, warned_series, warned_channel,
			 warned_account;
	pthread_mutex_t	 sweeping;	/* the segment stays while it is held */
	struct accounts_maker maker;
	struct holders	*holders;	/* NULL until a limit is asked for */
};

/* The segment is another one, or none any more. */
void	limits_reset(struct state *);
#endif
