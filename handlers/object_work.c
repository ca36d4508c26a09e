#include "config.h"

#include "handlers/object_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "handlers/background.h"
#include "handlers/reply.h"

/* What is asked for beside the first, copied: the request may end meanwhile. */
struct more {
	char		 kind[OBJECTS_KIND_MAX];
	char		 id[OBJECTS_ID_MAX];
};

struct job {
	struct object	 object;
	enum objects_result result;
	object_work_done_fn *done;
	size_t		 count;
	size_t		 looked;	/* for so many */
	const struct reference *references;	/* the exchange's, or NULL */
	struct more	 more[];
};

static void
set_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
}

static void
put(struct db *db, void *job)
{
	struct job *j = job;

	j->result = objects_put(db, &j->object, time(NULL));
}

static void
find(struct db *db, void *job)
{
	struct job *j = job;

	j->result = objects_find(db, &j->object, time(NULL));
}

/* Each where the last one was; one that is somewhere of its own says so for all. */
static void
find_all(struct db *db, void *job)
{
	struct job *j = job;
	struct object *o = &j->object;
	char	*url = calloc(1, sizeof o->url);

	if (url == NULL)
		abort();
	while (j->looked < j->count && j->result == OBJECTS_OK) {
		const struct more *m = &j->more[j->looked++];

		memcpy(o->kind, m->kind, sizeof o->kind);
		memcpy(o->id, m->id, sizeof o->id);
		j->result = objects_find(db, o, time(NULL));
		if (url[0] != '\0' && o->url[0] != '\0' &&
		    strcmp(url, o->url) != 0)
			j->result = OBJECTS_NONE;
		if (o->url[0] != '\0')
			memcpy(url, o->url, sizeof o->url);
	}
	memcpy(o->url, url, sizeof o->url);
	free(url);
}

static void
tell(struct exchange *x, void *job)
{
	const struct job *j = job;

	if (j->references != NULL && j->result != OBJECTS_OK)
		x->param = j->references[j->looked - 1].member;
	j->done(x, j->result, &j->object);
}

static struct job *
make_job(size_t count, object_work_done_fn *done)
{
	struct job *j = calloc(1, sizeof *j + count * sizeof j->more[0]);

	if (j == NULL)
		abort();
	j->count = count;
	j->done = done;
	return j;
}

static void
run(struct exchange *x, struct job *j, void (*work)(struct db *, void *))
{
	set_text(j->object.key_id, sizeof j->object.key_id,
	    exchange_key_id(x));
	background_run(x, j, work, tell, free);
}

void
object_work_put(struct exchange *x, const struct object *object,
    object_work_done_fn *done)
{
	struct job *j = make_job(0, done);

	j->object = *object;
	run(x, j, put);
}

void
object_work_find(struct exchange *x, const struct object *object,
    object_work_done_fn *done)
{
	struct job *j = make_job(0, done);

	j->object = *object;
	run(x, j, find);
}

/* What is too long to be remembered is not: "" is nobody's. */
void
object_work_find_all(struct exchange *x, const struct reference_list *list,
    object_work_done_fn *done)
{
	struct job *j = make_job(list->count, done);

	j->references = list->items;
	for (size_t i = 0; i < list->count; i++) {
		const struct reference *r = &list->items[i];

		set_text(j->more[i].kind, sizeof j->more[i].kind, r->kind);
		if (strlen(r->id) < sizeof j->more[i].id)
			set_text(j->more[i].id, sizeof j->more[i].id, r->id);
	}
	run(x, j, find_all);
}

void
object_work_refuse(struct exchange *x, enum objects_result result,
    const struct object *o)
{
	bool	 is_previous = x->param != NULL &&
		    strcmp(x->param, "previous_response_id") == 0;
	bool	 is_response = strcmp(o->kind, "response") == 0;

	if (result == OBJECTS_DB_ERROR)
		reply_error(x, ERR_STORE, NULL);
	else
		reply_error(x, is_previous ? ERR_PREVIOUS_RESPONSE :
		    ERR_OBJECT_NOT_FOUND, arena_printf(x->call.arena,
		    "%s with id '%.200s' not found.", is_previous ?
		    "Previous response" : is_response ? "Response" :
		    arena_concat(x->call.arena, "Object of ", o->kind, NULL),
		    o->id));
}

const struct target *
object_work_target(struct exchange *x, const struct object *o)
{
	return snapshot_find_place(x->call.snapshot, x->call.arena,
	    o->provider, o->url);
}
