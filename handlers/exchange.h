/* exchange.h - one request on its way through route, gate, handler and settle. */
#ifndef HANDLERS_EXCHANGE_H
#define HANDLERS_EXCHANGE_H

#include <stdbool.h>

#include <uv.h>

#include "base/json.h"
#include "base/multipart.h"
#include "base/spool.h"
#include "fcgi/request.h"
#include "gateway/call.h"
#include "gateway/snapshot.h"
#include "handlers/credentials.h"
#include "handlers/path.h"
#include "store/store.h"
#include "store/journal.h"
#include "store/live.h"
#include "store/state.h"
#include "upstream/client.h"

struct admin_job;
struct catalog;

/* Work for administrators: only a few at once, so that other work has its turn. */
struct admin_queue {
	unsigned	 running;
	struct admin_job *first, *last;	/* those that wait */
};

/* What all requests of a process share. */
struct app {
	uv_loop_t	*loop;
	struct client	 client;
	struct journal	 journal;
	struct db	*db;		/* on the thread pool only */
	struct snapshot	*snapshot;	/* the current one; replaced by a reload */
	struct key_list	*keys;		/* of the store; replaced when they change; NULL: none */
	struct prompt_list *prompts;	/* likewise */
	struct managed_list *managed;	/* likewise */
	struct salts	*salts;		/* likewise, but no request keeps them */
	bool		 keys_unread;	/* there may be some: the store cannot be read */
	struct store_watch *watch;	/* what replaces them */
	void		(*join)(struct app *);	/* compile the snapshot anew, with MANAGED; NULL: before there is one */
	struct state	*state;
	struct catalog	*catalog;	/* what providers with a wildcard have */
	struct live	 live;		/* the requests that are being served */
	struct admin_queue admin_queue;
	uint64_t	 held_bytes;	/* of streams that are held to their end */
	unsigned	 drains;	/* upstreams that are read to their end without a client */
};

/*
 * Members of a request body that the gateway acts on; the first ones as form
 * fields, too.
 */
enum member {
	MEMBER_MODEL, MEMBER_STREAM, MEMBER_STREAM_OPTIONS,
	MEMBER_PROMPT_CACHE_KEY, MEMBER_USER, MEMBER_FORM__MAX,
	MEMBER_MAX_COMPLETION = MEMBER_FORM__MAX, MEMBER_MAX_TOKENS,
	MEMBER_MAX_OUTPUT, MEMBER_N, MEMBER_BEST_OF,
	MEMBER_MESSAGES, MEMBER_INSTRUCTIONS, MEMBER_SYSTEM, MEMBER_METADATA,
	MEMBER__MAX
};

/* Their names. */
extern const char *const exchange_members[MEMBER__MAX];

struct background;
struct capture;
struct decoding;
struct payment;
struct route;
struct store_watch;

struct exchange {
	struct app	*app;
	struct request	*request;
	const struct route *route;	/* NULL until routed */
	struct call	 call;
	struct path	 path;
	struct credentials credentials;	/* what the client shows; never logged */
	const char	*origin;	/* allowed CORS origin to be told, or NULL */
	const char	*param;		/* the member that an error is about, or NULL: as always */
	unsigned	 retry_after_s;	/* to be told with an error; 0 = nothing */
	struct live_place live;		/* where others see it */
	uint64_t	 caller, salt;	/* by what it is sticky; 0: it is not */
	struct spool	 body;
	bool		 coding_known;	/* the Content-Encoding was looked at */
	struct decoding	*decoding;	/* while the body is decoded; see receive.c */
	bool		 body_begun;
	const char	*content_type;	/* of the body, as a provider is told; NULL: there is no body */
	struct json_scan *scan;		/* of a JSON body, or NULL */
	struct multipart_scan *multipart; /* of a form, or NULL */

	struct capture	*capture;	/* log.bodies, or NULL */
	struct background *background;	/* work on the thread pool, or NULL */

	/* Set by a handler whose answer takes time; STATE is its own. */
	void		*state;
	void		(*writable)(struct exchange *);
	void		(*cancel)(struct exchange *);	/* the client has left: stop work, or set drains */
	bool		 drains;	/* the handler goes on without a client, and calls request_abort itself */
	void		(*release)(struct exchange *);	/* last: free what state holds */

	struct payment	*paid;		/* what is paid for when this is settled, or NULL */

	/* What a family of routes keeps beside the relay whose state that is. */
	void		*extra;
	void		(*release_extra)(struct exchange *);	/* NULL: nothing to free */
};

/* The body has been read: its scans are of no more use and are freed. */
void	exchange_forget_scan(struct exchange *);

/*
 * Does the client speak Anthropic's API? Where a path belongs to no dialect, such
 * as /v1/models, its header anthropic-version says so.
 */
bool	exchange_is_anthropic(const struct exchange *);

/* Who asks, as a short text that reveals nothing of the key; "" when open. */
const char *exchange_key_id(const struct exchange *);

/* A provider is asked for it. */
void	exchange_note_target(struct exchange *, const struct target *);

/* A byte of the answer goes to the client. */
void	exchange_note_byte(struct exchange *);

/* The handler side of the front edge. The app is set once, before the loop runs. */
void	exchange_set_app(struct app *);
extern const struct request_handler exchange_handler;
#endif
