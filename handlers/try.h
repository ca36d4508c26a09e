/* try.h - one upstream try of a request: what was asked, and the answer so far. */
#ifndef HANDLERS_TRY_H
#define HANDLERS_TRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "gateway/channel.h"
#include "gateway/plan.h"
#include "gateway/retry.h"
#include "gateway/splice.h"
#include "handlers/exchange.h"
#include "handlers/in_band.h"
#include "handlers/outgoing.h"
#include "upstream/answer.h"
#include "upstream/attempt.h"
#include "upstream/fault.h"
#include "upstream/meter.h"
#include "upstream/sse.h"

/* How an answer is passed on. */
enum try_mode {
	TRY_OPEN,			/* its first bytes will tell */
	TRY_HELD,			/* kept until complete or too large: JSON, so that a cut one can still be told or mended; and every error */
	TRY_PLAIN,			/* each read at once */
	TRY_SSE				/* events; held up to the release point */
};

/* What is the same for all tries of a request. Borrowed. */
struct try_order {
	const char	*method;
	const char	*url;		/* NULL: what outgoing says */
	struct outgoing	 outgoing;	/* but for target and deployment */
	const struct body *body;	/* a body with a model in it, or NULL: as it is */
	bool		 counts;	/* the call consumes tokens */
	enum answer_kind	 answer;	/* what a good one looks like */
	size_t		 whole_max;	/* a good answer is only passed on as a whole, of so many bytes; 0 = it need not be */
};

struct try;

/* Who has started a try. */
struct try_owner {
	/*
	 * The answer may go to the client from now on: the try is chosen unless
	 * it is cancelled in here.
	 */
	void	(*ready)(void *arg, struct try *);
	/*
	 * N more bytes of a chosen answer's body. False: take no more until
	 * try_resume.
	 */
	bool	(*pass)(void *arg, const char *, size_t n);
	/* Once, last; not after try_cancel. */
	void	(*over)(void *arg, struct try *);
	/* While an answer is held: would another try follow if this one failed? */
	bool	(*has_more)(void *arg, const struct try *);
	void	*arg;
};

struct try {
	struct exchange	*x;
	struct plan_step *step;
	const struct try_order *order;
	const struct try_owner *owner;
	struct call_attempt *record;	/* in the call */
	struct attempt	*attempt;	/* NULL: none could be started */
	enum try_mode	 mode;
	bool		 is_chosen;	/* its answer goes to the client */
	bool		 is_over;
	enum err	 end;		/* how, once it is over */
	const char	*text;		/* what clients are told of that; NULL: as always */
	struct buf	 held;
	struct sse	 sse;
	struct meter	 meter;
	struct in_band_place place;	/* /v1/responses: how far the stream has come */

	/* private */
	enum answer_form type;		/* what the head says that the body is */
	bool		 is_encoded;	/* so nothing in it can be read */
	bool		 is_error;	/* an error object came with a good status */
	bool		 is_json;	/* and was too large to be held */
	bool		 is_ending;	/* the transfer is over */
	struct attempt_request request;
	struct splice	 body;
	char		*flat;		/* the spliced body, where it is small */
	bool		 injects;	/* usage was asked for: a chunk with nothing else is not the client's */
	bool		 strips;	/* so events are held until they are complete; not one that is too large */
	enum fault	 told;		/* by the first error event; FAULT_NONE: none went by */
	bool		 is_left;	/* for what it told: another try may do better */
	int64_t		 retry_after_ms; /* -1 = not told */
	size_t		 held_counted;	/* of HELD, in the process's sum */
	int64_t		 fed;		/* where in HELD the read that is being fed begins, or would */
	uint64_t	 last_read_ms;	/* loop time; 0 = nothing yet */
};

/*
 * Start a try at STEP, which is taken. BUDGET_MS: when the whole request must be
 * over. Everything is in the exchange's arena and borrowed until try_free. A try
 * that cannot be started is over at once, with no call of OVER: see is_over.
 */
struct try *try_start(struct exchange *, struct plan_step *,
	    const struct try_order *, const struct try_owner *,
	    uint64_t budget_ms, bool is_hedge);

/* The client can take more: of what is held, then of what comes. */
void	try_resume(struct try *);

/*
 * Stop, for the reason that the record and the channel are told. Harmless when
 * it is over.
 */
void	try_cancel(struct try *, enum err reason);

/* What the try, which is over, came to; and what that says of the channel. */
enum retry_kind try_kind(const struct try *);
enum channel_verdict try_verdict(const struct try *);

/*
 * While it is not over: what its error event, or its status and what is held,
 * would come to.
 */
enum retry_kind try_kind_of_told(const struct try *);
enum retry_kind try_kind_of_status(const struct try *);

/* Bytes of what is held that may go: not an event that may turn out to be ours alone. */
size_t	try_ready(const struct try *);

/*
 * How much of the answer may be held; and may more of it be? Streams that are
 * held to their end have a sum in the process, in which N bytes of this one
 * count from now on.
 */
size_t	try_hold_limit(const struct try *);
bool	try_may_hold(const struct try *);
void	try_count_held(struct try *, size_t n);

/* Its answer will not be passed on: let go of what is held. */
void	try_forget_answer(struct try *);

/* ---- What kind of answer it is: try_answer.c, for try.c alone. ---- */

/*
 * The head has come: find the mode. What is no answer by its head alone ends the
 * attempt.
 */
void	try_read_head(struct try *, struct attempt *);

/*
 * Find the mode by the first bytes of the body, N so far; it stays TRY_OPEN
 * where they are too few, and where they are no answer, which ends the attempt.
 */
void	try_read_beginning(struct try *, const char *bytes, size_t n);

/* Does the status say that there is no body (RFC 9110 sections 15.3.5 and 15.3.6)? */
bool	try_has_no_content(const struct try *);

/* The transfer has ended so: how does the try end? */
enum err try_judge(struct try *, enum err);

/* The same of an answer that is too large to be held, by what is there of it. */
bool	try_is_error_so_far(const struct try *);

/* What was consumed so far. */
void	try_usage(const struct try *, struct usage *);

/*
 * For how long it is worth reading without a client: to its end if the provider
 * says so, and where the answer is there, but not its usage, until that is, so
 * that leaving before the last event does not evade a budget. 0: not at all.
 */
unsigned try_drain_ms(const struct try *);

/* Has all of the answer come? */
bool	try_is_whole(const struct try *);

/* It is over: keep libcurl's words for its failure, and log them if they are new. */
void	try_note_failure(struct try *);

/* True while the request's body, or a copy of this try's, may still be read. */
bool	try_reads_body(const struct try *);

/* Nobody reads the body any more: let go of this try's copy. */
void	try_drop_copy(struct try *);

void	try_free(struct try *);
#endif
