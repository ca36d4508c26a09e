#include "config.h"

#include "store/channels.h"

#include <string.h>

#include "store/hashes.h"

struct state_channel *
channels_get(struct layout *map, const char *name)
{
	size_t	 size = strlen(name) + 1;
	struct state_channel *c;
	uint32_t probe = 0;
	uint64_t hash;
	int32_t	 i;

	if (size > sizeof c->name)
		return NULL;
	hash = hashes_make(name, size - 1);
	while ((i = hashes_claim(map->channel_hash, LAYOUT_CHANNELS, hash,
	    &probe)) >= 0) {
		c = &map->channels[i];
		if (atomic_load_explicit(&c->is_ready,
		    memory_order_acquire) != 1) {
			memcpy(c->name, name, size);
			atomic_store_explicit(&c->is_ready, 1,
			    memory_order_release);
		}
		if (memcmp(c->name, name, size) == 0)
			return c;
	}
	return NULL;
}
