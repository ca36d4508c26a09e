/* echo_text.h - what the demo upstream reads from a request and says about it. */
#ifndef HANDLERS_ECHO_TEXT_H
#define HANDLERS_ECHO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <yajl/yajl_tree.h>

#include "base/arena.h"
#include "base/buf.h"

enum { LIMIT_ECHO_BYTES = 64 << 20 };

/* "model" of the request, or "echo". In ARENA, like all texts here. */
const char *echo_text_model(struct arena *, yajl_val request);

/* The content of the last message: a string, or its text parts joined. */
const char *echo_text_last_message(struct arena *, yajl_val request);

/* "prompt": a string, or the first of an array. */
const char *echo_text_prompt(struct arena *, yajl_val request);

/* A made-up id that is the same for the same TEXT. */
const char *echo_text_id(struct arena *, const char *kind, const char *text);

size_t	echo_text_words(const char *text);

/* Member NAME as a whole number in 0..MAX, or OTHERWISE. */
long	echo_text_number(yajl_val request, const char *name, long otherwise,
	    long max);
bool	echo_text_flag(yajl_val request, const char *name);
bool	echo_text_wants_usage(yajl_val request);

/*
 * One embedding object for each input, made from its SHA-256: 16 numbers, or
 * as many as "dimensions" says (at most 4096), as an array or, with
 * "encoding_format": "base64", as little-endian floats. False: more than
 * NUMBERS_MAX in all, which would keep the loop too long.
 */
bool	echo_text_put_embeddings(struct buf *, yajl_val request);
#endif
