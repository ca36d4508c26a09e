/* channels.h - the table of channel records, found by name. */
#ifndef STORE_CHANNELS_H
#define STORE_CHANNELS_H

#include "store/layout.h"

/* See state_channel; NULL: no room, or the name is too long. */
struct state_channel *channels_get(struct layout *, const char *name);
#endif
