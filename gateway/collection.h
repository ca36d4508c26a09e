/* collection.h - what all processes have counted, by the groups of families. */
#ifndef GATEWAY_COLLECTION_H
#define GATEWAY_COLLECTION_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "gateway/families.h"
#include "store/state.h"

/* A series as it was found in the segment. */
struct sample {
	struct sample	*next;
	const uint64_t	*cells;		/* of the group */
	size_t		 len;
	char		 labels[];	/* without braces */
};

struct collection {
	struct arena	 arena;
	struct sample	*first[GROUP__MAX], **last[GROUP__MAX];
};

/* Copy everything out of the segment; samples are sorted by labels. */
void	collection_init(struct collection *, struct state *);
void	collection_fini(struct collection *);
#endif
