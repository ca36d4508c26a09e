#include "config.h"

#include "handlers/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "handlers/background.h"
#include "handlers/list_page.h"
#include "handlers/made.h"
#include "handlers/object_work.h"
#include "handlers/query.h"
#include "handlers/relay.h"
#include "handlers/reply.h"

enum { PAGE_MAX_BYTES = 16 << 20, DIGITS_MAX = 6 };

/* How a provider is asked for the page behind an item, and for a large one. */
static const struct style { const char *after, *limit; }
openai_style = { "after", "100" }, anthropic_style = { "after_id", "1000" };

struct listing {
	struct collection collection;
	struct object	 wanted;	/* kind, provider and key_id */
	const struct target *target;
	size_t		 most;		/* items that the client wants; 0 = it does not say */
	struct list_page page;
	struct buf	*answer;
};

/* ---- Work in the database. ---- */

struct job {
	struct object	 wanted;
	enum objects_result result;
	void		(*done)(struct exchange *, const struct job *);
	size_t		 count;
	bool		*is_own;
	char		**ids;
};

static void
free_job(void *job)
{
	struct job *j = job;

	for (size_t i = 0; i < j->count; i++)
		free(j->ids[i]);
	free(j->ids);
	free(j->is_own);
	free(j);
}

static void
tell(struct exchange *x, void *job)
{
	const struct job *j = job;

	j->done(x, j);
}

static void *
allocate(size_t count, size_t size)
{
	void	*memory = calloc(count + 1, size);

	if (memory == NULL)
		abort();
	return memory;
}

static struct job *
make_job(const struct listing *l,
    void (*done)(struct exchange *, const struct job *))
{
	struct job *j = allocate(1, sizeof *j);

	j->wanted = l->wanted;
	j->done = done;
	return j;
}

static void
find_any(struct db *db, void *job)
{
	struct job *j = job;

	j->result = objects_find_any(db, &j->wanted, time(NULL));
}

static void
find_own(struct db *db, void *job)
{
	struct job *j = job;

	j->result = objects_find_own(db, &j->wanted,
	    (const char *const *)j->ids, j->is_own, j->count, time(NULL));
}

/* ---- What the provider lists. ---- */

static void
refuse(struct exchange *x)
{
	reply_error(x, ERR_LIST, NULL);
}

/* The provider's next page, where this one had nothing: a larger one. */
static bool
ask_further(struct exchange *x, struct listing *l)
{
	const char *next = list_page_next(&l->page);
	const struct style *s = l->target->provider->kind ==
		    CONF_KIND_ANTHROPIC ? &anthropic_style : &openai_style;

	return next != NULL && query_find(x, "before") == NULL &&
	    query_find(x, "before_id") == NULL && relay_repeat(x,
	    query_with(x, query_with(x, query_of_passthrough(x,
	    l->target->provider), s->after, next), "limit", s->limit));
}

static void
on_own(struct exchange *x, const struct job *j)
{
	struct listing *l = x->extra;
	struct buf out;
	bool	 has_any = false;

	if (j->result != OBJECTS_OK) {
		reply_error(x, ERR_STORE, NULL);
		return;
	}
	for (size_t i = 0; i < j->count; i++)
		has_any = has_any || j->is_own[i];
	if (!has_any && ask_further(x, l))
		return;
	buf_init(&out, l->answer->max + l->page.len);
	list_page_write(&l->page, j->is_own, l->most, &out);
	buf_fini(l->answer);
	*l->answer = out;
	made_note_mentions(x, l->target, buf_data(&out), buf_len(&out));
	relay_finish(x);
}

static void
filter(struct exchange *x, struct buf *answer)
{
	struct listing *l = x->extra;
	struct job *j;

	l->answer = answer;
	if (!list_page_read(&l->page, x->call.arena, buf_data(answer),
	    buf_len(answer))) {
		refuse(x);
		return;
	}
	j = make_job(l, on_own);
	j->is_own = allocate(l->page.count, sizeof *j->is_own);
	j->ids = allocate(l->page.count, sizeof *j->ids);
	for (; j->count < l->page.count; j->count++) {
		j->ids[j->count] = strdup(l->page.items[j->count].id);
		if (j->ids[j->count] == NULL)
			abort();
	}
	background_run(x, j, find_own, tell, free_job);
}

/* ---- Asking. ---- */

/* A HEAD is asked for as a GET: the length is that of what is left. */
static void
ask(struct exchange *x)
{
	static const struct relay_order order = { .finish = filter,
		.ask = { .method = "GET", .whole_max = PAGE_MAX_BYTES } };
	const struct listing *l = x->extra;

	relay_to(x, l->target, &order);
}

static void
reply_empty(struct exchange *x, const struct listing *l)
{
	struct buf body;

	buf_init(&body, 256);
	buf_puts(&body, l->target->provider->kind == CONF_KIND_ANTHROPIC ?
	    "{" : "{\"object\":\"list\",");
	buf_puts(&body, "\"data\":[],\"has_more\":false,\"first_id\":null,"
	    "\"last_id\":null}");
	reply_json(x, 200, &body);
}

static void
on_any(struct exchange *x, const struct job *j)
{
	if (j->result == OBJECTS_DB_ERROR)
		reply_error(x, ERR_STORE, NULL);
	else if (j->result == OBJECTS_NONE)
		reply_empty(x, x->extra);
	else
		ask(x);
}

/* How many the client wants; what is no small number is left to the provider. */
static size_t
read_limit(struct exchange *x)
{
	const char *text = query_find(x, "limit");
	size_t	 n = text == NULL ? 0 : strlen(text);

	return n == 0 || n > DIGITS_MAX || strspn(text, "0123456789") != n ?
	    0 : strtoul(text, NULL, 10);
}

void
listing_begin(struct exchange *x, const struct collection *c,
    const struct target *target)
{
	struct listing *l = arena_alloc(x->call.arena, sizeof *l);

	l->collection = *c;
	l->target = target;
	l->most = read_limit(x);
	object_work_set_place(&l->wanted, target);
	memcpy(l->wanted.kind, c->kind, sizeof l->wanted.kind);
	snprintf(l->wanted.key_id, sizeof l->wanted.key_id, "%s",
	    exchange_key_id(x));
	x->extra = l;
	if (c->is_known)
		background_run(x, make_job(l, on_any), find_any, tell,
		    free_job);
	else
		ask(x);
}
