/* call.h - the one struct that walks with a request, from intake to settling. */
#ifndef GATEWAY_CALL_H
#define GATEWAY_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/usage.h"
#include "gateway/limit.h"
#include "gateway/retry.h"
#include "gateway/snapshot.h"
#include "store/store.h"

/* Text for the journal where log.bodies is set. */
struct call_text {
	struct buf	 buf;
	bool		 is_cut;	/* there was more */
};

/* One upstream try, as it is told in the journal. Times are monotonic. */
struct call_attempt {
	const struct target *target;
	const char	*model;		/* upstream; NULL where none is named */
	int		 status;	/* HTTP, 0 = no answer */
	enum err	 outcome;
	const char	*detail;	/* why no connection came about, in words; NULL */
	bool		 is_hedge;	/* started beside another that was slow */
	bool		 is_failure;	/* by the channel's fault */
	uint64_t	 start_us, end_us;
	uint64_t	 first_token_us; /* after start_us; 0 = none came */
	struct usage	 usage;		/* of a try whose answer was not passed on */
};

/*
 * Upper bounds in ms of the gaps between two pieces of a stream; what is longer
 * counts last.
 */
enum { CALL_GAPS = 15 };
extern const unsigned call_gap_bounds_ms[CALL_GAPS];

struct call {
	struct arena	*arena;		/* the request's */
	struct snapshot	*snapshot;	/* a reference, held from begin to settle */
	struct key_list	*keys;		/* likewise; NULL: the store has none */
	struct prompt_list *prompts;	/* likewise */
	char		 id[ID_SIZE];
	uint64_t	 start_us;	/* monotonic */
	uint64_t	 start_wall_us;
	const char	*client_host;	/* never NULL */
	const char	*key_id;	/* of the accepted key; NULL: none */
	const struct key *key;		/* among keys, with its limits; NULL: there are none */
	uint64_t	 client;	/* a hash of the key; 0: all clients are one */
	struct limit	 limit;		/* what of them it uses */
	const char	*audit;		/* what an administrator has changed, or NULL */
	const char	*method;
	const char	*path;		/* as routed, decoded */

	const char	*model;		/* as the client asked for it, or NULL */
	bool		 stream;
	const struct target *target;	/* NULL: none was chosen */
	const char	*target_model;

	int		 status;	/* HTTP status told to the client, 0 = none */
	enum err	 outcome;	/* ERR_NONE: the answer is complete, whatever its status */
	uint64_t	 first_byte_us;	/* monotonic; 0 = no answer byte was sent */
	uint64_t	 ready_us;	/* monotonic: the request was complete; 0 = it never was */
	uint64_t	 wait_us;	/* spent between tries, by intention */
	const char	*route;		/* the route's pattern, or NULL: none fits */
	const char	*traceparent;	/* as it goes upstream, or NULL */
	const char	*trace_id;	/* of it, or NULL */
	bool		 is_model_known; /* model is the name of a configured model */
	struct usage	 usage;
	bool		 is_uncharged;	/* what it shows has been paid for, or will be: usage is dropped */
	const struct call_attempt *main; /* whose that is; NULL: nobody's */
	struct call_attempt *attempts[RETRY_TRIES_MAX];	/* in the arena, in the order of their starts */
	unsigned	 attempt_count;
	uint32_t	 gaps[CALL_GAPS + 1];	/* by call_gap_bounds_ms */
	uint64_t	 gaps_sum_ms;
	uint64_t	 bytes;		/* of the answer's body */
	const struct call_text *request_text, *answer_text;	/* NULL: not logged */
};

/* What the try consumed, wherever that stands. */
const struct usage *call_get_usage(const struct call *,
	    const struct call_attempt *);

/* What all tries together have consumed, of every kind. */
uint64_t call_count_tokens(const struct call *);

/*
 * What all tries together have cost, each at its target's prices. False: none
 * of them has both, usage and prices.
 */
bool	call_find_cost(const struct call *, uint64_t *cost);
#endif
