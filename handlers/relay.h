/* relay.h - ask providers until one answers, and pass its answer on, streams included. */
#ifndef HANDLERS_RELAY_H
#define HANDLERS_RELAY_H

#include "gateway/plan.h"
#include "handlers/exchange.h"
#include "handlers/try.h"

/* What is asked, and of whom. Strings and plan live in the request's arena. */
struct relay_order {
	struct try_order ask;
	struct plan	*plan;
	bool		 is_final;	/* the first answer counts, whatever it says: nothing is tried again */

	/*
	 * Called with a complete JSON answer of success that is small enough
	 * to be held (limits.client_buffer); may change it, and leads, now or
	 * later, to relay_finish. NULL: the answer is sent as it is.
	 */
	void		(*finish)(struct exchange *, struct buf *answer);

	/* A complete answer was too large for that: its beginning, before it is sent. */
	void		(*outgrown)(struct exchange *, const struct buf *beginning);

	/*
	 * Sees the bytes of a stream, or of an answer that outgrew, before they
	 * are passed on; NULL: nobody looks.
	 */
	void		(*watch)(struct exchange *, const char *, size_t);

	/*
	 * Called when an answer that FINISH does not get is over, before the
	 * client is told; what it has consumed is in the call. May start work in
	 * the background, which leads to relay_finish. NULL: nobody asks.
	 */
	void		(*end)(struct exchange *);
};

/* Ask; the exchange's state is the relay's from now on, and it ends the request. */
void	relay_start(struct exchange *, const struct relay_order *);

/*
 * Ask TARGET alone, once, for what the client asked for, with what EXTRAS say; a
 * method among them is another than the client's.
 */
void	relay_to(struct exchange *, const struct target *,
	    const struct relay_order *extras);

/*
 * Fetch URL with TARGET's key. False: its provider leads to no such origin, and
 * nothing has been asked: a key goes where the configuration sends it, wherever
 * a URL comes from.
 */
bool	relay_fetch(struct exchange *, const struct target *, const char *url);

/*
 * In place of that: what finish was given is not wanted, ask the same target once
 * more, with QUERY. False: it has been asked too often, or the client has left.
 */
bool	relay_repeat(struct exchange *, const char *query);

/*
 * What finish was given may be sent; or, where outgrown or watch started work in
 * the background, that is done. Harmless when the client has left.
 */
void	relay_finish(struct exchange *);
#endif
