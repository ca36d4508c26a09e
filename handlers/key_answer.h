/* key_answer.h - what admin routes tell of clients' keys. */
#ifndef HANDLERS_KEY_ANSWER_H
#define HANDLERS_KEY_ANSWER_H

#include "base/buf.h"
#include "handlers/admin.h"
#include "store/store.h"

/* A member for each limit, null where there is none. */
void	key_answer_put_limits(struct buf *, const struct keys_limits *);

/* The members of a record, without its braces. */
void	key_answer_put(struct buf *, const struct keys_record *);

/*
 * What the key ID has used of its limits: more members. Nothing is counted of a
 * key without limits, and then they are null. On the loop.
 */
void	key_answer_put_used(struct buf *, struct state *, const char *id,
	    bool is_limited, int64_t now_s);

/*
 * Fail the job, unless END is KEYS_DONE: as a refusal of the member that END is
 * about, where SECRET is what the one with the key is called. True: it is
 * KEYS_DONE.
 */
bool	key_answer_judge(struct admin_job *, enum keys_end end,
	    const char *secret);
#endif
