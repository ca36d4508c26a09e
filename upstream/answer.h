/* answer.h - what a good answer looks like, for each kind of call.
 *
 * Providers and the proxies before them say 200 to much that is no answer: an
 * error page, an error object, nothing, the first half of something. It is told
 * by first bytes and by the members of the top level, which cost nothing more,
 * since the meter's peek reads all of it anyway.
 */
#ifndef UPSTREAM_ANSWER_H
#define UPSTREAM_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "upstream/peek.h"

/* A column of the table of routes. */
enum answer_kind {
	ANSWER_JSON,			/* an object or a list, whatever is in it */
	ANSWER_CHAT,			/* /v1/chat/completions, /v1/completions */
	ANSWER_MESSAGE,			/* /v1/messages */
	ANSWER_RESPONSE,		/* /v1/responses */
	ANSWER_COUNT,			/* of tokens */
	ANSWER_VECTORS,			/* JSON, or bytes (vLLM's encoding_format) */
	ANSWER_TEXT,			/* JSON, text, or none of it: nobody has spoken */
	ANSWER_AUDIO,			/* any bytes */
	ANSWER_ANY,			/* not even some: what is no call of a model */
	ANSWER__MAX
};

/* What a body is by its Content-Type, or by its first bytes. */
enum answer_form {
	ANSWER_FORM_UNKNOWN,		/* it has none; it takes more bytes to tell */
	ANSWER_FORM_JSON,
	ANSWER_FORM_EVENTS,		/* server-sent ones */
	ANSWER_FORM_HTML,
	ANSWER_FORM_TEXT,
	ANSWER_FORM_OTHER
};

/* By a Content-Type of N bytes. */
enum answer_form answer_form_of_type(const char *type, size_t n);

/*
 * By the first N bytes of a body: UNKNOWN, JSON, EVENTS (a line of a field or a
 * comment), HTML (or XML) or OTHER.
 */
enum answer_form answer_form_of_bytes(const char *bytes, size_t n);

/*
 * What a body that is no error's by its status is to be treated as, whose head
 * says TYPE and whose first bytes are BYTES. IS_STREAM: the client asked for
 * one. ANSWER_FORM_UNKNOWN: it is no answer to such a call, or BYTES is UNKNOWN
 * and they matter.
 */
enum answer_form answer_form_find(enum answer_kind, bool is_stream,
	    enum answer_form type, enum answer_form bytes);

/* May a body of that TYPE be empty? */
bool	answer_may_be_empty(enum answer_kind, enum answer_form type);

/* Does its stream say when it is complete, by a finish reason or an event of its own? */
bool	answer_has_end(enum answer_kind);

enum answer_finding {
	ANSWER_IS_GOOD,
	ANSWER_IS_ERROR,		/* an error object, whatever the status */
	ANSWER_IS_BROKEN		/* no JSON, or only its beginning */
};

/* Of a JSON body that PEEK was fed to its end. */
enum answer_finding answer_judge(enum answer_kind, const struct peek *);

/* Of the beginning of one: an error, or good so far. */
enum answer_finding answer_judge_beginning(enum answer_kind, const struct peek *);
#endif
