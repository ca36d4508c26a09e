/* front.h - the front edge of one process: accepts, keeps and ends connections. */
#ifndef FCGI_FRONT_H
#define FCGI_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "fcgi/hangup.h"
#include "fcgi/request.h"

struct conn;

/* May change between requests (reload). */
struct front_limits {
	size_t		 client_buffer;	/* bytes that may wait for a slow client */
	uint64_t	 linger_bytes;	/* of an unread upload discarded after an early answer */
	unsigned	 intake_idle_ms;	/* longest silence while a request arrives */
	unsigned	 intake_total_ms;	/* longest time a request may take to arrive */
};

struct front {
	uv_loop_t	*loop;
	const struct request_handler *handler;
	struct front_limits limits;
	struct hangup	 hangup;
	void		(*stopped)(struct front *);	/* after front_stop, when the last request has ended */
	size_t		 active;	/* requests in the handler's hands */
	uint64_t	 served;	/* requests that have ended */

	/* private */
	int		 listen_fd;	/* -1 = CGI */
	bool		 is_tcp;
	const char	*peers;		/* FCGI_WEB_SERVER_ADDRS, or NULL = any */
	uv_poll_t	 listen_poll;
	uv_prepare_t	 prepare;
	uv_idle_t	 idle;		/* runs while a request is busy */
	uv_timer_t	 sweep;
	struct conn	*conns;		/* all */
	struct conn	*due;		/* to be looked at before the loop waits */
	size_t		 conn_count, conn_max;
	bool		 stopping, accepting;
	uint64_t	 stop_ms;	/* loop time of front_stop */
};

/*
 * True when fd 0 is a listening socket (FastCGI 1.0 section 2.2); otherwise the
 * process was started as CGI, also where fd 0 is a connected socket (mod_cgid).
 */
bool	front_is_fastcgi(void);

/* Prepare libfcgi (its signal handlers included: call before setting your own). */
void	front_init_library(void);

/*
 * Serve requests from LISTEN_FD, or, when that is -1, the one CGI request of
 * this process. HANDLER and LIMITS' values are taken as they are; set
 * front->stopped before the loop runs. Returns 0 or a negative libuv error.
 */
int	front_open(struct front *, uv_loop_t *, int listen_fd,
	    const struct request_handler *, const struct front_limits *,
	    unsigned probe_ms);

/* A request is busy: it goes on in the loop's next turn. */
void	front_set_busy(struct front *);

/* A connection has closed: one that waits may be accepted again. */
void	front_resume(struct front *);

/*
 * Accept no more; requests in flight finish, and connections that are idle close
 * a little later: on one of them a request may be on its way.
 */
void	front_stop(struct front *);
#endif
