/* throttle.h - who shows wrong secrets has to wait, in whichever process.
 *
 * Failures are counted by address in the state segment, from the first one for
 * THROTTLE_WINDOW_S seconds, for each kind of secret by itself; of IPv6 a /64
 * counts as one. Where very many fail at once some are forgotten early, but
 * nobody waits for another's failures: where an address is counted depends on
 * the file's secret, so that nobody can look for addresses that share a place.
 */
#ifndef STORE_THROTTLE_H
#define STORE_THROTTLE_H

#include <stdint.h>

#include "store/state.h"

enum {
	THROTTLE_WINDOW_S = 60,
	THROTTLE_FAILURES_MAX = 10,	/* of the admin key */
	THROTTLE_GUESSES_MAX = 30	/* different clients' keys */
};

enum throttle_kind { THROTTLE_ADMIN_KEY, THROTTLE_CLIENT_KEY };

/* Seconds until ADDRESS may try again; 0 = now. NOW_S is wall-clock time. */
unsigned throttle_wait_s(struct state *, enum throttle_kind,
	    const char *address, uint64_t now_s);

void	throttle_note_failure(struct state *, enum throttle_kind,
	    const char *address, uint64_t now_s);

/*
 * The same for GUESS, which is wrong; what ADDRESS has shown in this minute
 * already is no further failure: a program that repeats itself guesses nothing.
 */
void	throttle_note_guess(struct state *, enum throttle_kind,
	    const char *address, const char *guess, uint64_t now_s);
#endif
