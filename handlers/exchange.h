/* exchange.h - one request on its way through route, gate, handler and settle. */
#ifndef HANDLERS_EXCHANGE_H
#define HANDLERS_EXCHANGE_H

#include <stdbool.h>

#include <uv.h>

#include "base/json.h"
#include "base/spool.h"
#include "fcgi/request.h"
#include "gateway/call.h"
#include "gateway/snapshot.h"
#include "handlers/path.h"
#include "store/journal.h"
#include "upstream/client.h"

/* What all requests of a process share. */
struct app {
	uv_loop_t	*loop;
	struct client	 client;
	struct journal	 journal;
	struct snapshot	*snapshot;	/* the current one; replaced by a reload */
};

/* Members of a request body that the gateway acts on. */
enum member { MEMBER_MODEL, MEMBER_STREAM, MEMBER__MAX };

struct route;

struct exchange {
	struct app	*app;
	struct request	*request;
	const struct route *route;	/* NULL until routed */
	struct call	 call;
	struct path	 path;
	const char	*credential;	/* what the client showed, or NULL; never logged */
	const char	*origin;	/* allowed CORS origin to be told, or NULL */
	struct spool	 body;
	struct json_scan *scan;		/* JSON routes */

	/* Set by a handler whose answer takes time; STATE is its own. */
	void		*state;
	void		(*writable)(struct exchange *);
	void		(*cancel)(struct exchange *);	/* the client has left: stop work */
	void		(*release)(struct exchange *);	/* last: free what state holds */
};

/* The handler side of the front edge. The app is set once, before the loop runs. */
void	exchange_set_app(struct app *);
extern const struct request_handler exchange_handler;
#endif
