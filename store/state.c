#include "config.h"

#include "store/state.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "store/bank.h"
#include "store/channels.h"
#include "store/journal.h"
#include "store/series.h"
#include "store/slots.h"
#include "store/state_private.h"

static const char others_are_at_it[] = "others do not let go of state.lock";

/* Map the file and take a slot there. NULL, or why that cannot be. */
static const char *
attach(struct state *s, enum segment_mode mode)
{
	struct segment segment;
	struct bank bank;
	const char *why;

	if (!segment_open(&segment, s->dir, mode))
		return errno == EAGAIN ? others_are_at_it : strerror(errno);
	if (slots_take(&segment, &bank) < 0) {
		why = errno == EAGAIN ? "all its slots are taken" :
		    strerror(errno);
		segment_close(&segment);
		segment_unmap(segment.map);
		return why;
	}
	s->segment = segment;
	s->bank = bank;
	limits_reset(s);
	s->was_busy = false;
	s->warned_private = s->warned_series = s->warned_channel = false;
	return NULL;
}

/* limits_set_base may be called by what limits_each_new calls. */
static void
init_mutex(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
}

struct state *
state_open(const char *state_dir)
{
	struct state *s = calloc(1, sizeof *s);
	const char *why;

	if (s == NULL)
		abort();
	init_mutex(&s->sweeping);
	snprintf(s->dir, sizeof s->dir, "%s", state_dir);
	why = attach(s, SEGMENT_START);
	if (why != NULL) {
		log_warn("nothing is shared with other processes, for "
		    "%s/state cannot be used: %s", state_dir, why);
		s->warned_private = true;
		segment_open_private(&s->segment);
		slots_take(&s->segment, &s->bank);
	}
	ledger_begin(&s->batch);
	return s;
}

void
state_close(struct state *s)
{
	if (s == NULL)
		return;
	if (segment_is_whole(&s->segment))
		slots_leave(&s->segment, &s->bank);
	segment_close(&s->segment);
	segment_unmap(s->segment.map);
	segment_unmap(s->retired);
	limits_reset(s);
	pthread_mutex_destroy(&s->sweeping);
	free(s);
}

bool
state_is_private(const struct state *s)
{
	return s->segment.fd < 0;
}

unsigned
state_generation(const struct state *s)
{
	return s->generation;
}

/* Leave the old file, but not its memory: channels of it may be in use. */
static void
replace(struct state *s)
{
	struct segment old = s->segment;
	struct bank bank = s->bank;
	const char *why = attach(s, SEGMENT_REFRESH);
	bool	 was_busy = s->was_busy;

	s->was_busy = why == others_are_at_it;
	if (s->was_busy && !was_busy)
		return;			/* they are making it: in a second */
	if (why != NULL) {
		if (!s->warned_private && old.fd >= 0)
			log_warn("%s/state was replaced and cannot be "
			    "used: %s", s->dir, why);
		s->warned_private = true;
		return;
	}
	if (old.fd < 0)
		log_info("%s/state is shared with other processes again",
		    s->dir);
	if (segment_is_whole(&old))
		slots_leave(&old, &bank);
	segment_close(&old);
	segment_unmap(s->retired);
	s->retired = old.map;
	s->leads = false;
	s->generation++;
}

void
state_refresh(struct state *s)
{
	s->bank.is_full = false;	/* the disk may have room again */
	if (s->in_batch || segment_is_current(&s->segment, s->dir))
		return;
	if (pthread_mutex_trylock(&s->sweeping) != 0)
		return;
	replace(s);
	pthread_mutex_unlock(&s->sweeping);
}

struct state_channel *
state_channel(struct state *s, const char *name)
{
	struct state_channel *channel = channels_get(s->segment.map, name);

	if (channel == NULL && !s->warned_channel) {
		log_warn("the state segment has no room for channel %s", name);
		s->warned_channel = true;
	}
	return channel;
}

/* Whoever comes first makes it. */
static uint64_t
secret_word(_Atomic uint64_t *word)
{
	uint64_t found = atomic_load_explicit(word, memory_order_relaxed);
	uint64_t made = 0;

	while (found == 0 && made == 0)
		randombytes_buf(&made, sizeof made);
	return found != 0 || !atomic_compare_exchange_strong(word, &found,
	    made) ? found : made;
}

void
state_secret(struct state *s, unsigned char secret[STATE_SECRET_SIZE])
{
	uint64_t word;

	for (unsigned i = 0; i < LAYOUT_SECRET; i++) {
		word = secret_word(&s->segment.map->secret[i]);
		memcpy(secret + i * sizeof word, &word, sizeof word);
	}
}

_Atomic uint64_t *
state_failures(struct state *s, uint64_t hash)
{
	return &s->segment.map->failures[hash & (LAYOUT_FAILURES - 1)];
}

_Atomic uint64_t *
state_guesses(struct state *s, uint64_t hash)
{
	return &s->segment.map->guesses[hash & (LAYOUT_FAILURES - 1)];
}

static uint16_t
owner_of(const struct state *s, unsigned slot)
{
	uint32_t epoch = atomic_load_explicit(
	    &s->segment.map->slots[slot].epoch, memory_order_acquire);

	return (uint16_t)(slot << 8 | (epoch & 0xFF));
}

