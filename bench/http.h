/* http.h - as much HTTP/1.1 parsing as the measuring tools need. */
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_head {
	size_t		 bytes;		/* up to and including the empty line */
	int		 status;	/* 0: this is a request */
	int64_t		 length;	/* -1: no Content-Length */
	bool		 chunked;
	bool		 close;		/* Connection: close */
};

enum http_step { HTTP_MORE, HTTP_DONE, HTTP_BAD };

/* Read a request's or response's head from the LEN bytes at BUF. */
enum http_step	http_parse(const char *buf, size_t len, struct http_head *);

enum http_body_state {
	HTTP_BODY_SIZE,
	HTTP_BODY_DATA,
	HTTP_BODY_DATA_END,
	HTTP_BODY_TRAILER,
	HTTP_BODY_PLAIN,
	HTTP_BODY_TO_EOF,
	HTTP_BODY_END
};

/* Where the decoder of one message body stands. */
struct http_body {
	enum http_body_state state;
	uint64_t	 left;		/* of the chunk or of the whole */
	unsigned	 line;		/* bytes in the current size or trailer line */
	bool		 in_digits;
};

typedef void http_body_fn(void *arg, const char *buf, size_t len);

void	http_body_init(struct http_body *, const struct http_head *);

/*
 * Decode the LEN bytes at BUF and hand what is body to SINK with ARG. *USED is
 * less than LEN only where the body ended. A body without a length never ends
 * here: its connection's end is its end.
 */
enum http_step	http_body_feed(struct http_body *, const char *buf, size_t len,
		    size_t *used, http_body_fn *sink, void *arg);
#endif
