/* breaker.h - a channel's circuit breaker: one word that all processes share. */
#ifndef GATEWAY_BREAKER_H
#define GATEWAY_BREAKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { BREAKER_FAILURES_MAX = 63 };	/* as far as failures in a row are counted */

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

/* On what terms a try was let through. */
enum breaker_pass {
	BREAKER_PASS_FREE,		/* the breaker was closed */
	BREAKER_PASS_PROBE,		/* the one try that finds out */
	BREAKER_PASS_FORCED,		/* nothing else was left */
	BREAKER_REFUSED
};

/* A word of 0 is a closed breaker. Any word is possible: the memory may hold anything. */
enum breaker_state breaker_state(uint64_t word);

/*
 * Would breaker_enter refuse at NOW_MS (wall clock)? A probe that another has
 * under way counts.
 */
bool	breaker_is_out(uint64_t word, uint64_t now_ms);

/* Who has the probe under way; meaningful when half-open. */
uint16_t breaker_owner(uint64_t word);

/*
 * A try is about to start: FREE when closed, PROBE when a cooldown has passed
 * (or a probe its time, PROBE_MS): one caller of all processes gets it, as
 * OWNER. Otherwise REFUSED.
 */
enum breaker_pass breaker_enter(_Atomic uint64_t *, uint16_t owner,
	    uint64_t now_ms, unsigned probe_ms);

/*
 * The try that got PASS went well: the breaker closes, unless it opened
 * meanwhile for others' failures. True: this call closed it.
 */
bool	breaker_succeed(_Atomic uint64_t *, enum breaker_pass, uint16_t owner);

/*
 * It failed. The breaker opens for COOLDOWN_MS after LIMIT failures in a row (at
 * most BREAKER_FAILURES_MAX; 0 = no such limit), at once when TRIP is set or the
 * try was the probe; when open already, the later deadline counts. True: this
 * call opened it.
 */
bool	breaker_fail(_Atomic uint64_t *, enum breaker_pass, unsigned limit,
	    bool trip, uint64_t now_ms, uint64_t cooldown_ms);

/* A probe of OWNER's ended without a verdict: the next request may probe. */
void	breaker_let_go(_Atomic uint64_t *, uint16_t owner, uint64_t now_ms);

/*
 * Something else shows that the channel is well: failures before do not count any
 * more, and an open breaker need not wait for its cooldown.
 */
void	breaker_hint(_Atomic uint64_t *, uint64_t now_ms);
#endif
