/* receive.h - a request's body as it arrives: decoded, scanned, kept.
 *
 * What it says is read here and nowhere else before it goes on, so a provider must
 * read it in no other way: what could be is refused, and what the body is called
 * upstream (content_type) follows from how it was read.
 */
#ifndef HANDLERS_RECEIVE_H
#define HANDLERS_RECEIVE_H

#include "handlers/exchange.h"

/* Once, before the first body. */
void	receive_init(void);

/* How many bytes the body of X may have, as it comes and decoded. */
uint64_t receive_max_bytes(const struct exchange *x);

/* The front edge's callbacks of these names. What is wrong is answered at once. */
void	receive_body(struct exchange *, const char *, size_t n);
void	receive_resume(struct exchange *);

/* The body is complete, or ERR says why not: it goes to the route's handler. */
void	receive_end(struct exchange *, enum err);

/* Free what belongs to the receiving alone. */
void	receive_release(struct exchange *);
#endif
