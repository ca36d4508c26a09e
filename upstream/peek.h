/* peek.h - what matters in a JSON answer, found in one pass that builds nothing. */
#ifndef UPSTREAM_PEEK_H
#define UPSTREAM_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { PEEK_OBJECT_MAX = 8 * 1024 };	/* a longer "usage" is no usage */

/* Members of the top level that make something an answer. */
enum {
	PEEK_CHOICES = 1 << 0,
	PEEK_CONTENT = 1 << 1,
	PEEK_OUTPUT = 1 << 2,
	PEEK_DATA = 1 << 3,
	PEEK_EMBEDDINGS = 1 << 4,
	PEEK_RESULTS = 1 << 5,
	PEEK_INPUT_TOKENS = 1 << 6,
	PEEK_OUTPUTS = (1 << 7) - 1,
	PEEK_REASON = 1 << 7		/* what error objects of many kinds are made of */
};

/*
 * Follows strings and brackets, nothing else: what is no JSON gives nonsense,
 * never a fault. Names are compared as they are written; no provider escapes
 * letters in them. What is inside a string is never taken for a member, for
 * its quotes have backslashes.
 */
struct peek {
	/*
	 * Set after peek_init, or NULL. Called with the text of each object that
	 * is called "usage" and is a member of the answer, of its "response",
	 * "message" or "x_groq", or of one of its choices. IN_MESSAGE: of its
	 * "message", which is how a stream of /v1/messages begins.
	 */
	void		(*usage)(void *arg, const char *object, size_t n,
			    bool in_message);
	void		*arg;

	/* what was found so far */
	uint64_t	 output_bytes;	/* of strings with a model's output, as they are written */
	uint64_t	 media_bytes;	/* of strings with pictures or sound, which are no words... */
	uint64_t	 media_tokens;	/* ...but stand for so many tokens */
	unsigned	 members;	/* PEEK_...: those that are not null */
	char		 first;		/* byte that is no white space; 0 = none yet */
	bool		 has_usage;	/* the top level's "usage" is an object */
	bool		 has_choices;	/* there is an object in the top level's "choices" */
	bool		 has_finish;	/* the finish_reason of a choice is not null */
	bool		 has_error;	/* top level: "error" is neither null nor false, or "type" says so */
	bool		 has_vectors;	/* a member is called "embedding" */
	bool		 ends_part;	/* an event of /v1/responses or /v1/messages that completes a part of the answer */
	bool		 is_summary;	/* an event of /v1/responses that is no delta: it repeats output */

	/* private */
	struct buf	 object;	/* the usage that earlier bytes began */
	size_t		 object_start;	/* where it begins in the bytes at hand */
	unsigned	 object_depth;	/* 0 = none is open */
	unsigned	 depth;		/* open brackets */
	uint8_t		 top;		/* the member of the top level that is open */
	uint8_t		 name;		/* the last string that is no value */
	uint8_t		 key;		/* whose value is read, or comes next */
	bool		 value_next;	/* a colon was the last token */
	bool		 in_string, in_value, escaped;
	bool		 in_message, too_long;
	size_t		 string_bytes;	/* of the open string so far */
	bool		 is_closed;	/* the first bracket has its other one */
	bool		 has_rest;	/* and more than white space follows it */
	uint8_t		 word_len;
	char		 word[48];	/* beginning of a string that came in pieces */
};

void	peek_init(struct peek *);
void	peek_fini(struct peek *);
void	peek_feed(struct peek *, const char *bytes, size_t n);

/* Was it, by its brackets and quotes, one object or list, and nothing else? */
bool	peek_is_whole(const struct peek *);

/* How many of the first N bytes of a text are white space or a byte order mark. */
size_t	peek_skip_begin(const char *bytes, size_t n);

/*
 * True when there is nothing to be found in all of an event but output, as in
 * nearly every event of a stream, and maybe choices; then OUTPUT_BYTES is what
 * a peek would say, for a fifth of the price. False: it takes a peek.
 */
bool	peek_glance(const char *data, size_t n, uint64_t *output_bytes);
#endif
