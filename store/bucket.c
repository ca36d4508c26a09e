#include "config.h"

#include "store/bucket.h"

#define MINUTE_US 60000000ull
#define PER_MINUTE_MAX 100000000000ull	/* times MINUTE_US is below 2^64 */
#define NOW_MAX_US ((1ull << 52) - (1ull << 31))	/* in the year 2112 */
#define MINUTE (MINUTE_US << FINE_BITS)

enum {
	FINE_BITS = 12,			/* parts of a microsecond */
	FINE = 1 << FINE_BITS,
	DEBT_MINUTES = 5,		/* at most, after corrections */
	BELIEVED_MINUTES = 10
};

static uint64_t
clamp(uint64_t per_minute)
{
	return per_minute > PER_MINUTE_MAX ? PER_MINUTE_MAX : per_minute;
}

static uint64_t
fine_time(uint64_t now_us)
{
	return (now_us > NOW_MAX_US ? NOW_MAX_US : now_us) << FINE_BITS;
}

/* What is taken of the bucket: more than a minute's worth is debt. */
static uint64_t
taken(uint64_t full_at, uint64_t now)
{
	return full_at <= now || full_at - now > BELIEVED_MINUTES * MINUTE ?
	    0 : full_at - now;
}

/* The time in which AMOUNT, less than PER_MINUTE, flows in. */
static uint64_t
part_of_minute(uint64_t amount, uint64_t per_minute)
{
	uint64_t product = amount * MINUTE_US;

	return (product / per_minute << FINE_BITS) +
	    (product % per_minute << FINE_BITS) / per_minute;
}

/* What flows in within TIME, a minute at most. */
static uint64_t
inflow(uint64_t time, uint64_t per_minute)
{
	return ((time >> FINE_BITS) * per_minute +
	    (time % FINE * per_minute >> FINE_BITS)) / MINUTE_US;
}

static uint64_t
round_up(uint64_t time)
{
	return (time + FINE - 1) >> FINE_BITS;
}

static void
tell(uint64_t full_at, uint64_t per_minute, uint64_t now,
    struct limits_left *left)
{
	uint64_t used = taken(full_at, now);

	left->remaining = used > MINUTE ? 0 :
	    inflow(MINUTE - used, per_minute);
	left->reset_us = round_up(used);
	left->wait_us = 0;
}

bool
bucket_take(uint64_t *full_at, uint64_t amount, uint64_t per_minute,
    uint64_t now_us, struct limits_left *left)
{
	uint64_t now = fine_time(now_us), rate = clamp(per_minute),
		 used = taken(*full_at, now),
		 after = used + (amount >= rate ? MINUTE :
		     part_of_minute(amount, rate));

	if (after > MINUTE) {
		tell(*full_at, rate, now, left);
		left->wait_us = round_up(after - MINUTE);
		return false;
	}
	*full_at = now + after;
	tell(*full_at, rate, now, left);
	return true;
}

bool
bucket_reserve(uint64_t *full_at, uint64_t amount, uint64_t per_minute,
    uint64_t now_us, struct limits_left *left, uint64_t *taken)
{
	uint64_t half = clamp(per_minute) - clamp(per_minute) / 2;
	uint64_t most;

	*taken = 0;
	bucket_look(*full_at, per_minute, now_us, left);
	most = left->remaining > half ? left->remaining : half;
	if (!bucket_take(full_at, amount < most ? amount : most, per_minute,
	    now_us, left))
		return false;
	*taken = amount < most ? amount : most;
	return true;
}

void
bucket_look(uint64_t full_at, uint64_t per_minute, uint64_t now_us,
    struct limits_left *left)
{
	tell(full_at, clamp(per_minute), fine_time(now_us), left);
}

void
bucket_correct(uint64_t *full_at, int64_t amount, uint64_t per_minute,
    uint64_t now_us)
{
	const uint64_t most = DEBT_MINUTES * MINUTE;
	uint64_t now = fine_time(now_us), rate = clamp(per_minute),
		 size = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount,
		 used = taken(*full_at, now), change = most;

	if (size / rate < DEBT_MINUTES)
		change = size / rate * MINUTE + part_of_minute(size % rate,
		    rate);
	if (amount > 0)
		used = used > change ? used - change : 0;
	else if (used < most)
		used = used + change < most ? used + change : most;
	*full_at = now + used;
}
