/* sessions.h - which callers have been sent to which channel lately.
 *
 * For people to look at: a caller's channel follows from its hash alone
 * (DESIGN section 7.8). The table is in the state segment, SESSIONS_SETS times
 * SESSIONS_WAYS callers; who comes new takes the place of the one that has been
 * away longest among those of its set. All processes write to it. Where one is
 * writing to the set at that moment, a note is left out: the next one tells.
 */
#ifndef STORE_SESSIONS_H
#define STORE_SESSIONS_H

#include <stdint.h>

#include "store/state.h"

enum { SESSIONS_SETS = 128, SESSIONS_WAYS = 8 };	/* powers of 2 */

/* Texts are cut to fit, and may be "". */
struct session {
	uint64_t	 salt;		/* that its hash had: see salts.h */
	uint64_t	 created_ms;	/* wall clock */
	char		 key_id[33], channel[48], model[64];
};

/* A sticky caller's request goes to CHANNEL. CALLER is its hash, without salt. */
struct session_note {
	uint64_t	 caller, salt, now_ms;
	const char	*key_id, *channel, *model;	/* borrowed; NULL is "" */
};

void	sessions_note(struct state *, const struct session_note *);

/* Call EACH for every caller, in no order; it is lent for the call. */
void	sessions_each(struct state *, void (*each)(void *arg, uint64_t caller,
	    uint64_t last_ms, const struct session *), void *arg);

/* The number by which people know a caller: small enough for a double, never 0. */
uint64_t sessions_id(uint64_t caller);
#endif