uint16_t
state_owner(const struct state *s)
{
	return owner_of(s, s->bank.slot);
}

bool
state_is_alive(struct state *s, uint16_t owner)
{
	unsigned slot = owner >> 8;

	if (state_is_private(s))
		return true;
	if (slot >= LAYOUT_SLOTS || owner_of(s, slot) != owner)
		return false;
	return slot == s->bank.slot || slots_is_held(&s->segment, slot);
}

struct layout *
state_map(struct state *s)
{
	return s->segment.map;
}

unsigned
state_slot(const struct state *s)
{
	return s->bank.slot;
}

bool
state_is_slot_alive(struct state *s, unsigned slot)
{
	if (slot == s->bank.slot)
		return true;
	return !state_is_private(s) && atomic_load_explicit(
	    &s->segment.map->slots[slot].pid, memory_order_acquire) != 0 &&
	    slots_is_held(&s->segment, slot);
}

void
state_each_process(struct state *s,
    void (*each)(void *arg, const struct state_process *), void *arg)
{
	struct layout *map = s->segment.map;
	uint32_t leader = atomic_load_explicit(&map->leader,
		    memory_order_relaxed);

	for (unsigned i = 0; i < LAYOUT_SLOTS; i++) {
		struct state_process p = { .slot = i,
			.pid = atomic_load_explicit(&map->slots[i].pid,
			    memory_order_acquire),
			.start_wall_us = map->slots[i].start_wall_us,
			.is_alive = state_is_slot_alive(s, i) };

		p.leads = p.is_alive && owner_of(s, i) == leader;
		if (p.pid != 0)
			each(arg, &p);
	}
}

int32_t
state_series(struct state *s, const char *text, size_t len, unsigned cells,
    bool is_gauge)
{
	int32_t	 cell = series_get(s->segment.map, text, len, cells, is_gauge);

	if (cell < 0 && !s->warned_series) {
		log_warn("the state segment has no room for more series");
		s->warned_series = true;
	}
	return cell;
}

void
state_add(struct state *s, int32_t cell, int64_t delta)
{
	_Atomic uint64_t *own = bank_get(&s->bank, (uint32_t)cell);

	if (own != NULL)
		atomic_store_explicit(own, atomic_load_explicit(own,
		    memory_order_relaxed) + (uint64_t)delta,
		    memory_order_relaxed);
}

uint64_t
state_own(const struct state *s, int32_t cell)
{
	const _Atomic uint64_t *own = bank_find(&s->bank, (uint32_t)cell);

	return own == NULL ? 0 :
	    atomic_load_explicit(own, memory_order_relaxed);
}

void
state_begin(struct state *s)
{
	ledger_begin(&s->batch);
	s->in_batch = true;
}

void
state_batch_add(struct state *s, int32_t cell, uint64_t delta)
{
	if (bank_get(&s->bank, (uint32_t)cell) == NULL)
		return;
	if (!ledger_add(&s->batch, (uint32_t)cell, delta))
		state_add(s, cell, (int64_t)delta);
}

void
state_commit(struct state *s, struct journal *journal, uint64_t wall_us,
    const char *id, const char *line, size_t n, const char *short_line,
    size_t short_n)
{
	struct layout_record *record =
	    &s->segment.map->slots[s->bank.slot].record;
	bool	 is_short = n > STATE_LINE_MAX;

	assert(s->in_batch);
	ledger_hold(record, &s->bank, &s->batch, wall_us, id,
	    is_short ? short_line : line, is_short ? short_n : n);
	if (journal != NULL)
		journal_append(journal, wall_us, line, n);
	ledger_written(record);
	ledger_apply(record, &s->bank);
	ledger_clear(record);
	s->in_batch = false;
}

void
state_each(struct state *s, void (*each)(void *arg, const char *text,
    const uint64_t *cells, unsigned count, bool is_gauge), void *arg)
{
	bool	 is_alive[LAYOUT_SLOTS];

	for (unsigned i = 0; i < LAYOUT_SLOTS; i++)
		is_alive[i] = i == s->bank.slot || (!state_is_private(s) &&
		    slots_is_held(&s->segment, i));
	series_each(s->segment.map, is_alive, each, arg);
}

unsigned
state_sweep(struct state *s, const char *journal_dir)
{
	unsigned count = 0;

	pthread_mutex_lock(&s->sweeping);
	for (unsigned i = 0; i < LAYOUT_SLOTS && !state_is_private(s); i++)
		if (i != s->bank.slot)
			count += slots_recover(&s->segment, i, journal_dir);
	pthread_mutex_unlock(&s->sweeping);
	return count;
}

bool
state_lead(struct state *s)
{
	if (s->leads)
		return true;
	s->leads = state_is_private(s) ||
	    segment_lock(&s->segment, LAYOUT_LOCK_LEADER);
	if (s->leads)
		atomic_store_explicit(&s->segment.map->leader, state_owner(s),
		    memory_order_relaxed);
	return s->leads;
}

void
state_resign(struct state *s)
{
	if (s->leads)
		atomic_store_explicit(&s->segment.map->leader, 0,
		    memory_order_relaxed);
	if (s->leads && !state_is_private(s))
		segment_unlock(&s->segment, LAYOUT_LOCK_LEADER);
	s->leads = false;
}
