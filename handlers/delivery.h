/* delivery.h - the answer of a chosen try on its way to the client. */
#ifndef HANDLERS_DELIVERY_H
#define HANDLERS_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "handlers/relay.h"

struct delivery {
	struct exchange	*x;
	const struct relay_order *order;
	struct try	*chosen;	/* whose answer it is, once that is known */
	uint64_t	 last_ms;	/* loop time: when the client got its last byte */

	/* private */
	bool		 is_early;	/* the head went out before there was an answer: an event stream */
	bool		 is_outgrown;	/* a complete answer that was too large to be held */
	bool		 is_spilt;	/* so was one that had to become an event: it is cut */
	size_t		 seen;		/* so many of the next bytes were shown to order->outgrown */
	bool		 holds, waits;	/* bytes, or the end, for delivery_finish */
	bool		 is_finishing;	/* order->finish has been called */
	enum err	 end;		/* how it ended, while that waits */
	struct buf	 kept;		/* while something it names is stored; or no stream, for an early head */
};

void	delivery_init(struct delivery *, struct exchange *,
	    const struct relay_order *);
void	delivery_fini(struct delivery *);

/* T's answer goes to the client: its head first, unless one has gone already. */
void	delivery_choose(struct delivery *, struct try *);

/* N more bytes of its body. False: take no more until the request is writable. */
bool	delivery_pass(struct delivery *, const char *, size_t n);

/*
 * The chosen try is over: HOW it ended. What it still holds goes out with the
 * request's end, now or after delivery_finish.
 */
void	delivery_end(struct delivery *, enum err how);

/* No byte of the chosen answer has gone out, and none will: another is chosen. */
void	delivery_take_back(struct delivery *);

/*
 * There is no answer to pass on, for this reason; TEXT says it to the client,
 * NULL: as always. Ends the request.
 */
void	delivery_fail(struct delivery *, enum err, const char *text);

/*
 * The client has heard nothing for long: send a comment, with the head of an
 * event stream before it where no head has gone out. Not in the middle of an
 * event, nor when the answer is no stream.
 */
void	delivery_comment(struct delivery *);

/* See relay_finish. True: the transfer may go on. */
bool	delivery_finish(struct delivery *);
#endif
