/* bucket.h - a bucket that fills up evenly within a minute, as one number.
 *
 * The number is the time at which it will be full (GCRA's "theoretical arrival
 * time") in 1/4096 us since 1970; a time that is past, 0 too: it is full. How
 * much is in it follows from how far off that time is, so that a limit that is
 * changed meanwhile finds the same part of it taken. Amounts are rounded to the
 * 1/4096 us, in favour of who takes.
 */
#ifndef STORE_BUCKET_H
#define STORE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "store/limits.h"

/*
 * A minute's worth is PER_MINUTE, not 0; beyond 1e11 it counts as that. A number
 * that is more than ten minutes ahead of NOW_US was made by a clock that went
 * wrong: the bucket is full then. LEFT is always filled in.
 */
bool	bucket_take(uint64_t *full_at, uint64_t amount, uint64_t per_minute,
	    uint64_t now_us, struct limits_left *left);

/*
 * The same for an AMOUNT that is only an estimate, of which TAKEN tells how much
 * was taken. Who asks for more than half of what the bucket can hold would wait
 * for ever beside others that take little: so it waits for that half, and takes
 * as much as is there. What it uses beyond that is debt (bucket_correct).
 */
bool	bucket_reserve(uint64_t *full_at, uint64_t amount,
	    uint64_t per_minute, uint64_t now_us, struct limits_left *left,
	    uint64_t *taken);

void	bucket_look(uint64_t full_at, uint64_t per_minute, uint64_t now_us,
	    struct limits_left *left);

/* Put AMOUNT back; or take -AMOUNT, to five minutes' worth below 0. */
void	bucket_correct(uint64_t *full_at, int64_t amount, uint64_t per_minute,
	    uint64_t now_us);
#endif
