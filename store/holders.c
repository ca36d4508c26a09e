#include "config.h"

#include "store/holders.h"

#include <stdlib.h>

#include "store/chunks.h"

struct holders *
holders_create(struct layout *map)
{
	struct holders *h = calloc(1, sizeof *h);

	if (h == NULL)
		abort();
	h->map = map;
	return h;
}

void
holders_free(struct holders *h)
{
	free(h);
}

static void
list(struct holders *h, unsigned i, unsigned slot, unsigned which)
{
	struct holders_chunk *c = &h->chunks[i];

	if (c->is_listed || slot == CHUNKS_OF_ACCOUNTS ||
	    which < LAYOUT_SERIES_CHUNKS)
		return;
	c->is_listed = true;
	c->slot = (uint8_t)slot;
	c->next = h->first[which - LAYOUT_SERIES_CHUNKS];
	h->first[which - LAYOUT_SERIES_CHUNKS] = i + 1;
}

/* To the end of the file: damage may have left a gap. */
void
holders_look(struct holders *h)
{
	unsigned count = segment_chunks(h->map), slot, which, unseen = count;

	for (unsigned i = h->unseen; i < count; i++) {
		if (atomic_load(&h->map->chunk_owner[i]) == 0)
			unseen = unseen == count ? i : unseen;
		else if (chunks_owner(h->map, i, &slot, &which))
			list(h, i, slot, which);
	}
	h->unseen = unseen;
}
