/* throttle.h - who shows wrong secrets has to wait, in whichever process.
 *
 * Failures are counted by address in the state segment, from the first one for
 * THROTTLE_WINDOW_S seconds; of IPv6 a /64 counts as one. Where very many fail at
 * once some are forgotten early, but nobody waits for another's failures.
 */
#ifndef STORE_THROTTLE_H
#define STORE_THROTTLE_H

#include <stdint.h>

#include "store/state.h"

enum { THROTTLE_WINDOW_S = 60, THROTTLE_FAILURES_MAX = 10 };

/* Seconds until ADDRESS may try again; 0 = now. NOW_S is wall-clock time. */
unsigned throttle_wait_s(struct state *, const char *address, uint64_t now_s);

void	throttle_note_failure(struct state *, const char *address,
	    uint64_t now_s);
#endif
