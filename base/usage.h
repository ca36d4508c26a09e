/* usage.h - what a model call consumed. */
#ifndef BASE_USAGE_H
#define BASE_USAGE_H

#include <stdint.h>

enum usage_source {
	USAGE_NONE,			/* nothing was consumed, or the call has no tokens */
	USAGE_REPORTED,			/* the provider said so */
	USAGE_PARTIAL,			/* some of it; the rest is estimated */
	USAGE_ESTIMATED			/* four bytes a token */
};

/*
 * Disjoint: the buckets add up to what the provider calls the total. OpenAI's
 * prompt_tokens and completion_tokens include what was cached and reasoned,
 * Anthropic's input_tokens do not include the cache.
 */
struct usage {
	enum usage_source source;
	uint64_t	 input_tokens;	/* neither read from a cache nor written to it */
	uint64_t	 cache_read_tokens;
	uint64_t	 cache_write_tokens;
	uint64_t	 output_tokens;	/* without reasoning */
	uint64_t	 reasoning_tokens;
};
#endif
