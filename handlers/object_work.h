/* object_work.h - remember and find objects for a request, off the loop. */
#ifndef HANDLERS_OBJECT_WORK_H
#define HANDLERS_OBJECT_WORK_H

#include "handlers/exchange.h"
#include "handlers/references.h"
#include "store/store.h"

typedef void object_work_done_fn(struct exchange *, enum objects_result,
    const struct object *);

/*
 * Put a copy of the object into the store, then DONE, unless the client has
 * left. Its key_id is filled in here.
 */
void	object_work_put(struct exchange *, const struct object *,
	    object_work_done_fn *done);

/* Find what has the object's kind, id and the exchange's key; DONE gets the rest. */
void	object_work_find(struct exchange *, const struct object *,
	    object_work_done_fn *done);

/*
 * Find all that is in the list. OBJECTS_OK: they are the key's own and in one
 * place, whose provider and url the object tells. Else the object is the first
 * that is not, and the exchange's param its member.
 */
void	object_work_find_all(struct exchange *, const struct reference_list *,
	    object_work_done_fn *done);

/*
 * The object that was looked for is nobody's, or another key's, or what it is at
 * is gone: that is told as one. OBJECTS_DB_ERROR: nobody knows.
 */
void	object_work_refuse(struct exchange *, enum objects_result,
	    const struct object *);

/* The target that an object was found at; NULL: it is not configured any more. */
const struct target *object_work_target(struct exchange *,
	    const struct object *);
#endif
