/* limit.h - how much a key may be used: what is refused, and what is counted.
 *
 * A call of a key with limits walks through limit_admit, limit_reserve if it
 * gets to a provider, and settle, which calls limit_spend and limit_end. For all
 * other calls each of these is one comparison. What is counted is in
 * store/limits.
 */
#ifndef GATEWAY_LIMIT_H
#define GATEWAY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/limits.h"

struct call;
struct cost_prices;

enum { LIMIT_DURATION_SIZE = 24 };

/* Of one call. */
struct limit {
	uint32_t	 account;	/* in store/limits; 0: nothing is limited, or counted */
	unsigned	 generation;	/* of the state that account is in */
	bool		 is_in_flight;
	uint64_t	 input_tokens, output_tokens; /* that were asked for */
	struct limits_sum reserved;	/* of its budgets */
	uint64_t	 taken;		/* of its bucket of tokens */

	/* Of what was refused. */
	const char	*text;		/* a sentence for the client, in the arena */
	uint64_t	 retry_after_s;	/* at least 1 */
};

/* What a request may come to consume. */
struct limit_ask {
	uint64_t	 input_tokens, output_tokens;
	const struct cost_prices *prices;	/* NULL: it costs nothing */
};

/*
 * May one more request of the call's key begin? It is then in flight, and one of
 * this minute's. ERR_RATE_LIMIT or ERR_QUOTA: it may not, and nothing is held or
 * counted.
 */
enum err limit_admit(struct state *, struct call *);

/*
 * Take what is asked for from this minute's tokens and reserve it in the
 * budgets. It is an estimate: who asks for more than half of a limit passes
 * where half of it is left, and may go into debt. ERR_RATE_LIMIT or ERR_QUOTA:
 * nothing was taken or reserved.
 * Without limit_admit, nothing happens.
 */
enum err limit_reserve(struct state *, struct call *,
	    const struct limit_ask *);

/*
 * The call's usage is an estimate of an answer that its client did not wait for:
 * it is no less than what was asked for.
 */
void	limit_charge_estimate(struct call *);

/* Between state_begin and state_commit: what the call has consumed is spent. */
void	limit_spend(struct state *, const struct call *);

/* After state_commit: let go what is held, and correct this minute's tokens. */
void	limit_end(struct state *, const struct call *);

/* Has the call's key a rate limit that clients are told of? */
bool	limit_is_told(const struct call *);

/*
 * What the call's key has left of a bucket. False: it has no such limit, or this
 * call does not count.
 */
bool	limit_find_left(struct state *, const struct call *,
	    enum limits_bucket, uint64_t *per_minute, struct limits_left *);

/* "120ms", "1s", "6m0s", rounded up. */
void	limit_format_duration(uint64_t us, char text[LIMIT_DURATION_SIZE]);
#endif
