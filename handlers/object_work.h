/* object_work.h - remember and find objects for a request, off the loop. */
#ifndef HANDLERS_OBJECT_WORK_H
#define HANDLERS_OBJECT_WORK_H

#include "handlers/exchange.h"
#include "handlers/id_reader.h"
#include "store/store.h"

typedef void object_work_done_fn(struct exchange *, enum objects_result,
    const struct object *);

/*
 * Put a copy of the object into the store, then DONE, unless the client has
 * left. Its key_id is filled in here.
 */
void	object_work_put(struct exchange *, const struct object *,
	    object_work_done_fn *done);

/*
 * Put all that is in the list, with the rest as in the object, and what is to be
 * paid for (or NULL), then DONE with what came of the first. NULL: nobody waits
 * for it, nor hears of it.
 */
void	object_work_put_all(struct exchange *, const struct object *,
	    const struct id_list *, const struct unpaid *,
	    object_work_done_fn *done);

/*
 * Find what has the object's kind, id and the exchange's key; DONE gets the rest,
 * and of a response whether it is still to be paid for.
 */
void	object_work_find(struct exchange *, const struct object *,
	    object_work_done_fn *done);

/*
 * Find all that is in the list, at PROVIDER (NULL = wherever they are). OBJECTS_OK:
 * they are the key's own and in one place, whose provider and url the object
 * tells; provider "" = none of them is known, nor has to be: of some kinds not
 * all are, but for a first one without a member, which the path has named. Else
 * the object is the first that is not, and the exchange's param its member.
 */
void	object_work_find_all(struct exchange *, const struct id_list *,
	    const char *provider, object_work_done_fn *done);

/* Forget the object, some time soon. */
void	object_work_forget(struct exchange *, const struct object *);

/*
 * The object that was looked for is nobody's, or another key's, or what it is at
 * is gone: that is told as one. OBJECTS_DB_ERROR: nobody knows.
 */
void	object_work_refuse(struct exchange *, enum objects_result,
	    const struct object *);

/* The target that an object was found at; NULL: it is not configured any more. */
const struct target *object_work_target(struct exchange *,
	    const struct object *);

/* Where T is, in the words of OUT: provider and url. */
void	object_work_set_place(struct object *out, const struct target *);
#endif
