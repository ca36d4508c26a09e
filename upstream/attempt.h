/* attempt.h - one try at one target, from request bytes to last answer byte. */
#ifndef UPSTREAM_ATTEMPT_H
#define UPSTREAM_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

#include "base/buf.h"
#include "base/err.h"
#include "upstream/client.h"

/* What is asked for. Everything is borrowed and outlives the attempt. */
struct attempt_request {
	const char	*method;	/* "GET", "POST" */
	const char	*url;		/* http or https */
	const char	*proxy;		/* NULL or "" = none, whatever the environment says */
	const char	*ca_text;	/* PEM of the authorities to trust; NULL = the system's */
	size_t		 ca_text_bytes;
	bool		 http2;
	bool		 stream;	/* the client asked for a stream */
	struct curl_slist *headers;	/* complete lines */
	bool		 has_body;	/* of body_len bytes, which may be 0 */
	const char	*body;		/* all of it, or NULL: body_read gives it */
	uint64_t	 body_len;
	ssize_t		(*body_read)(void *arg, uint64_t offset, void *, size_t);	/* bytes, or -1 */
	void		*body_arg;
	unsigned	 connect_ms;
	unsigned	 headers_ms;	/* 0 = only total counts */
	unsigned	 first_token_ms; /* 0 = none; counts for streams alone */
	unsigned	 idle_ms;	/* between two reads of the answer's body */
	unsigned	 total_ms;
};

struct attempt;

/* Where the answer goes. Called from the loop. */
struct sink {
	/* The head is complete: status, content_length, attempt_next_field. */
	void	(*head)(void *arg, struct attempt *);
	/* N body bytes. False: take no more until attempt_resume. */
	bool	(*data)(void *arg, const char *, size_t n);
	/* Once, last; ERR_NONE = the answer is complete. Not after attempt_cancel. */
	void	(*done)(void *arg, enum err);
	void	*arg;
};

struct attempt {
	/* the answer */
	int		 status;	/* 0 = no head yet */
	int64_t		 content_length; /* bytes, -1 = not told */
	bool		 close_delimited; /* only the connection's end marks the end */

	/* private */
	struct client_transfer transfer;
	struct client	*client;
	const struct attempt_request *request;
	struct sink	 sink;
	uv_timer_t	 timer;
	bool		 in_callback, cancelled, running;
	bool		 is_plain, is_clean;	/* its handle may be used again */
	bool		 in_head, head_done, token_seen;
	bool		 paused, want_pause;
	uint64_t	 body_offset;
	uint64_t	 start_ms, last_ms; /* loop time: of the start, of the last byte either way */
	size_t		 header_bytes;
	enum err	 failure;	/* known better than libcurl's code says */
	char		 detail[CURL_ERROR_SIZE];	/* libcurl's */
	struct buf	 fields;	/* as in head.h, until attempt_drop_fields */
};

/*
 * Start. Returns NULL when libcurl refuses. Which of the five timeouts fired is
 * told apart as DESIGN section 7.1 says. Redirects are never followed.
 */
struct attempt *attempt_start(struct client *, const struct attempt_request *,
	    const struct sink *);

/*
 * Walk the answer's fields, from head on until they are dropped, as
 * head_next_field does: not those of its connection alone.
 */
bool	attempt_next_field(const struct attempt *, size_t *at,
	    const char **name, size_t *name_len, const char **value,
	    size_t *value_len);

/* True when all of the request's body has gone out. */
bool	attempt_has_sent(const struct attempt *);

/*
 * True while libcurl may still look at the request's body. Also of a cancelled
 * attempt, until the loop has turned.
 */
bool	attempt_reads_body(const struct attempt *);

/*
 * True when the request, or its beginning, has been sent: a provider may be
 * working on it.
 */
bool	attempt_is_asked(const struct attempt *);

/*
 * What libcurl says of why it failed, "" if nothing: of one line, with names of
 * hosts and maybe of a certificate's owner, which the provider chose. From done
 * on.
 */
const char *attempt_detail(const struct attempt *);

/* The sink takes bytes again. */
void	attempt_resume(struct attempt *);

/* A content token went by: from now on only idle and total count. */
void	attempt_note_token(struct attempt *);

/* The fields are of no more use: a stream need not carry them along. */
void	attempt_drop_fields(struct attempt *);

/* From head or data alone: take no more, and let done say ERR. */
void	attempt_fail(struct attempt *, enum err);

/* Stop at once; done is not called. Allowed in any sink's callback. NULL is fine. */
void	attempt_cancel(struct attempt *);

/* Release, cancelling first. Allowed in done, not in head and data. NULL is fine. */
void	attempt_free(struct attempt *);
#endif
