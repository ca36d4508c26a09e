/* response.h - one answer to the web server: HEAD, BODY, DONE.
 *
 * The same object for FastCGI (framed records) and CGI (plain bytes). Never
 * blocks: what the descriptor does not take waits in a bounded buffer.
 */
#ifndef FCGI_RESPONSE_H
#define FCGI_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum response_state { RESPONSE_HEAD, RESPONSE_BODY, RESPONSE_DONE };

struct response {
	enum response_state state;
	int		 fd;		/* borrowed, non-blocking */
	uint16_t	 id;		/* FastCGI request id; 0 = CGI */
	bool		 no_body;	/* HEAD: count the body, do not send it */
	bool		 gone;		/* a write failed or the client is known to have left */
	bool		 whole;		/* all of the answer was taken by the descriptor, but perhaps END_REQUEST */
	bool		 broken;	/* ended by response_abort */
	int		 status;	/* 0 until response_begin */
	uint64_t	 body_bytes;	/* handed to response_write so far */
	uint64_t	 length;	/* of the body, where it is known before its end; RESPONSE_LENGTH_UNKNOWN */
	size_t		 high_water;	/* bytes; above it response_is_full */
	struct buf	 head;		/* header text until the first write */
	struct buf	 out;		/* framed bytes that the descriptor did not take */
	size_t		 tail;		/* so many of the last bytes are no answer: END_REQUEST */
};

#define RESPONSE_LENGTH_UNKNOWN	UINT64_MAX

/* ID 0 means CGI. HIGH_WATER (bytes) is limits.client_buffer. */
void	response_init(struct response *, int fd, uint16_t id,
	    size_t high_water);
void	response_fini(struct response *);

/*
 * Start the head ("Status: 200 OK", RFC 3875 section 6.3.3), then add fields.
 * A field whose value holds control characters is left out. The head goes out
 * together with the first body bytes, which two servers need (and two system
 * calls become one).
 */
void	response_begin(struct response *, int status);
void	response_field(struct response *, const char *name, const char *value);

/* The field Content-Length, of N bytes: when they are out, the answer is whole. */
void	response_length(struct response *, uint64_t n);

/* N more body bytes, and the client has all that it waits for: [DONE]. */
void	response_expect(struct response *, size_t n);

/* Take the head back: nothing of it has been sent yet. Only before the first write. */
void	response_reset(struct response *);

/*
 * Send N body bytes now. ERR_CLIENT_GONE when nobody reads any more; the call
 * is harmless then. Check response_is_full afterwards and stop until the
 * request's writable callback.
 */
enum err response_write(struct response *, const void *, size_t n);

/* The last N body bytes (may be 0) and the regular end. */
void	response_end(struct response *, const void *, size_t n);

/*
 * End without a regular end, so that the web server breaks the client's
 * connection instead of passing a cut answer off as complete.
 */
void	response_abort(struct response *);

/* True while at least high_water bytes wait for the client. */
bool	response_is_full(const struct response *);

/* True when something still waits to be written. */
bool	response_is_pending(const struct response *);

/* The descriptor is writable: send what waits. */
enum err response_flush(struct response *);
#endif
