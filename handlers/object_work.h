/* object_work.h - remember and find objects for a request, off the loop. */
#ifndef HANDLERS_OBJECT_WORK_H
#define HANDLERS_OBJECT_WORK_H

#include <stdbool.h>

#include "handlers/exchange.h"
#include "store/store.h"

typedef void object_work_done_fn(struct exchange *, bool ok,
    const struct object *);

/* Put a copy of the object into the store, then DONE, unless the client has left. */
void	object_work_put(struct exchange *, const struct object *,
	    object_work_done_fn *done);

/* Find what has the object's kind, id and key_id; DONE gets it with the rest. */
void	object_work_find(struct exchange *, const struct object *,
	    object_work_done_fn *done);
#endif
