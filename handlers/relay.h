/* relay.h - ask one provider and pass its answer on, streams included. */
#ifndef HANDLERS_RELAY_H
#define HANDLERS_RELAY_H

#include "gateway/splice.h"
#include "handlers/exchange.h"
#include "handlers/outgoing.h"

/* What is asked. Strings live in the request's arena. */
struct relay_order {
	struct outgoing	 outgoing;	/* content_type NULL: no body */
	const char	*method;
	const char	*url;		/* NULL: what outgoing says */
	struct splice	 body;		/* over the exchange's spool */

	/*
	 * Called with a complete JSON answer of status 200 that is small enough
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
};

/* Ask; the exchange's state is the relay's from now on, and it ends the request. */
void	relay_start(struct exchange *, const struct relay_order *);

/*
 * What finish was given may be sent; or, where outgrown or watch started work in
 * the background, that is done. Harmless when the client has left.
 */
void	relay_finish(struct exchange *);
#endif
