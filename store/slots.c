#include "config.h"

#include "store/slots.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/holds.h"
#include "store/ledger.h"
#include "store/series.h"

static bool
is_clean(const struct layout_slot *s)
{
	return atomic_load_explicit(&s->pid, memory_order_acquire) == 0 &&
	    atomic_load_explicit(&s->record.state, memory_order_acquire) ==
	    LEDGER_EMPTY;
}

/*
 * The pid goes last: until then something is left to do, should this be killed.
 * Holds and gauges are cleared first: looking through a journal takes its time,
 * and for others this slot is held meanwhile.
 */
static bool
clean(const struct bank *bank, const char *journal_dir)
{
	struct layout *map = bank->segment.map;
	struct layout_slot *s = &map->slots[bank->slot];

	holds_clear(bank);
	series_clear_gauges(map, bank);
	if (!ledger_recover(&s->record, bank, journal_dir))
		return false;
	series_clear_gauges(map, bank);
	atomic_store_explicit(&s->pid, 0, memory_order_release);
	return true;
}

/* The low byte of an epoch is never 0: nobody's owner word is 0. */
static void
begin(struct layout_slot *s)
{
	uint32_t epoch = atomic_load_explicit(&s->epoch,
	    memory_order_relaxed) + 1;

	atomic_store_explicit(&s->epoch, epoch + ((epoch & 0xFF) == 0),
	    memory_order_relaxed);
	s->start_wall_us = clock_wall_us();
	atomic_store_explicit(&s->pid, (uint32_t)getpid(),
	    memory_order_release);
	atomic_thread_fence(memory_order_release);
}

int
slots_take(const struct segment *segment, struct bank *bank)
{
	struct layout *map = segment->map;

	for (unsigned i = 0; i < LAYOUT_SLOTS; i++) {
		if (segment->fd >= 0 &&
		    !segment_lock(segment, LAYOUT_LOCK_SLOT + (off_t)i)) {
			if (errno != EAGAIN)
				return -1;
			continue;
		}
		if (!ledger_needs_journal(&map->slots[i].record)) {
			bank_init(bank, segment, i);
			if (!is_clean(&map->slots[i]))
				clean(bank, NULL);
			begin(&map->slots[i]);
			return (int)i;
		}
		segment_unlock(segment, LAYOUT_LOCK_SLOT + (off_t)i);
	}
	errno = EAGAIN;
	return -1;
}

void
slots_leave(const struct segment *segment, const struct bank *bank)
{
	clean(bank, NULL);
	if (segment->fd >= 0)
		segment_unlock(segment, LAYOUT_LOCK_SLOT + (off_t)bank->slot);
}

bool
slots_recover(const struct segment *segment, unsigned slot,
    const char *journal_dir)
{
	struct bank bank;
	bool	 done;

	if (is_clean(&segment->map->slots[slot]) ||
	    !segment_lock(segment, LAYOUT_LOCK_SLOT + (off_t)slot))
		return false;
	bank_init(&bank, segment, slot);
	done = clean(&bank, journal_dir);
	segment_unlock(segment, LAYOUT_LOCK_SLOT + (off_t)slot);
	return done;
}

bool
slots_is_held(const struct segment *segment, unsigned slot)
{
	return segment_is_locked(segment, LAYOUT_LOCK_SLOT + (off_t)slot);
}
