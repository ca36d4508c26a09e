/* client.h - libcurl's multi interface on the process's event loop. */
#ifndef UPSTREAM_CLIENT_H
#define UPSTREAM_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>
#include <uv.h>

#include "base/err.h"

struct client_socket;

enum { CLIENT_SPARE_MAX = 8 };

/* One per process: warm connections and the DNS cache are shared by all attempts. */
struct client {
	uv_loop_t	*loop;
	CURLM		*multi;
	uv_timer_t	 timer;
	struct client_socket **sockets;	/* by descriptor */
	size_t		 socket_slots;
	CURL		*spare[CLIENT_SPARE_MAX];	/* their options are set already */
	unsigned	 spare_count;
	unsigned	 callbacks;	/* libcurl's that are being answered right now */
};

/* One transfer; embedded by its owner, found through CURLOPT_PRIVATE. */
struct client_transfer {
	CURL		*easy;
	bool		 shares;	/* HTTP/2: others may use its connection */
	bool		 paused;	/* its write callback has said so: the connection is quiet, not idle */
	void		(*done)(struct client_transfer *, CURLcode);	/* once; easy is out of the multi by then */
};

/* ERR_INTERNAL when libcurl cannot be set up. */
enum err client_open(struct client *, uv_loop_t *);
void	client_close(struct client *);

/*
 * A handle of the caller's: one that was used before, with the options that it
 * had then, or a fresh one. NULL when libcurl has no memory.
 */
CURL	*client_take(struct client *, bool *is_fresh);

/*
 * Take back a handle whose transfer came to a good end, for another to use (8 %
 * of a request's instructions). Nothing that it points to may be used again.
 */
void	client_give(struct client *, CURL *);

/* Free the spare handles: each keeps its receive buffer. */
void	client_trim(struct client *);

/*
 * Give T->easy (which stays the caller's) the options that make it a member of
 * this client and start it. ERR_INTERNAL when libcurl refuses.
 */
enum err client_start(struct client *, struct client_transfer *);

/* Take a started transfer out; done is not called. Not from a curl callback. */
void	client_remove(struct client *, struct client_transfer *);

/* Go on with a paused transfer. Not from a curl callback; may call its write callback. */
void	client_resume(struct client *, struct client_transfer *);
#endif
