/* client.h - libcurl's multi interface on the process's event loop. */
#ifndef UPSTREAM_CLIENT_H
#define UPSTREAM_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>
#include <uv.h>

#include "base/err.h"
#include "upstream/sockets.h"

enum { CLIENT_SPARE_MAX = 8 };

/* One per process: warm connections and the DNS cache are shared by all attempts. */
struct client {
	uv_loop_t	*loop;
	CURLM		*multi;
	uv_timer_t	 timer;
	struct sockets	 sockets;
	CURL		*spare[CLIENT_SPARE_MAX];	/* their options are set already */
	unsigned	 spare_count;
	unsigned	 callbacks;	/* libcurl's that are being answered right now */
};

/* One transfer; embedded by its owner, found through CURLOPT_PRIVATE. */
struct client_transfer {
	CURL		*easy;		/* by client_take */
	void		(*done)(struct client_transfer *, CURLcode);	/* once; easy is out of the multi by then */
	struct socket_use use;
	unsigned	 sends;		/* how often its request was begun, or was about to be */
	bool		 is_stopped;	/* by client_stop */
	bool		 is_fresh;	/* by client_replace */

	/* private */
	bool		 is_kept;	/* the last connection had served another request */
	bool		 wants_fresh;	/* libcurl chose one that will not do */
	struct client	*client;
};

/* ERR_INTERNAL when libcurl cannot be set up. */
enum err client_open(struct client *, uv_loop_t *);
void	client_close(struct client *);

/*
 * A handle of the caller's for transfers of this client: where SPARE allows it
 * one that was used before, with the options that it had then; or a fresh one.
 * NULL when libcurl has no memory.
 */
CURL	*client_take(struct client *, bool spare, bool *is_fresh);

/*
 * Take back a handle whose transfer came to a good end, for another to use (8 %
 * of a request's instructions). Nothing that it points to may be used again.
 */
void	client_give(struct client *, CURL *);

/* Free the spare handles: each keeps its receive buffer. */
void	client_trim(struct client *);

/* Start T, whose easy stays the caller's. ERR_INTERNAL when libcurl refuses. */
enum err client_start(struct client *, struct client_transfer *);

/*
 * T is done with CODE, and its owner has heard nothing of an answer. Has it
 * failed for its connection alone, and may start over with a fresh one?
 *
 * A provider may close a connection that it has kept at any time, also while the
 * next request is on its way (RFC 9112, section 9.5). Nobody can tell then
 * whether it has read the request; that it has worked on it and closed without a
 * byte is the unlikely case. RFC 9110, section 9.2.2, leaves it to who knows the
 * methods' meaning to repeat what is not idempotent: a question to a model may be
 * asked twice, while an error for nothing is what the client would notice. So
 * each method is repeated, once; by a fresh connection, which cannot have the
 * same fault; and never after the first line of an answer, nor for silence.
 */
bool	client_may_replace(const struct client_transfer *, CURLcode);

/* Then do so. ERR_INTERNAL when libcurl refuses. Not from a curl callback. */
enum err client_replace(struct client *, struct client_transfer *);

/*
 * Nothing more of T's request goes out, and none at all where it has not begun
 * to. libcurl has it and its buffers until client_remove, or done. From anywhere.
 */
void	client_stop(struct client_transfer *);

/* Take a started transfer out; done is not called. Not from a curl callback. */
void	client_remove(struct client *, struct client_transfer *);

/* Go on with a paused transfer. Not from a curl callback; may call its write callback. */
void	client_resume(struct client *, struct client_transfer *);
#endif
