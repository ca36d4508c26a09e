/* estimate.h - what a request may come to consume, before anybody knows. */
#ifndef HANDLERS_ESTIMATE_H
#define HANDLERS_ESTIMATE_H

#include "gateway/limit.h"
#include "handlers/body.h"

/*
 * Four bytes of a JSON body and of the prompt that goes with it are a token of
 * input, but for what is no text (base/media.h); a form is none. Output is what the
 * body allows for each of the answers that it asks for, or where it does not say
 * ESTIMATE_OUTPUT_TOKENS, on routes that generate text. It costs what TARGET says.
 */
enum { ESTIMATE_OUTPUT_TOKENS = 1024 };

/* The input alone, of a body that has BYTES as it goes to the provider. */
uint64_t estimate_input(const struct body *, uint64_t bytes);

struct limit_ask estimate_make(const struct exchange *, const struct body *,
	    const struct target *);
#endif
