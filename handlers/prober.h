/* prober.h - asks channels whether they are well, as health.interval says. */
#ifndef HANDLERS_PROBER_H
#define HANDLERS_PROBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/arena.h"
#include "gateway/snapshot.h"
#include "handlers/checkup.h"
#include "handlers/exchange.h"

enum { PROBER_AT_ONCE = 16 };

struct prober;

struct probe {
	struct prober	*prober;
	struct channel	*channel;	/* NULL: this place is free */
	struct arena	 arena;
	struct checkup	 checkup;
};

/*
 * Channels are asked health.interval after they last showed how they do, with a
 * request or with a probe. That time is in the state segment: whichever process
 * probes goes on where another left off.
 */
struct prober {
	struct app	*app;

	/* Each probe that ends, where it is set; REASON as checkup_reason. */
	void		(*told)(void *arg, const struct channel *,
			    enum channel_verdict, const char *reason);
	/* After prober_run_once: every channel that was due has been asked. */
	void		(*over)(void *arg);
	void		*arg;

	/* private */
	struct snapshot	*snapshot;	/* a reference; NULL = stopped */
	uv_timer_t	 timer;
	bool		 repeats;
	uint64_t	 since_ms;	/* wall clock; 0 = nothing is spread */
	size_t		 next, left;	/* of the round's channels */
	unsigned	 running;
	struct probe	 probes[PROBER_AT_ONCE];
};

/* TOLD, OVER and ARG are 0. */
void	prober_init(struct prober *, struct app *);

/*
 * Probe from now on, under whatever configuration is the current one. First
 * probes are spread over their interval. Harmless when it does already.
 */
void	prober_start(struct prober *);

/* Ask every channel that is due now, then call OVER: never from in here. */
void	prober_run_once(struct prober *);

/* Give up, running probes included: they say nothing. */
void	prober_stop(struct prober *);

/* For good: the loop must go round once more before the memory goes. */
void	prober_fini(struct prober *);
#endif
