/* admin.h - what all routes for administrators have in common.
 *
 * The row of the route says which members the body may have and what the query
 * may say. The handler says what is to be done on the thread pool:
 *
 *	admin_run(admin_begin(x), add_channel);
 *
 * The work reads the job's values, and either puts the answer's JSON into its
 * body and a sentence for the audit, or fails.
 */
#ifndef HANDLERS_ADMIN_H
#define HANDLERS_ADMIN_H

#include "base/arena.h"
#include "base/buf.h"
#include "handlers/exchange.h"
#include "handlers/fields.h"

enum { ADMIN_BODY_MAX = 1 << 20, ADMIN_PARAMS_MAX = 2 };

/* Nothing in it belongs to the request, which may end before the work does. */
struct admin_job {
	struct arena	 arena;
	struct exchange	*x;		/* on the loop only */
	struct app	*app;
	const struct route *route;
	struct snapshot	*snapshot;	/* a reference; the configuration of the request's time */
	struct db	*db;
	void		(*work)(struct admin_job *);
	struct admin_job *next;		/* in the queue */
	void		(*finish)(struct admin_job *);	/* after success, on the loop: what the state is to add; NULL: nothing */
	const char	*params[ADMIN_PARAMS_MAX]; /* of the route, in order: "{id}" or "*"; NULL: it has none */
	const char	*query;		/* behind the "?", undecoded; "" = none */
	struct field_value values[FIELDS_MAX];
	void		*state;		/* the handler's own, in the arena */
	bool		 journal_fails;	/* of this process: lines wait */

	/* The answer, from the work. */
	int		 status;	/* of success: the route's unless it says otherwise */
	struct buf	 body;		/* JSON; empty with 204 */
	enum err	 err;		/* ERR_NONE: success */
	const char	*text, *param;	/* of a failure: a sentence (NULL: the error's own), the member at fault */
	const char	*audit;		/* what was changed, for the journal; free of secrets; NULL: nothing was */
};

/*
 * May the exchange go on, as an administrator's? Its key must be the admin key,
 * as Bearer or in AdminKey (P45), and its address must not have shown many wrong
 * ones. ERR_NONE, ERR_ADMIN_KEY or ERR_ADMIN_LOCKED.
 */
enum err admin_check(struct exchange *);

/* Is CREDENTIAL or AdminKey of the exchange the admin key? Nothing is counted. */
bool	admin_has_key(const struct exchange *);

/*
 * Read the body by the form of the route, and check the query by its words.
 * NULL: something was refused, which the client has been told.
 */
struct admin_job *admin_begin(struct exchange *);

/*
 * Do WORK on the thread pool and send its answer. The job is given away; NULL:
 * nothing is to be done.
 */
void	admin_run(struct admin_job *, void (*work)(struct admin_job *));

/* For handlers that need no pool: send the answer now. The job is given away. */
void	admin_end(struct admin_job *);

/*
 * For the work: fail with ERR, naming PARAM (NULL: none) and saying TEXT (NULL:
 * as always).
 */
void	admin_fail(struct admin_job *, enum err, const char *param,
	    const char *text);

/* The same, where TEXT is what the store says: "there is no such key". */
void	admin_refuse(struct admin_job *, enum err, const char *param,
	    const char *text);

/* Seconds since 1970. */
int64_t	admin_now_s(void);

/*
 * The value of NAME, which the route's row must list, in the query: decoded, in
 * the job's arena. NULL: it is not there, or badly encoded.
 */
const char *admin_query(struct admin_job *, const char *name);

/*
 * The id of the key that the parameter "key" names, by its name or by its id, also
 * one as the journals of versions before have it; NULL: all keys. On the thread
 * pool.
 */
const char *admin_query_key(struct admin_job *);

/* The param at INDEX as a row's id: 1 or more; 0: it is none. */
int64_t	admin_id(const struct admin_job *, size_t index);
#endif
