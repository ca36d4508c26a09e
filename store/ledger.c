#include "config.h"

#include "store/ledger.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "store/journal.h"
#include "store/journal_find.h"

static const uint64_t hour_us = 3600000000u;

void
ledger_begin(struct ledger_batch *b)
{
	b->count = 0;
	memset(b->hints, 0, sizeof b->hints);
}

/* Where the cell stands; or the count. */
static unsigned
find(const struct ledger_batch *b, uint32_t cell)
{
	unsigned hint = b->hints[cell % sizeof b->hints],
		 i = hint == 0 ? b->count : hint - 1;

	/* Another cell took the hint: this one stands anywhere, or nowhere. */
	if (i < b->count && b->cells[i] != cell)
		for (i = 0; i < b->count && b->cells[i] != cell; i++)
			continue;
	return i;
}

bool
ledger_add(struct ledger_batch *b, uint32_t cell, uint64_t delta)
{
	unsigned i = find(b, cell);

	if (i == STATE_BATCH_MAX)
		return false;
	if (i == b->count) {
		b->cells[i] = cell;
		b->deltas[i] = 0;
		b->count++;
	}
	b->deltas[i] += delta;
	b->hints[cell % sizeof b->hints] = (uint8_t)(i + 1);
	return true;
}

uint64_t
ledger_value(const struct ledger_batch *b, const struct bank *bank,
    uint32_t cell)
{
	const _Atomic uint64_t *own = bank_find(bank, cell);
	unsigned i = find(b, cell);

	return (own == NULL ? 0 :
	    atomic_load_explicit(own, memory_order_relaxed)) +
	    (i < b->count ? b->deltas[i] : 0);
}

/* Everything before it is in memory before it, everything after it after. */
static void
set_state(struct layout_record *r, enum ledger_state state)
{
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&r->state, state, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

void
ledger_hold(struct layout_record *r, const struct bank *bank,
    const struct ledger_batch *b, uint64_t wall_us, const char *id,
    const char *line, size_t n)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < b->count; i++) {
		_Atomic uint64_t *cell = bank_find(bank, b->cells[i]);

		if (cell == NULL)
			continue;
		r->redo[count].cell = b->cells[i];
		r->redo[count++].value = b->deltas[i] +
		    atomic_load_explicit(cell, memory_order_relaxed);
	}
	r->redo_count = count;
	r->wall_us = wall_us;
	snprintf(r->id, sizeof r->id, "%s", id);
	r->line_len = n <= STATE_LINE_MAX ? (uint32_t)n : 0;
	memcpy(r->line, line, r->line_len);
	set_state(r, LEDGER_HELD);
}

void
ledger_written(struct layout_record *r)
{
	set_state(r, LEDGER_WRITTEN);
}

void
ledger_apply(const struct layout_record *r, const struct bank *bank)
{
	for (uint32_t i = 0; i < r->redo_count && i < STATE_BATCH_MAX; i++) {
		_Atomic uint64_t *cell = bank_find(bank, r->redo[i].cell);

		if (cell != NULL)
			atomic_store_explicit(cell, r->redo[i].value,
			    memory_order_release);
	}
}

void
ledger_clear(struct layout_record *r)
{
	set_state(r, LEDGER_EMPTY);
}

/* One whole line, with a request id that can be looked for. */
static bool
line_is_sane(const struct layout_record *r)
{
	size_t	 n = r->line_len;

	if (n < 2 || n > STATE_LINE_MAX ||
	    memcmp(r->line + n - 2, "}\n", 2) != 0)
		return false;
	for (size_t i = 0; i < n - 1; i++)
		if ((unsigned char)r->line[i] < 0x20)
			return false;
	n = strnlen(r->id, sizeof r->id);
	for (size_t i = 0; i < n; i++)
		if (r->id[i] <= 0x20 || r->id[i] == 0x7F || r->id[i] == '"')
			return false;
	return n > 0 && n < sizeof r->id;
}

static bool
is_sane(const struct layout_record *r)
{
	uint32_t state = atomic_load_explicit(&r->state, memory_order_acquire);

	return r->redo_count <= STATE_BATCH_MAX && (state == LEDGER_WRITTEN ||
	    (state == LEDGER_HELD && line_is_sane(r)));
}

bool
ledger_needs_journal(const struct layout_record *r)
{
	return atomic_load_explicit(&r->state, memory_order_acquire) ==
	    LEDGER_HELD && is_sane(r);
}

/*
 * A line that only lacks its newline gets that: behind one before another copy
 * it would be a line itself. Should another writer have come first it is torn
 * now, and missing.
 */
static enum journal_found
find_ended(const char *dir, uint64_t wall_us, const char *id)
{
	enum journal_found found = journal_find(dir, wall_us, id);

	if (found != JOURNAL_UNENDED)
		return found;
	return journal_end_late(dir, wall_us) ?
	    journal_find(dir, wall_us, id) : JOURNAL_UNREADABLE;
}

/* In the file of its hour; or in the next, if the clock was set. */
static bool
append_if_missing(const struct layout_record *r, const char *dir)
{
	enum journal_found found;

	found = find_ended(dir, r->wall_us, r->id);
	if (found == JOURNAL_MISSING)
		found = find_ended(dir, r->wall_us + hour_us, r->id);
	if (found == JOURNAL_MISSING)
		return journal_append_late(dir, r->wall_us, r->line,
		    r->line_len);
	return found == JOURNAL_FOUND;
}

bool
ledger_recover(struct layout_record *r, const struct bank *bank,
    const char *journal_dir)
{
	uint32_t state = atomic_load_explicit(&r->state, memory_order_acquire);

	if (state == LEDGER_EMPTY)
		return true;
	if (!is_sane(r)) {
		log_warn("a damaged record in the state segment is dropped");
		ledger_clear(r);
		return true;
	}
	if (state == LEDGER_HELD) {
		if (journal_dir == NULL || !append_if_missing(r, journal_dir))
			return false;
		ledger_written(r);
	}
	ledger_apply(r, bank);
	ledger_clear(r);
	return true;
}
