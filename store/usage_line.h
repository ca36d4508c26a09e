/* usage_line.h - what a line of the journal says of usage. */
#ifndef STORE_USAGE_LINE_H
#define STORE_USAGE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { USAGE_TRIES_MAX = 16, USAGE_TEXT_SIZE = 256, USAGE_ID_SIZE = 64 };

/* More is taken for these; so sums of them do not overflow. */
#define USAGE_NUMBER_MAX	10000000000000		/* tokens, milliseconds */
#define USAGE_COST_MAX		1000000			/* units of money */
#define USAGE_NANO		1000000000		/* of a unit */

/* A request, or a try that consumed something for nothing. Texts may be "". */
struct usage_record {
	char		 provider[USAGE_TEXT_SIZE], target_model[USAGE_TEXT_SIZE],
			 outcome[USAGE_ID_SIZE], source[USAGE_ID_SIZE];
	int64_t		 status, duration_ms;
	int64_t		 first_token_ms;	/* -1: there was none */
	int64_t		 input_tokens, cache_read_tokens, cache_write_tokens,
			 output_tokens, reasoning_tokens;
	int64_t		 cost_nano;		/* -1: not known */

	/* of a request only */
	char		 id[USAGE_ID_SIZE], asctime[USAGE_ID_SIZE],
			 key_id[USAGE_ID_SIZE], model[USAGE_TEXT_SIZE],
			 path[USAGE_TEXT_SIZE];
	int64_t		 time_ms;		/* since 1970 */
	int64_t		 ttfb_ms;		/* -1: no byte was sent */
	bool		 stream, is_error;
};

struct usage_line {
	struct usage_record request;
	struct usage_record tries[USAGE_TRIES_MAX];
	unsigned	 try_count;	/* of all, also where it is more than that */
};

/*
 * Read a whole line (N bytes, without its newline). Unknown members are
 * ignored; texts are cut at the size of what they are copied to. False: it is no
 * line of ours, or has neither a model nor a provider, and so no usage.
 */
bool	usage_line_read(struct usage_line *, const char *line, size_t n);
#endif
