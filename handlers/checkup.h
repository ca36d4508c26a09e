/* checkup.h - one question to one channel: are you well? */
#ifndef HANDLERS_CHECKUP_H
#define HANDLERS_CHECKUP_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "gateway/channel.h"
#include "gateway/snapshot.h"
#include "upstream/attempt.h"

struct checkup {
	/* what came of it */
	int		 status;	/* HTTP, 0 = no answer */
	enum err	 err;

	/* private */
	struct attempt_request request;
	struct attempt	*attempt;
	size_t		 bytes;		/* of the answer, which is not kept... */
	struct buf	 beginning;	/* ...but where it is an error */
	void		(*done)(void *arg);
	void		*arg;
};

/*
 * GET health.path of the channel's provider at the channel's base URL, with the
 * provider's key and headers, within health.timeout. DONE is called once, from
 * the loop or, when nothing can be started, from here; not after
 * checkup_cancel. The channel is one of SNAPSHOT, which outlives the checkup,
 * and so does ARENA.
 */
void	checkup_start(struct checkup *, struct client *, struct arena *,
	    const struct snapshot *, const struct channel *,
	    void (*done)(void *arg), void *arg);

void	checkup_cancel(struct checkup *);

/* Release, cancelling first. Allowed in DONE. */
void	checkup_fini(struct checkup *);

/*
 * What an ended checkup says of the channel. A server that answers is well even
 * where it does not know the path; one that refuses our key is not, for it would
 * refuse every request: CHANNEL_REFUSED_KEY. Redirects and other 4xx, 429 above
 * all, say nothing either way.
 */
enum channel_verdict checkup_verdict(const struct checkup *);

/* Why it is not well, in words of ours alone; in ARENA, or static. */
const char *checkup_reason(const struct checkup *, struct arena *);

/* What libcurl says of it, for the operator alone; "" if nothing. */
const char *checkup_detail(const struct checkup *);
#endif
