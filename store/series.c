#include "config.h"

#include "store/series.h"

#include <stdlib.h>
#include <string.h>

#include "store/hashes.h"

/* COUNT new cells in one chunk; 0, which is nobody's cell: there are none. */
static uint32_t
cells_take(struct layout *map, unsigned count)
{
	uint32_t next = atomic_load_explicit(&map->next_cell,
	    memory_order_relaxed), first;

	do {
		first = next == 0 ? 1 : next;
		if (first % LAYOUT_CHUNK_CELLS + count > LAYOUT_CHUNK_CELLS)
			first += LAYOUT_CHUNK_CELLS -
			    first % LAYOUT_CHUNK_CELLS;
		if (next >= LAYOUT_SERIES_CELLS ||
		    first + count > LAYOUT_SERIES_CELLS)
			return 0;
	} while (!atomic_compare_exchange_weak_explicit(&map->next_cell, &next,
	    first + count, memory_order_relaxed, memory_order_relaxed));
	return first;
}

/* Everybody who comes for this text writes the same, but for the cells. */
static bool
fill(struct layout *map, struct layout_series *s, const char *text, size_t len,
    unsigned count, bool is_gauge)
{
	uint32_t none = 0, first;

	if (atomic_load_explicit(&s->first, memory_order_relaxed) == 0) {
		first = cells_take(map, count);
		if (first == 0)
			return false;
		atomic_compare_exchange_strong_explicit(&s->first, &none,
		    first, memory_order_relaxed, memory_order_relaxed);
	}
	s->count = (uint8_t)count;
	s->is_gauge = is_gauge;
	memcpy(s->text, text, len);
	s->text[len] = '\0';
	atomic_store_explicit(&s->is_ready, 1, memory_order_release);
	return true;
}

/* Asked first, to leave the pages of the empty places alone. */
static bool
is_taken(const struct layout *map, unsigned i)
{
	return atomic_load_explicit(&map->series_hash[i],
	    memory_order_relaxed) != 0;
}

static bool
is_ready(const struct layout_series *s)
{
	return atomic_load_explicit(&s->is_ready, memory_order_acquire) == 1;
}

/* The first cell, or 0 when these are no cells that there can be. */
static uint32_t
first_of(const struct layout_series *s)
{
	uint32_t first = atomic_load_explicit(&s->first, memory_order_relaxed);

	if (first >= LAYOUT_SERIES_CELLS || s->count == 0 ||
	    s->count > STATE_CELLS_MAX ||
	    first % LAYOUT_CHUNK_CELLS + s->count > LAYOUT_CHUNK_CELLS)
		return 0;
	return first;
}

int32_t
series_get(struct layout *map, const char *text, size_t len, unsigned count,
    bool is_gauge)
{
	uint32_t probe = 0, first;
	uint64_t shape = count << 1 | is_gauge, hash;
	struct layout_series *s;
	int32_t	 i;

	if (len == 0 || len > STATE_TEXT_MAX || count == 0 ||
	    count > STATE_CELLS_MAX)
		return -1;
	/* Another shape of the same text is another series. */
	hash = hashes_make(text, len) ^ shape << 32;
	hash += hash == 0;
	while ((i = hashes_claim(map->series_hash, LAYOUT_SERIES, hash,
	    &probe)) >= 0) {
		s = &map->series[i];
		if (!is_ready(s) && !fill(map, s, text, len, count, is_gauge))
			return -1;
		first = first_of(s);
		if (first != 0 && s->count == count &&
		    s->is_gauge == is_gauge &&
		    memcmp(s->text, text, len) == 0 && s->text[len] == '\0')
			return (int32_t)first;
	}
	return -1;
}

void
series_clear_gauges(struct layout *map, const struct bank *bank)
{
	_Atomic uint64_t *cell;
	uint32_t first;

	for (unsigned i = 0; i < LAYOUT_SERIES; i++) {
		const struct layout_series *s = &map->series[i];

		if (!is_taken(map, i) || !is_ready(s) || !s->is_gauge ||
		    (first = first_of(s)) == 0)
			continue;
		for (unsigned j = 0; j < s->count; j++)
			if ((cell = bank_find(bank, first + j)) != NULL)
				atomic_store_explicit(cell, 0,
				    memory_order_relaxed);
	}
}

/* A copy: what is checked must not change afterwards. */
struct listed {
	char		 text[STATE_TEXT_MAX + 1];
	uint32_t	 first;
	unsigned	 count;
	bool		 is_gauge;
};

static bool
list_entry(struct listed *to, const struct layout_series *s)
{
	size_t	 n;

	if (!is_ready(s))
		return false;
	*to = (struct listed){ .first = first_of(s), .count = s->count,
	    .is_gauge = s->is_gauge != 0 };
	memcpy(to->text, s->text, sizeof to->text);
	n = strnlen(to->text, sizeof to->text);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)to->text[i] < 0x20 || to->text[i] == 0x7F)
			return false;
	return to->first != 0 && n > 0 && n < sizeof to->text &&
	    to->count >= 1 && to->count <= STATE_CELLS_MAX &&
	    to->first % LAYOUT_CHUNK_CELLS + to->count <= LAYOUT_CHUNK_CELLS;
}

/* By text; of one text, the one with the most cells leads. */
static int
compare(const void *one, const void *other)
{
	const struct listed *a = one, *b = other;
	int	 order = strcmp(a->text, b->text);

	if (order != 0)
		return order;
	return (b->count > a->count) - (b->count < a->count);
}

void
series_each(struct layout *map, const bool is_alive[LAYOUT_SLOTS],
    void (*each)(void *arg, const char *text, const uint64_t *cells,
    unsigned count, bool is_gauge), void *arg)
{
	struct bank_sums *sums = calloc(1, sizeof *sums);
	struct listed *list = calloc(LAYOUT_SERIES, sizeof *list);
	size_t	 n = 0, next;

	if (sums == NULL || list == NULL)
		abort();
	bank_sum(map, is_alive, sums);
	for (unsigned i = 0; i < LAYOUT_SERIES; i++)
		n += is_taken(map, i) && list_entry(&list[n], &map->series[i]);
	qsort(list, n, sizeof *list, compare);
	for (size_t i = 0; i < n; i = next) {
		const uint64_t *from = list[i].is_gauge ? sums->living :
		    sums->all;
		uint64_t cells[STATE_CELLS_MAX] = { 0 };

		for (next = i; next < n &&
		    strcmp(list[next].text, list[i].text) == 0; next++)
			for (unsigned j = 0; j < list[next].count; j++)
				cells[j] += from[list[next].first + j];
		each(arg, list[i].text, cells, list[i].count,
		    list[i].is_gauge);
	}
	free(list);
	free(sums);
}
