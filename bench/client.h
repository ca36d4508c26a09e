/* client.h - one HTTP/1.1 client connection of the load generator. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "bench/http.h"

struct client;

struct client_events {
	http_body_fn	*body;		/* ARG is the client; may be NULL */
	/*
	 * The answer is complete (status of its head), or it failed or was cut
	 * (status 0). A connection that does not last is closed by then.
	 */
	void		(*done)(struct client *, int status);
};

/* What all clients of a run send, and where to. */
struct client_target {
	struct sockaddr_in addr;
	char		*request;	/* owned: see client_target_init */
	size_t		 request_len;
	const struct client_events *events;
};

struct client {
	const struct client_target *target;
	uv_tcp_t	 tcp;
	uv_connect_t	 connect;
	uv_write_t	 write;
	char		 head[2048];
	size_t		 head_len;
	bool		 connected;
	bool		 in_flight;
	bool		 in_body;
	int		 status;	/* of the complete answer, else 0 */
	struct http_head info;
	struct http_body body;
	uint64_t	 begun_ns;	/* connect, or send on a kept connection */
};

/*
 * A chat completion for MODEL whose body is BODY bytes or a little more, to
 * PORT of this machine at PATH, with KEY as the bearer. False: out of memory.
 */
bool	client_target_init(struct client_target *, int port, const char *path,
	    const char *key, const char *model, size_t body);
void	client_target_fini(struct client_target *);

/* Send the request, on the connection of the last one where that is open. */
void	client_send(struct client *);
void	client_close(struct client *);
#endif
