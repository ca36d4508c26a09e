#include "config.h"

#include "handlers/object_work.h"

#include <stdlib.h>
#include <time.h>

#include "handlers/background.h"

struct job {
	struct object	 object;
	bool		 ok;
	object_work_done_fn *done;
};

static void
put(struct db *db, void *job)
{
	struct job *j = job;

	j->ok = objects_put(db, &j->object);
}

static void
find(struct db *db, void *job)
{
	struct job *j = job;

	j->ok = objects_find(db, &j->object, time(NULL));
}

static void
tell(struct exchange *x, void *job)
{
	const struct job *j = job;

	j->done(x, j->ok, &j->object);
}

static void
run(struct exchange *x, const struct object *object,
    void (*work)(struct db *, void *), object_work_done_fn *done)
{
	struct job *j = malloc(sizeof *j);

	if (j == NULL)
		abort();
	*j = (struct job){ .object = *object, .done = done };
	background_run(x, j, work, tell, free);
}

void
object_work_put(struct exchange *x, const struct object *object,
    object_work_done_fn *done)
{
	run(x, object, put, done);
}

void
object_work_find(struct exchange *x, const struct object *object,
    object_work_done_fn *done)
{
	run(x, object, find, done);
}
