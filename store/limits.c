#include "config.h"

#include "store/limits.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/bucket.h"
#include "store/holds.h"
#include "store/period.h"
#include "store/slots.h"
#include "store/state_private.h"

enum {
	ID_DIGITS = 2 * LAYOUT_ACCOUNT_ID,
	ENTER_TRIES = 6,		/* two that refuse each other try again */
	SPIN_MAX = 512,
	LIFE_KNOWN_US = 1000,
	LATE_DAYS = 2			/* no request takes longer */
};

static const struct limits_left no_limit = { .remaining = UINT64_MAX };

void
limits_reset(struct state *s)
{
	holders_free(s->holders);
	s->holders = NULL;
	s->maker = (struct accounts_maker){ 0 };
	s->warned_account = false;
}

/* An id is nothing but hex, or has a "k" in its first digit's place: key_ids.c. */
static bool
parse_id(const char *text, uint8_t id[LAYOUT_ACCOUNT_ID])
{
	char	 digits[ID_DIGITS + 1];
	size_t	 n;

	if (strnlen(text, ID_DIGITS + 1) != ID_DIGITS)
		return false;
	memcpy(digits, text, sizeof digits);
	if (digits[0] == 'k')
		digits[0] = '0';
	return sodium_hex2bin(id, LAYOUT_ACCOUNT_ID, digits, ID_DIGITS, NULL,
	    &n, NULL) == 0 && n == LAYOUT_ACCOUNT_ID;
}

static uint32_t
first_holder(struct state *s, uint32_t account)
{
	if (s->holders == NULL)
		s->holders = holders_create(s->segment.map);
	return holders_first(s->holders, account);
}

/*
 * What is asked next adds up over the slots, after a store that waits for all
 * loads before it: let them be on their way, all at once, by then.
 */
static void
prefetch(struct state *s, uint32_t account)
{
	const _Atomic uint64_t *cells;

	for (uint32_t at = first_holder(s, account); at != 0;
	    at = s->holders->chunks[at - 1].next) {
		cells = holders_cells(s->holders, at, account);
		__builtin_prefetch(cells);
		__builtin_prefetch(cells + LAYOUT_ACCOUNT_CELLS - 1);
	}
}

uint32_t
limits_find(struct state *s, const char *key_id)
{
	uint8_t	 id[LAYOUT_ACCOUNT_ID];
	uint32_t account;

	if (!parse_id(key_id, id))
		return 0;
	account = accounts_get(&s->segment, &s->maker, id);
	if (account != 0)
		prefetch(s, account);
	if (account == 0 && !s->warned_account) {
		log_warn("the state segment has no room for more keys with "
		    "limits: those of some are not kept");
		s->warned_account = true;
	}
	return account;
}

/* --- buckets --- */

static _Atomic uint64_t *
bucket_find(struct state *s, uint32_t account, enum limits_bucket which)
{
	struct layout_account *a = accounts_record(s->segment.map, account);

	assert(which < LIMITS__BUCKETS);
	return a == NULL ? NULL : &a->buckets[which];
}

bool
limits_take(struct state *s, uint32_t account, enum limits_bucket which,
    uint64_t amount, uint64_t per_minute, uint64_t now_us,
    struct limits_left *left)
{
	_Atomic uint64_t *word = bucket_find(s, account, which);
	struct limits_left found = no_limit;
	uint64_t before, after;
	bool	 taken = true;

	if (word != NULL && per_minute != 0) {
		before = atomic_load_explicit(word, memory_order_relaxed);
		do {
			after = before;
			taken = bucket_take(&after, amount, per_minute, now_us,
			    &found);
		} while (taken && !atomic_compare_exchange_weak(word, &before,
		    after));
	}
	if (left != NULL)
		*left = found;
	return taken;
}

bool
limits_take_estimate(struct state *s, uint32_t account,
    enum limits_bucket which, uint64_t amount, uint64_t per_minute,
    uint64_t now_us, struct limits_left *left, uint64_t *taken)
{
	_Atomic uint64_t *word = bucket_find(s, account, which);
	uint64_t before, after;
	bool	 is_taken;

	*left = no_limit;
	*taken = 0;
	if (word == NULL || per_minute == 0)
		return true;
	before = atomic_load_explicit(word, memory_order_relaxed);
	do {
		after = before;
		is_taken = bucket_reserve(&after, amount, per_minute, now_us,
		    left, taken);
	} while (is_taken && !atomic_compare_exchange_weak(word, &before,
	    after));
	return is_taken;
}

