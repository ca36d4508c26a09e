/* capture.h - what log.bodies keeps of a request and its answer for the journal. */
#ifndef HANDLERS_CAPTURE_H
#define HANDLERS_CAPTURE_H

#include "handlers/exchange.h"

enum { CAPTURE_MAX_BYTES = 131072 };	/* of each; the rest is left out and the line says so */

/* Start where the configuration asks for it. */
void	capture_begin(struct exchange *);

/* N bytes of the request's body. Harmless when nothing is captured. */
void	capture_request(struct exchange *, const char *, size_t n);

/* The answer is no text: do not keep it. */
void	capture_drop_answer(struct exchange *);

/*
 * Hand what was kept to the call, the keys of this request masked; of routes for
 * administrators nothing. Freed by capture_end.
 */
void	capture_give(struct exchange *);
void	capture_end(struct exchange *);
#endif
