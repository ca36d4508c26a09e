/* collection.h - what below /v1 is whose: paths of collections, and of objects in them. */
#ifndef HANDLERS_COLLECTION_H
#define HANDLERS_COLLECTION_H

#include <stdbool.h>

#include "base/arena.h"
#include "store/store.h"

/* Of one collection, "files", or of an object in it and what belongs to that. */
struct collection {
	char		 kind[OBJECTS_KIND_MAX];	/* of its objects, in store/objects */
	const char	*id;		/* of one of them, in the arena; NULL: of all */
	const char	*rest;		/* what stands behind the id and a slash, or "" */
	bool		 is_known;	/* by name: it can be listed, and is empty at first */
	bool		 makes_part;	/* a POST to all makes no object of this kind, only names some */
	bool		 makes_more;	/* a POST to this path makes another object of this kind */
};

/*
 * Read PATH, decoded, as it stands behind /v1/. Any first segment is a
 * collection, and so are some paths of several; what follows is an id. False: a
 * name or an id is too long to be remembered.
 */
bool	collection_find(struct collection *, struct arena *, const char *path);
#endif
