/* request.h - one request at the front edge, and the handler's side of it. */
#ifndef FCGI_REQUEST_H
#define FCGI_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "fcgi/params.h"
#include "fcgi/response.h"

struct request {
	struct arena	 arena;		/* everything of this request lives here */
	struct params	 params;
	struct response	 response;
	bool		 has_length;	/* a CONTENT_LENGTH was given */
	uint64_t	 content_length;	/* bytes */
	uint64_t	 received;	/* body bytes so far */
	bool		 gone;		/* the client has left */
	bool		 is_busy;	/* set by body, cleared by resume: no more of the body can be taken yet */
	enum err	 err;		/* not ERR_NONE: params could not be read and are empty */
	void		*state;		/* the handler's */
	void		(*tap)(struct request *, const char *, size_t);	/* sees every body byte of the answer, or NULL */
	void		(*changed)(struct request *);	/* private: the edge looks at response again */
};

/*
 * What handlers/ does with requests. Callbacks come from the loop, in this
 * order: head, body..., body_end, then writable and gone as they happen, end
 * last. Before end the handler must have called request_end or request_abort;
 * it may do so at any time after head, also before the body is complete: the
 * rest is then discarded and neither body nor body_end follow. gone may come
 * at any time after head. While the request is busy, resume is called once in
 * each turn of the loop, and neither body nor body_end but for a timeout.
 */
struct request_handler {
	void	(*head)(struct request *);	/* parameters are complete */
	void	(*body)(struct request *, const char *, size_t);
	void	(*resume)(struct request *);
	void	(*body_end)(struct request *, enum err);	/* ERR_NONE, ERR_BODY_TRUNCATED, ERR_REQUEST_TIMEOUT */
	void	(*writable)(struct request *);	/* response is no longer full */
	void	(*gone)(struct request *);	/* once: nobody reads the answer; end it now, or when drained */
	void	(*end)(struct request *);	/* once, last: release what state holds; the arena goes after it */
};

/*
 * Read the parameters that every request has (CONTENT_LENGTH). ERR_BAD_REQUEST
 * when it is not a number.
 */
enum err request_init_length(struct request *);

/* response_write, response_end and response_abort for handlers. */
enum err request_write(struct request *, const void *, size_t n);
void	request_end(struct request *, const void *, size_t n);
void	request_abort(struct request *);
#endif
