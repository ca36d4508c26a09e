#include "config.h"

#include "store/chunks.h"

#include <errno.h>
#include <time.h>

enum {
	GROW_EARLY = 64,		/* chunks left: others need not wait then */
	WAIT_STEP_US = 100,
	WAIT_STEPS = 50
};

/* An owner word: the slot + 1 in the upper half, which of its chunks below. */
static uint32_t
owner_word(unsigned slot, unsigned which)
{
	return (uint32_t)(slot + 1) << 16 | which;
}

bool
chunks_owner(const struct layout *map, unsigned i, unsigned *slot,
    unsigned *which)
{
	uint32_t owner = atomic_load_explicit(&map->chunk_owner[i],
	    memory_order_acquire);

	*slot = (owner >> 16) - 1;
	*which = owner & 0xFFFF;
	if (owner == 0)
		return false;
	return *slot < LAYOUT_SLOTS ? *which < LAYOUT_BANK_CHUNKS :
	    *slot == CHUNKS_OF_ACCOUNTS;
}

/* -1: all COUNT are taken. */
static int
take_free(struct layout *map, unsigned count, uint32_t owner, unsigned *hint)
{
	uint32_t free_word;

	for (; *hint < count; (*hint)++) {
		free_word = 0;
		if (atomic_compare_exchange_strong(&map->chunk_owner[*hint],
		    &free_word, owner))
			return (int)(*hint)++;
	}
	return -1;
}

int
chunks_claim(const struct segment *s, unsigned slot, unsigned which,
    unsigned *hint)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_US * 1000 };
	unsigned count;
	int	 i;

	for (int waits = 0; waits < WAIT_STEPS; waits++) {
		count = segment_chunks(s->map);
		i = take_free(s->map, count, owner_word(slot, which), hint);
		if (i >= 0 && (unsigned)i + GROW_EARLY >= count)
			segment_grow(s, count);
		if (i >= 0)
			return i;
		if (segment_grow(s, count))
			continue;
		if (errno != EAGAIN)
			return -1;
		nanosleep(&step, NULL);
	}
	return -1;
}
