/* witness.h - failures that one client alone has met at a channel.
 *
 * A request can fail by its own doing: a body that its provider stumbles over, a
 * prompt so long that no answer comes in time, a model that is overloaded. So
 * what one client meets puts the channel out of use for that client alone; when
 * the requests of another fail too, nothing between succeeding, it is the
 * channel's own failure. One client for each channel is remembered, the last.
 */
#ifndef GATEWAY_WITNESS_H
#define GATEWAY_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/state.h"

/*
 * The time in ms within which the failures of two clients belong together.
 */
enum { WITNESS_MS = 300000 };

/* Is the channel out of use for CLIENT? Never for 0. NOW_MS: wall clock. */
bool	witness_is_out(const struct state_channel *, uint64_t client,
	    uint64_t now_ms);

/*
 * A request of CLIENT's has failed. True: it counts for everybody, since CLIENT
 * is 0 or another client's has failed before. LIMIT failures in a row (0: no
 * such limit), or one with a PAUSE_MS above 0, put the channel out of use for CLIENT:
 * for so long, or else for COOLDOWN_MS.
 */
bool	witness_fail(struct state_channel *, uint64_t client, uint64_t now_ms,
	    unsigned limit, uint64_t cooldown_ms, uint64_t pause_ms);

/* A request of CLIENT's went well: so does the channel, for others at least. */
void	witness_succeed(struct state_channel *, uint64_t client);

void	witness_forget(struct state_channel *);
#endif
