/* as_chunks.h - a chat answer that is no stream, as the chunks of one. */
#ifndef HANDLERS_AS_CHUNKS_H
#define HANDLERS_AS_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * Append to OUT what a stream of the answer JSON (N bytes, of
 * /v1/chat/completions or /v1/completions) would have said: for each choice a
 * chunk with all of its message as the delta, then its usage if WANTS_USAGE, then
 * [DONE] (OpenAI's description of chat.completion.chunk). False: it is no such
 * answer, or OUT is full.
 */
bool	as_chunks_put(struct buf *out, const char *json, size_t n,
	    bool wants_usage);
#endif
