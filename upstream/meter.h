/* meter.h - what an answer says that it consumed, read along while it passes. */
#ifndef UPSTREAM_METER_H
#define UPSTREAM_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/usage.h"
#include "upstream/peek.h"

/* No bucket is larger: what every reader of JSON numbers can count exactly. */
#define METER_TOKENS_MAX (UINT64_C(1) << 53)

/* What providers count, by the names of OpenAI and Anthropic. */
enum meter_count {
	METER_PROMPT,			/* with what was cached */
	METER_INPUT,			/* /v1/responses: with it; Anthropic: without */
	METER_COMPLETION,
	METER_OUTPUT,
	METER_TOTAL,
	METER_CACHED,			/* among METER_PROMPT or METER_INPUT */
	METER_CACHE_READ,
	METER_CACHE_WRITE,
	METER_REASONING,		/* among METER_COMPLETION or METER_OUTPUT */
	METER__MAX
};

/*
 * Each count is the largest one that was told, so that a later 0 erases nothing.
 * A number that is not a whole one from 0 to METER_TOKENS_MAX tells nothing, nor
 * do zeros alone where the answer has output.
 */
struct meter {
	bool		 usage_only;	/* what meter_is_usage_only says of the last event */

	/* private */
	struct peek	 answer;	/* one that is no stream, or a stream's long event */
	uint64_t	 output_bytes;
	uint64_t	 media_tokens;	/* of events; the answer has its own */
	uint64_t	 counts[METER__MAX];
	bool		 is_known[METER__MAX];
	bool		 is_begun;	/* the output's count is that of a stream's beginning */
	bool		 has_words;	/* an event had output */
};

void	meter_init(struct meter *);
void	meter_fini(struct meter *);

/* One event of a stream: all of its data. */
void	meter_event(struct meter *, const char *data, size_t n);

/*
 * The same for an event that is too long to keep: N bytes of its data, in order,
 * any number of times, and then its end. Keeps none but an open usage object's.
 */
void	meter_event_piece(struct meter *, const char *bytes, size_t n);
void	meter_event_end(struct meter *);

/* N bytes of an answer that is no stream, in order. Keeps as little. */
void	meter_feed(struct meter *, const char *bytes, size_t n);

/*
 * What it comes to so far. INPUT_TOKENS: an estimate, for where the provider does
 * not tell it; COUNTS: such a call has tokens at all, so there is something to
 * estimate. Of the output four bytes are a token, pictures and sound count by
 * base/media.h, and vectors nothing.
 */
void	meter_usage(const struct meter *, uint64_t input_tokens, bool counts,
	    struct usage *);

/*
 * Is an event's DATA a chunk that carries only usage: "choices" is an empty list
 * and "usage" an object? It is what a client that did not ask for it never sees.
 */
bool	meter_is_usage_only(const char *data, size_t n);
#endif
