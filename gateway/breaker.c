#include "config.h"

#include "gateway/breaker.h"

/* The word: 40 bits of deadline, 16 of owner, 6 of failures in a row, 2 of state. */
enum { FAILURES_SHIFT = 2, OWNER_SHIFT = 8, UNTIL_SHIFT = 24 };

static const uint64_t epoch_ms = 1735689600000;	/* 2025-01-01 UTC: 40 bits last until 2059 */
static const uint64_t until_max = (UINT64_C(1) << 40) - 1;
static const uint64_t deadline_max_ms = 86400000;

struct breaker {
	enum breaker_state state;
	unsigned	 failures;
	uint16_t	 owner;
	uint64_t	 until_ms;	/* since epoch_ms */
};

static uint64_t
since_epoch(uint64_t now_ms)
{
	uint64_t since = now_ms > epoch_ms ? now_ms - epoch_ms : 0;

	return since < until_max ? since : until_max;
}

static struct breaker
unpack(uint64_t word)
{
	unsigned state = word & 3;

	return (struct breaker){
		.state = state > BREAKER_HALF_OPEN ? BREAKER_OPEN : state,
		.failures = (word >> FAILURES_SHIFT) & BREAKER_FAILURES_MAX,
		.owner = (uint16_t)(word >> OWNER_SHIFT),
		.until_ms = word >> UNTIL_SHIFT,
	};
}

static uint64_t
pack(const struct breaker *b)
{
	return b->state | (uint64_t)b->failures << FAILURES_SHIFT |
	    (uint64_t)b->owner << OWNER_SHIFT | b->until_ms << UNTIL_SHIFT;
}

/* A deadline further off than any can be comes from a clock that was set back. */
static bool
is_over(const struct breaker *b, uint64_t now_ms)
{
	uint64_t now = since_epoch(now_ms);

	return b->until_ms <= now || b->until_ms - now > deadline_max_ms;
}

static uint64_t
deadline(uint64_t now_ms, uint64_t after_ms)
{
	return since_epoch(now_ms + (after_ms < deadline_max_ms ? after_ms :
	    deadline_max_ms));
}

/* Replace *OLD by B; false: another was faster, and *OLD is what it wrote. */
static bool
replace(_Atomic uint64_t *word, uint64_t *old, const struct breaker *b)
{
	return atomic_compare_exchange_weak_explicit(word, old, pack(b),
	    memory_order_acq_rel, memory_order_acquire);
}

enum breaker_state
breaker_state(uint64_t word)
{
	return unpack(word).state;
}

uint16_t
breaker_owner(uint64_t word)
{
	return unpack(word).owner;
}

bool
breaker_is_out(uint64_t word, uint64_t now_ms)
{
	struct breaker b = unpack(word);

	return b.state != BREAKER_CLOSED && !is_over(&b, now_ms);
}

enum breaker_pass
breaker_enter(_Atomic uint64_t *word, uint16_t owner, uint64_t now_ms,
    unsigned probe_ms)
{
	uint64_t old = atomic_load_explicit(word, memory_order_acquire);
	struct breaker b;

	do {
		b = unpack(old);
		if (b.state == BREAKER_CLOSED)
			return BREAKER_PASS_FREE;
		if (!is_over(&b, now_ms))
			return BREAKER_REFUSED;
		b.state = BREAKER_HALF_OPEN;
		b.owner = owner;
		b.until_ms = deadline(now_ms, probe_ms);
	} while (!replace(word, &old, &b));
	return BREAKER_PASS_PROBE;
}

static bool
may_close(const struct breaker *b, enum breaker_pass pass, uint16_t owner)
{
	switch (pass) {
	case BREAKER_PASS_FREE:
		return b->state == BREAKER_CLOSED && b->failures > 0;
	case BREAKER_PASS_PROBE:
		return b->state == BREAKER_HALF_OPEN && b->owner == owner;
	default:
		return true;
	}
}

bool
breaker_succeed(_Atomic uint64_t *word, enum breaker_pass pass, uint16_t owner)
{
	static const struct breaker closed;
	uint64_t old = atomic_load_explicit(word, memory_order_acquire);
	struct breaker b;

	do {
		b = unpack(old);
		if (old == 0 || !may_close(&b, pass, owner))
			return false;
	} while (!replace(word, &old, &closed));
	return b.state != BREAKER_CLOSED;
}

bool
breaker_fail(_Atomic uint64_t *word, enum breaker_pass pass, unsigned limit,
    bool trip, uint64_t now_ms, uint64_t cooldown_ms)
{
	uint64_t old = atomic_load_explicit(word, memory_order_acquire), until;
	struct breaker b;
	bool	 opened;

	do {
		b = unpack(old);
		if (b.failures < BREAKER_FAILURES_MAX)
			b.failures++;
		opened = b.state == BREAKER_CLOSED ?
		    trip || (limit != 0 && b.failures >= limit) :
		    b.state == BREAKER_HALF_OPEN && pass == BREAKER_PASS_PROBE;
		until = deadline(now_ms, cooldown_ms);
		if (opened || (b.state == BREAKER_OPEN && b.until_ms < until) ||
		    (b.state == BREAKER_OPEN && is_over(&b, now_ms)))
			b.until_ms = until;
		if (opened)
			b.state = BREAKER_OPEN;
	} while (!replace(word, &old, &b));
	return opened;
}

void
breaker_let_go(_Atomic uint64_t *word, uint16_t owner, uint64_t now_ms)
{
	uint64_t old = atomic_load_explicit(word, memory_order_acquire);
	struct breaker b;

	do {
		b = unpack(old);
		if (b.state != BREAKER_HALF_OPEN || b.owner != owner)
			return;
		b.state = BREAKER_OPEN;
		b.until_ms = since_epoch(now_ms);
	} while (!replace(word, &old, &b));
}

void
breaker_hint(_Atomic uint64_t *word, uint64_t now_ms)
{
	uint64_t old = atomic_load_explicit(word, memory_order_acquire);
	struct breaker b;

	do {
		b = unpack(old);
		if (b.state == BREAKER_HALF_OPEN || old == 0)
			return;
		if (b.state == BREAKER_OPEN)
			b.until_ms = since_epoch(now_ms);
		else
			b.failures = 0;
	} while (!replace(word, &old, &b));
}
