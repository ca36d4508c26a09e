/* in_band.h - what the gateway itself says inside a stream.
 *
 * Each API has events of its own, and clients skip or choke on what is none: an
 * error object alone on chat, "event: error" on /v1/messages, and typed, numbered
 * events on /v1/responses.
 */
#ifndef HANDLERS_IN_BAND_H
#define HANDLERS_IN_BAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "handlers/api_error.h"
#include "handlers/exchange.h"

enum { IN_BAND_ID_SIZE = 128 };

/* How far a stream of /v1/responses has come, so that ours can go on. All 0 at first. */
struct in_band_place {
	uint64_t	 next;		/* sequence_number of the next event */
	char		 id[IN_BAND_ID_SIZE]; /* the response's, or "" while it is not known */
};

/*
 * One more event of that stream went by, DATA with N bytes. NULL: it was too long
 * to be seen.
 */
void	in_band_follow(struct in_band_place *, const char *data, size_t n);

/*
 * The events that tell E and end the stream, for the exchange's route. On
 * /v1/responses they are "error" and "response.failed", in this order: OpenAI's
 * client, which takes no other event before response.created, throws at the first
 * with its message; Codex reads the second alone.
 */
void	in_band_put_error(struct buf *out, const struct exchange *,
	    const struct in_band_place *, const struct api_error *e);

/*
 * The same of an answer of the provider's, STATUS >= 400, that came after the
 * head. TEXT ends with a NUL and has no line ends; where it is an error of the
 * route's API it goes to the client as it is.
 */
void	in_band_put_answer(struct buf *out, const struct exchange *,
	    const struct in_band_place *, int status, const char *text);

/*
 * What keeps a silent stream alive. Comments, but on /v1/messages, whose "ping"
 * may come anywhere. On /v1/responses no event would do: clients of OpenAI's take
 * none before response.created, strict ones none that they do not know.
 */
const char *in_band_ping(const struct exchange *);
#endif
