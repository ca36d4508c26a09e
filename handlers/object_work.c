#include "config.h"

#include "handlers/object_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "handlers/background.h"
#include "handlers/reply.h"

/*
 * Not all of these are told of in answers that pass here: one that nobody is
 * known to have made may be named, one that another key has made may not.
 */
static const char *const lenient_kinds[] = { "item", "containers", "skills" };

struct job {
	struct object	 object;
	enum objects_result result;
	object_work_done_fn *done;
	const struct id_found *found;	/* the exchange's, or NULL */
	size_t		 looked;	/* for so many */
	bool		 is_strict;	/* the first of them must be known, whatever it is */
	struct unpaid	*unpaid;	/* a copy, or NULL */
	size_t		 count;
	struct object_id ids[];		/* copied: the request may end meanwhile */
};

static void
set_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
}

/* What is too long to be remembered is not: "" is nobody's. */
static struct job *
make_job(const struct exchange *x, const struct object *object,
    const struct id_list *list, object_work_done_fn *done)
{
	size_t	 count = list == NULL ? 0 : list->count;
	struct job *j = calloc(1, sizeof *j + count * sizeof j->ids[0]);

	if (j == NULL)
		abort();
	if (object != NULL)
		j->object = *object;
	set_text(j->object.key_id, sizeof j->object.key_id,
	    exchange_key_id(x));
	j->done = done;
	for (; j->count < count; j->count++) {
		struct object_id *id = &j->ids[j->count];
		const struct id_found *f = &list->items[j->count];

		set_text(id->kind, sizeof id->kind, f->kind);
		if (strlen(f->id) < sizeof id->id)
			set_text(id->id, sizeof id->id, f->id);
	}
	return j;
}

static void
free_job(void *job)
{
	free(((struct job *)job)->unpaid);
	free(job);
}

static void
tell(struct exchange *x, void *job)
{
	const struct job *j = job;

	if (j->found != NULL && j->result != OBJECTS_OK)
		x->param = j->found[j->looked - 1].member;
	j->done(x, j->result, &j->object);
}

/* ---- Putting. ---- */

static void
put(struct db *db, void *job)
{
	struct job *j = job;

	j->result = objects_put(db, &j->object, time(NULL));
}

static void
put_all(struct db *db, void *job)
{
	struct job *j = job;

	/* Who dies between these leaves nothing that nobody pays for. */
	if (j->unpaid != NULL && unpaid_put(db, j->unpaid) ==
	    UNPAID_DB_ERROR) {
		j->result = OBJECTS_DB_ERROR;
		return;
	}
	j->result = objects_put_all(db, &j->object, j->ids, j->count,
	    time(NULL));
}

void
object_work_put(struct exchange *x, const struct object *object,
    object_work_done_fn *done)
{
	background_run(x, make_job(x, object, NULL, done), put, tell, free_job);
}

void
object_work_put_all(struct exchange *x, const struct object *object,
    const struct id_list *list, const struct unpaid *unpaid,
    object_work_done_fn *done)
{
	struct job *j = make_job(x, object, list, done);

	if (unpaid != NULL) {
		j->unpaid = malloc(sizeof *j->unpaid);
		if (j->unpaid == NULL)
			abort();
		*j->unpaid = *unpaid;
	}
	if (done != NULL)
		background_run(x, j, put_all, tell, free_job);
	else
		background_run_alone(x->app, j, put_all, free_job);
}

/* ---- Finding. ---- */

static bool
is_lenient(const char *kind)
{
	for (size_t i = 0; i < sizeof lenient_kinds / sizeof *lenient_kinds;
	    i++)
		if (strcmp(lenient_kinds[i], kind) == 0)
			return true;
	return false;
}

/* OBJECTS_NONE may be as good as found, and says then nothing of the place. */
static enum objects_result
find_one(struct db *db, struct object *o, bool is_strict)
{
	int64_t	 now = time(NULL);
	enum objects_result result = objects_find(db, o, now);

	if (result != OBJECTS_NONE || is_strict || !is_lenient(o->kind))
		return result;
	result = objects_find_others(db, o, now);
	return result == OBJECTS_OK ? OBJECTS_NONE :
	    result == OBJECTS_NONE ? OBJECTS_OK : result;
}

static void
find(struct db *db, void *job)
{
	struct job *j = job;
	struct object *o = &j->object;
	struct unpaid u = { .made_ms = 0 };

	j->result = objects_find(db, o, time(NULL));
	if (j->result != OBJECTS_OK || strcmp(o->kind, "response") != 0)
		return;
	set_text(u.provider, sizeof u.provider, o->provider);
	set_text(u.id, sizeof u.id, o->id);
	set_text(u.key_id, sizeof u.key_id, o->key_id);
	o->is_unpaid = unpaid_find(db, &u) == UNPAID_OK;
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
		const struct object_id *id = &j->ids[j->looked++];

		memcpy(o->kind, id->kind, sizeof o->kind);
		memcpy(o->id, id->id, sizeof o->id);
		o->url[0] = '\0';
		j->result = find_one(db, o, j->is_strict && j->looked == 1);
		if (url[0] != '\0' && o->url[0] != '\0' &&
		    strcmp(url, o->url) != 0)
			j->result = OBJECTS_NONE;
		if (o->url[0] != '\0')
			memcpy(url, o->url, sizeof o->url);
	}
	memcpy(o->url, url, sizeof o->url);
	free(url);
}

void
object_work_find(struct exchange *x, const struct object *object,
    object_work_done_fn *done)
{
	background_run(x, make_job(x, object, NULL, done), find, tell, free_job);
}

void
object_work_find_all(struct exchange *x, const struct id_list *list,
    const char *provider, object_work_done_fn *done)
{
	struct job *j = make_job(x, NULL, list, done);

	if (provider != NULL)
		set_text(j->object.provider, sizeof j->object.provider,
		    provider);
	j->is_strict = list->items[0].member == NULL;
	j->found = list->items;
	background_run(x, j, find_all, tell, free_job);
}

/* ---- Forgetting. ---- */

static void
forget(struct db *db, void *job)
{
	struct job *j = job;

	j->result = objects_forget(db, &j->object);
}

void
object_work_forget(struct exchange *x, const struct object *object)
{
	background_run_alone(x->app, make_job(x, object, NULL, NULL), forget,
	    free_job);
}

/* ---- What it means to the request. ---- */

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

void
object_work_set_place(struct object *out, const struct target *t)
{
	set_text(out->provider, sizeof out->provider, t->provider->name);
	set_text(out->url, sizeof out->url, strcmp(t->base_url,
	    t->provider->base_url) == 0 ? "" : t->base_url);
}
