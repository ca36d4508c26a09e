/* conn.h - one connection from the web server: FastCGI, or CGI's stdin and stdout. */
#ifndef FCGI_CONN_H
#define FCGI_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/buf.h"
#include "fcgi/front.h"
#include "fcgi/record.h"
#include "fcgi/request.h"

enum conn_state {
	CONN_IDLE,		/* no request yet, or none since the last */
	CONN_PARAMS,
	CONN_BODY,
	CONN_ANSWER		/* the whole request was read */
};

enum { CONN_ARENA_BYTES = 4096, CONN_READ_BYTES = 65536 };

struct conn {
	struct conn	*next, **link;		/* in front->conns */
	struct conn	*next_due;		/* in front->due */
	bool		 due, closed;
	struct front	*front;
	enum conn_state	 state;
	bool		 cgi;
	bool		 until_eof;		/* CGI body of unknown length */
	bool		 keep;			/* FCGI_KEEP_CONN */
	bool		 active;		/* the handler has a request: head was called, end not yet */
	bool		 answered;		/* the handler has ended its answer */
	bool		 was_full;		/* the handler waits for writable() */
	bool		 lingering;		/* answered early: the rest of the request is discarded */
	bool		 shut;			/* our side was shut down */
	bool		 lost;			/* nothing can be read or written any more */
	uint16_t	 id;			/* FastCGI request id */
	uint64_t	 since_ms;		/* loop time at which this request began to arrive */
	uint64_t	 progress_ms;		/* loop time of the last byte in or out */
	uint64_t	 discarded;		/* bytes */
	struct record_reader reader;
	struct buf	 params;		/* content of PARAMS records */
	struct buf	 small;			/* content of BEGIN and management records */
	struct buf	 leftover;		/* bytes of the next request, or of one that is busy */
	struct request	 request;
	struct hangup_watch watch;
	int		 in_fd, out_fd;		/* the same but for CGI */
	uv_poll_t	 in_poll, out_poll;	/* FastCGI needs the first alone */
	int		 in_events, out_events;	/* in force */
	bool		 in_open, out_open;	/* handle is initialised */
	bool		 in_file, out_file;	/* cannot be polled: a regular file */
	int		 handles;		/* open libuv handles */
};

/* Take FD over and read from it at once. */
void	conn_open(struct front *, int fd);

/* The one CGI request of this process. */
void	conn_open_cgi(struct front *);

/* Called once a second: deadlines. */
void	conn_sweep(struct conn *, uint64_t now_ms);

/* Called in each turn of the loop while a request is busy. */
void	conn_resume(struct conn *);

/* Called before the loop waits, for every connection on front->due. */
void	conn_attend(struct conn *);

/* Something about C changed that conn_attend has to look at. */
void	conn_set_due(struct conn *);

/* Watch the descriptors for what can happen now. */
void	conn_update(struct conn *);

/* Nothing can be read or written any more. */
void	conn_lose(struct conn *);

/* The answer is written: is it the last on this connection? */
void	conn_answer_sent(struct conn *);

/* request.changed: the handler wrote something or ended its answer. */
void	conn_changed(struct request *);

/* Parts of a request, as the readers (intake.c, cgi.c) find them. */
void	conn_take_head(struct conn *);		/* request.params is filled */
void	conn_take_body(struct conn *, const char *, size_t);
void	conn_take_end(struct conn *, enum err);
void	conn_take_gone(struct conn *);

/* A new request begins although the last one's body never ended (answered early). */
void	conn_begin_again(struct conn *);

/* intake.c: take N bytes of FastCGI records. False: the stream is bad. */
bool	intake_feed(struct conn *, const char *, size_t n);
#endif
