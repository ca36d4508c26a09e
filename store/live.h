/* live.h - the requests that are being served, in all processes.
 *
 * A process lists its own in its part of the state segment, as many as there are
 * places; more are counted. What the dead have listed nobody is told.
 */
#ifndef STORE_LIVE_H
#define STORE_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "store/state.h"

enum { LIVE_MAX = 64 };			/* of one process: the bits of a word */

enum live_phase {
	LIVE_INTAKE,			/* its body comes in */
	LIVE_WAITING,			/* a provider has been asked */
	LIVE_ANSWERING,			/* the client has a first byte */
	LIVE__PHASES
};

extern const char *const live_phase_names[LIVE__PHASES];

/* What is told of one. Texts are cut to fit, and may be "". */
struct live_request {
	uint64_t	 since_us;	/* wall clock */
	uint32_t	 epoch;		/* private */
	uint8_t		 stream;	/* not 0: one is asked for */
	char		 id[ID_SIZE], key_id[33], method[8], client_host[46],
			 path[40], model[64], provider[48];
};

/* The own ones. */
struct live {
	struct state	*state;
	unsigned	 generation;	/* state_generation when it was begun */
	uint64_t	 taken;		/* which places are */
	uint32_t	 unlisted;
};

/* A listed request's. */
struct live_place {
	unsigned	 generation;
	int		 index;		/* LIVE_MAX: there was none left; -1: it is not listed */
};

extern const struct live_place live_nowhere;

/* What a request begins with. Borrowed for the call; NULL is "". */
struct live_begin {
	uint64_t	 since_us;
	const char	*id, *key_id, *method, *client_host, *path;
};

void	live_init(struct live *, struct state *);

/*
 * A request has begun; it is over with live_end. What is noted between them
 * costs a store or two. When another file has been attached meanwhile, it is not
 * listed any more.
 */
struct live_place live_begin(struct live *, const struct live_begin *);
void	live_note_phase(struct live *, struct live_place, enum live_phase);
void	live_note_target(struct live *, struct live_place, bool stream,
	    const char *model, const char *provider);
void	live_end(struct live *, struct live_place);

/*
 * Call EACH for every request of every living process; it is lent for the call.
 * What is being written just now is left out. Returns how many are not listed.
 */
uint64_t live_each(struct state *, void (*each)(void *arg, uint32_t pid,
	    enum live_phase, const struct live_request *), void *arg);
#endif