void
limits_correct(struct state *s, uint32_t account, enum limits_bucket which,
    int64_t amount, uint64_t per_minute, uint64_t now_us)
{
	_Atomic uint64_t *word = bucket_find(s, account, which);
	uint64_t before, after;

	if (word == NULL || per_minute == 0 || amount == 0)
		return;
	before = atomic_load_explicit(word, memory_order_relaxed);
	do {
		after = before;
		bucket_correct(&after, amount, per_minute, now_us);
	} while (!atomic_compare_exchange_weak(word, &before, after));
}

void
limits_look(struct state *s, uint32_t account, enum limits_bucket which,
    uint64_t per_minute, uint64_t now_us, struct limits_left *left)
{
	_Atomic uint64_t *word = bucket_find(s, account, which);

	*left = no_limit;
	if (word != NULL && per_minute != 0)
		bucket_look(atomic_load_explicit(word, memory_order_relaxed),
		    per_minute, now_us, left);
}

/* --- what is held while a process lives --- */

static uint64_t
add(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

static bool
is_account(uint32_t account)
{
	return account - 1 < LAYOUT_ACCOUNTS;
}

static bool
is_living(struct state *s, unsigned slot)
{
	return slot == s->bank.slot || (!state_is_private(s) &&
	    slots_is_held(&s->segment, slot));
}

/* The same, or it was so a millisecond ago: a system call for each is too dear. */
static bool
was_living(struct state *s, unsigned slot)
{
	uint64_t now_us, *alive_us = &s->holders->alive_us[slot];

	if (slot == s->bank.slot)
		return true;
	now_us = clock_now_us();
	if (*alive_us != 0 && now_us - *alive_us < LIFE_KNOWN_US)
		return true;
	*alive_us = is_living(s, slot) ? now_us : 0;
	return *alive_us != 0;
}

/* Of the dead as well, unless the kernel is asked. */
static uint64_t
count_in_flight(struct state *s, uint32_t account, bool ask)
{
	uint64_t sum = 0, count;

	for (uint32_t at = first_holder(s, account); at != 0;
	    at = s->holders->chunks[at - 1].next) {
		count = atomic_load(&holders_cells(s->holders, at,
		    account)[LAYOUT_IN_FLIGHT]);
		if (count != 0 && (!ask ||
		    is_living(s, s->holders->chunks[at - 1].slot)))
			sum = add(sum, count);
	}
	return sum;
}

/* Not as long as another that is refused at the same time. */
static void
spin(const struct state *s, unsigned try)
{
	uint32_t mixed = (s->bank.slot * ENTER_TRIES + try + 1) * 2654435761u;

	for (volatile uint32_t i = mixed >> 16; i % SPIN_MAX != 0; i--)
		continue;
}

/* False: there is no room for it. */
static bool
hold(struct state *s, uint32_t account, unsigned which, uint64_t more)
{
	_Atomic uint64_t *own = bank_get(&s->bank,
	    accounts_cell(account) + which);

	if (own != NULL)
		holds_set(&s->bank, own, add(atomic_load_explicit(own,
		    memory_order_relaxed), more));
	return own != NULL;
}

/* Never below 0: it may have been held in another file. */
static void
let_go(struct state *s, uint32_t account, unsigned which, uint64_t less)
{
	_Atomic uint64_t *own = bank_find(&s->bank,
	    accounts_cell(account) + which);
	uint64_t before;

	if (own == NULL)
		return;
	before = atomic_load_explicit(own, memory_order_relaxed);
	holds_set(&s->bank, own, before > less ? before - less : 0);
}

bool
limits_enter(struct state *s, uint32_t account, uint32_t most)
{
	uint64_t count;

	if (!is_account(account))
		return true;
	for (unsigned try = 0; try < ENTER_TRIES; try++) {
		count = hold(s, account, LAYOUT_IN_FLIGHT, 1) ? 0 : 1;
		if (most == 0 || count + count_in_flight(s, account,
		    try == ENTER_TRIES - 1) <= most)
			return true;
		let_go(s, account, LAYOUT_IN_FLIGHT, 1);
		spin(s, try);
	}
	return false;
}

void
limits_leave(struct state *s, uint32_t account)
{
	if (is_account(account))
		let_go(s, account, LAYOUT_IN_FLIGHT, 1);
}

void
limits_reserve(struct state *s, uint32_t account,
    const struct limits_sum *amount)
{
	if (!is_account(account))
		return;
	if (amount->tokens != 0)
		hold(s, account, LAYOUT_RESERVED_TOKENS, amount->tokens);
	if (amount->cost_nano != 0)
		hold(s, account, LAYOUT_RESERVED_COST, amount->cost_nano);
}

void
limits_release(struct state *s, uint32_t account,
    const struct limits_sum *amount)
{
	if (!is_account(account))
		return;
	if (amount->tokens != 0)
		let_go(s, account, LAYOUT_RESERVED_TOKENS, amount->tokens);
	if (amount->cost_nano != 0)
		let_go(s, account, LAYOUT_RESERVED_COST, amount->cost_nano);
}

/* --- what was spent --- */

/* FROM: the day, then the sums. The day is stored last and read first. */
static void
add_spent(const _Atomic uint64_t *from,
    const struct period periods[LIMITS__PERIODS], struct limits_spent *to)
{
	int64_t	 day = (int64_t)atomic_load_explicit(from,
	    memory_order_acquire);

	for (unsigned i = 0; i < LIMITS__PERIODS; i++) {
		if (!period_has(periods[i], day))
			continue;
		to->periods[i].tokens = add(to->periods[i].tokens,
		    atomic_load_explicit(&from[1 + 2 * i],
		    memory_order_relaxed));
		to->periods[i].cost_nano = add(to->periods[i].cost_nano,
		    atomic_load_explicit(&from[2 + 2 * i],
		    memory_order_relaxed));
	}
}

/* What is released is spent before: who read it in that order sees either. */
static void
add_slot(struct state *s, const _Atomic uint64_t *cells, unsigned slot,
    const struct period periods[LIMITS__PERIODS], struct limits_spent *to)
{
	uint64_t in_flight = atomic_load(&cells[LAYOUT_IN_FLIGHT]),
		 tokens = atomic_load(&cells[LAYOUT_RESERVED_TOKENS]),
		 cost = atomic_load(&cells[LAYOUT_RESERVED_COST]);

	if ((in_flight | tokens | cost) != 0 && was_living(s, slot)) {
		in_flight = add(to->in_flight, in_flight);
		to->in_flight = in_flight > UINT32_MAX ? UINT32_MAX :
		    (uint32_t)in_flight;
		to->reserved.tokens = add(to->reserved.tokens, tokens);
		to->reserved.cost_nano = add(to->reserved.cost_nano, cost);
	}
	add_spent(&cells[LAYOUT_DAY], periods, to);
}

void
limits_read(struct state *s, uint32_t account, int64_t now_s,
    struct limits_spent *to)
{
	struct layout_account *a = accounts_record(s->segment.map, account);
	struct period periods[LIMITS__PERIODS];

	*to = (struct limits_spent){ 0 };
	if (a == NULL)
		return;
	for (unsigned i = 0; i < LIMITS__PERIODS; i++)
		periods[i] = period_of(i, period_day(now_s));
	for (uint32_t at = first_holder(s, account); at != 0;
	    at = s->holders->chunks[at - 1].next)
		add_slot(s, holders_cells(s->holders, at, account),
		    s->holders->chunks[at - 1].slot, periods, to);
	if (atomic_load_explicit(&a->base_state, memory_order_acquire) ==
	    ACCOUNTS_BASE_READY)
		add_spent(a->base, periods, to);
}

static void
batch_set(struct state *s, uint32_t cell, uint64_t value)
{
	uint64_t before = ledger_value(&s->batch, &s->bank, cell);

	if (value != before)
		state_batch_add(s, (int32_t)cell, value - before);
}

/* One sum, of a period that is the same as that of the last charge, or is not. */
static void
charge(struct state *s, uint32_t cell, uint64_t amount, bool is_same,
    bool is_late)
{
	uint64_t before = ledger_value(&s->batch, &s->bank, cell);

	if (is_same)
		batch_set(s, cell, add(before, amount));
	else if (!is_late)
		batch_set(s, cell, amount);
}

void
limits_spend(struct state *s, uint32_t account, int64_t start_s,
    const struct limits_sum *amount)
{
	uint32_t first = accounts_cell(account), sum = first + LAYOUT_SUMS;
	int64_t	 day = period_day(start_s), last;
	bool	 is_same, is_late;

	assert(s->in_batch);
	if (!is_account(account) || bank_get(&s->bank, first) == NULL)
		return;
	last = (int64_t)ledger_value(&s->batch, &s->bank, first + LAYOUT_DAY);
	is_late = day < last && last - LATE_DAYS <= day;
	for (unsigned i = 0; i < LIMITS__PERIODS; i++, sum += 2) {
		is_same = period_has(period_of(i, day), last);
		charge(s, sum, amount->tokens, is_same, is_late);
		charge(s, sum + 1, amount->cost_nano, is_same, is_late);
	}
	if (!is_late)
		batch_set(s, first + LAYOUT_DAY, (uint64_t)day);
}

void
limits_period_bounds(enum limits_period kind, int64_t day, int64_t *from_s,
    int64_t *to_s)
{
	struct period p = period_of(kind, day);

	*from_s = p.from * PERIOD_DAY_S;
	*to_s = p.to * PERIOD_DAY_S;
}
