/* reply.h - answers that the gateway gives itself. */
#ifndef HANDLERS_REPLY_H
#define HANDLERS_REPLY_H

#include "base/buf.h"
#include "handlers/exchange.h"

/*
 * Begin the head with the fields that every answer has: x-request-id, CORS, and
 * what a key with rate limits has left of them; and those by which a browser takes
 * none of it for a page of ours (X-Content-Type-Options, and the directive sandbox
 * of CSP), whatever a provider or a client has made of it.
 */
void	reply_begin(struct exchange *, int status);

/* The same for a page of ours, which says itself what it may do. */
void	reply_begin_page(struct exchange *, int status);

/* Whose answer it is, and after how many tries: x-sluice-provider, x-sluice-attempts. */
void	reply_provider(struct exchange *);

/*
 * Is a field of this name told of a limit of ours? A provider's own is not
 * passed on, then.
 */
bool	reply_owns_field(const struct exchange *, const char *name, size_t n);

/* The rest of a complete answer; BODY is emptied. */
void	reply_body(struct exchange *, const char *content_type,
	    struct buf *body);

/* A complete JSON answer; BODY is emptied. None is sent with 204. */
void	reply_json(struct exchange *, int status, struct buf *body);

/*
 * A complete OpenAI error object (Anthropic's on its routes). TEXT overrides the
 * error's own sentence, NULL keeps it; what a limit has refused is told by the
 * limit. An answer whose head has already been sent is broken off instead.
 */
void	reply_error(struct exchange *, enum err, const char *text);

/* The error object alone, in the shape of the exchange's route. */
enum err reply_format_error(struct buf *out, const struct exchange *, enum err,
	    const char *text);
#endif
