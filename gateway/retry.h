/* retry.h - what follows a try that did not succeed (DESIGN section 7.3). */
#ifndef GATEWAY_RETRY_H
#define GATEWAY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

enum { RETRY_TRIES_MAX = 6 };		/* of one request, all channels together */

/* What a try came to. */
enum retry_kind {
	RETRY_FINAL,			/* the answer stands: good, or wrong in a way that no other try mends */
	RETRY_RATE,			/* 429 */
	RETRY_SERVER,			/* 5xx, a reset, a cut answer, an error in place of a first token */
	RETRY_CONNECT,			/* no connection: nobody has seen the request */
	RETRY_SILENT,			/* a timeout: never tried again on the same channel */
	RETRY_KEY,			/* the channel's key does not work */
	RETRY_MODEL,			/* the channel has lost the model: others may have it */
	RETRY_CONTEXT			/* too long for this model: only another one may help */
};

enum retry_action { RETRY_STOP, RETRY_SAME, RETRY_NEXT };

struct retry_state {
	enum retry_kind	 kind;
	int64_t		 retry_after_ms; /* as the provider asks, -1 = it does not */
	unsigned	 tries;		/* of the request so far */
	unsigned	 same_tries;	/* of them on this channel in a row */
	unsigned	 retries;	/* the provider's limit of more tries */
	unsigned	 waits;		/* back-offs so far */
	bool		 others_left;	/* another channel has not been tried */
	uint64_t	 budget_ms;	/* until the request must be over */
};

/*
 * What to do next, and after how many milliseconds. JITTER is a random number
 * from 0 to 1. Back-off: 500 ms, doubled each time up to 5 s, times 0.8 to 1.2;
 * what the provider asks for instead is waited for if it is at most 2 s, or 5 s
 * when no other channel is left.
 */
enum retry_action retry_decide(const struct retry_state *, double jitter,
	    unsigned *wait_ms);
#endif
