/* limits.h - what each key has used of its limits, the same for all processes.
 *
 * An account is kept for each key that has limits. Two buckets (requests,
 * tokens) are words that all processes share; they fill up evenly, a limit's
 * worth in a minute. What is in flight, what is reserved and what was spent is
 * counted in cells of each process's slot, and added up by who asks: the dead
 * hold and reserve nothing, but what they spent stays spent. Spending is part of
 * the settle transaction (state_begin), so that it is neither lost nor doubled
 * whoever is killed when. Where there is no room for a process's cells of an
 * account, it is told once, and that process's requests are let in uncounted.
 * Everything belongs to the loop's thread unless said.
 */
#ifndef STORE_LIMITS_H
#define STORE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/state.h"

/* Calendar periods in UTC; a week begins on Monday. */
enum limits_period {
	LIMITS_DAY, LIMITS_WEEK, LIMITS_MONTH, LIMITS__PERIODS
};

enum limits_bucket { LIMITS_REQUESTS, LIMITS_TOKENS, LIMITS__BUCKETS };

/*
 * ACCOUNT, below, is what limits_find gave. 0 = none, on which all that follow do
 * nothing and allow all.
 */

/* What was or is to be spent: tokens, and money in units of 1e-9. */
struct limits_sum {
	uint64_t	 tokens, cost_nano;
};

struct limits_spent {
	/* settled, in those that NOW is in */
	struct limits_sum periods[LIMITS__PERIODS];
	struct limits_sum reserved;	/* by all living processes, oneself too */
	uint32_t	 in_flight;	/* likewise */
};

struct limits_left {
	uint64_t	 remaining;	/* in the bucket now */
	uint64_t	 reset_us;	/* until it is full */
	uint64_t	 wait_us;	/* until it is there; 0: taken */
};

/*
 * The account of KEY_ID (32 hex digits), found or made. Valid until
 * state_generation changes. 0: another kind of id, or no room, told to the log
 * once.
 */
uint32_t limits_find(struct state *, const char *key_id);

/*
 * One more request in flight, unless there would be more than MOST of all living
 * processes (0: however many). Two that come at the same instant for the last
 * place: exactly one gets it, or, very rarely, none; never both.
 */
bool	limits_enter(struct state *, uint32_t account, uint32_t most);
void	limits_leave(struct state *, uint32_t account);

/*
 * Take AMOUNT from a bucket that holds and in a minute is refilled with
 * PER_MINUTE (0: no limit, and UINT64_MAX is left; beyond 1e11: 1e11): all of it
 * or nothing. An AMOUNT of more than PER_MINUTE counts as a whole bucketful, else
 * it could never be had. LEFT may be NULL. NOW_US is wall-clock time.
 */
bool	limits_take(struct state *, uint32_t account, enum limits_bucket,
	    uint64_t amount, uint64_t per_minute, uint64_t now_us,
	    struct limits_left *left);

/* The same of an estimate: see bucket_reserve. TAKEN is to be put back or kept. */
bool	limits_take_estimate(struct state *, uint32_t account,
	    enum limits_bucket, uint64_t amount, uint64_t per_minute,
	    uint64_t now_us, struct limits_left *left, uint64_t *taken);

/*
 * What was really used is known: put AMOUNT back, or take -AMOUNT more, to five
 * minutes' worth below 0 if need be.
 */
void	limits_correct(struct state *, uint32_t account, enum limits_bucket,
	    int64_t amount, uint64_t per_minute, uint64_t now_us);

/* What the bucket holds, without taking. */
void	limits_look(struct state *, uint32_t account, enum limits_bucket,
	    uint64_t per_minute, uint64_t now_us, struct limits_left *);

/*
 * Reserve what a request may come to spend, visibly to all before this returns:
 * whoever reserves first and reads then never overlooks another who does the
 * same. Released as soon as it is spent.
 */
void	limits_reserve(struct state *, uint32_t account,
	    const struct limits_sum *);
void	limits_release(struct state *, uint32_t account,
	    const struct limits_sum *);

/* Of who was killed less than a millisecond ago, what it held may be told yet. */
void	limits_read(struct state *, uint32_t account, int64_t now_s,
	    struct limits_spent *);

/*
 * Between state_begin and state_commit: a request that began at START_S has
 * spent this. It counts in the periods that START_S is in, if they still last.
 * What is reserved for it is released afterwards.
 */
void	limits_spend(struct state *, uint32_t account, int64_t start_s,
	    const struct limits_sum *);

/*
 * What was spent before the account was made, in a state file that is younger
 * than the usage in the database. DAY is the day (since 1970) whose periods the
 * sums are of.
 */
struct limits_base {
	int64_t		 day;
	struct limits_sum periods[LIMITS__PERIODS];
};

/*
 * Call EACH for every account without a base; BORN_MS is when it was made (wall
 * clock). EACH may call limits_set_base. Any thread; the file at the path is not
 * attached meanwhile, should it be another.
 */
void	limits_each_new(struct state *, void (*each)(void *arg,
	    uint32_t account, const char *key_id, uint64_t born_ms), void *arg);

/* Once for each account; further calls do nothing. Any thread. */
void	limits_set_base(struct state *, uint32_t account,
	    const struct limits_base *);

/* The first second of the period that DAY (since 1970) is in, and of the next. */
void	limits_period_bounds(enum limits_period, int64_t day,
	    int64_t *from_s, int64_t *to_s);
#endif
