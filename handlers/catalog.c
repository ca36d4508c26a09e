#include "config.h"

#include "handlers/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "handlers/model_names.h"
#include "handlers/outgoing.h"
#include "upstream/attempt.h"

enum {
	SHELVES_MAX = 32,		/* providers that are asked */
	FRESH_MS = 60000,		/* what was told stands unquestioned, where health.interval does not say */
	PAUSE_MS = 10000,		/* at most, after a question without an answer */
	TOTAL_MS = 2000,		/* Claude Code waits 3 seconds for its list */
	ANSWER_MAX_BYTES = 4 << 20,
	NAMES_MAX_BYTES = 512 << 10,
	ARENA_BYTES = 2048
};

/* A question on its way. */
struct question {
	struct shelf	*shelf;
	struct snapshot	*snapshot;	/* a reference: it has... */
	const struct target *target;
	struct arena	 arena;
	struct attempt_request request;
	struct attempt	*attempt;
	int		 status;
	struct buf	 answer;
};

/* What one provider has. */
struct shelf {
	struct catalog	*catalog;
	char		*provider, *base_url;
	struct buf	 names;
	size_t		 count;
	bool		 is_told;	/* it has answered once */
	bool		 is_silent;	/* and not the last time */
	uint64_t	 next_ms;	/* loop time: not asked before */
	struct question	*question;	/* NULL: none is on its way */
	bool		 is_wanted;	/* by the current configuration */
};

struct waiter {
	struct exchange	*x;
	void		(*ready)(struct exchange *);
	struct waiter	*next;
};

struct catalog {
	struct app	*app;
	struct shelf	*shelves[SHELVES_MAX];
	size_t		 count;
	struct waiter	*waiters;	/* in the arenas of their exchanges */
	unsigned	 running;	/* questions of shelves that were never told */
};

struct catalog *
catalog_create(struct app *app)
{
	struct catalog *c = calloc(1, sizeof *c);

	if (c == NULL)
		abort();
	c->app = app;
	return c;
}

/* ---- Shelves. ---- */

/* An Azure resource tells what could be deployed, not what is. */
bool
catalog_covers(const struct target *t)
{
	return t->model == NULL && t->provider->kind != CONF_KIND_AZURE;
}

static struct shelf *
shelf_find(const struct catalog *c, const struct target *t)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->shelves[i]->provider, t->provider->name) == 0 &&
		    strcmp(c->shelves[i]->base_url, t->base_url) == 0)
			return c->shelves[i];
	return NULL;
}

/* NULL: there are too many. */
static struct shelf *
shelf_get(struct catalog *c, const struct target *t)
{
	struct shelf *s = shelf_find(c, t);

	if (s != NULL || c->count == SHELVES_MAX)
		return s;
	s = calloc(1, sizeof *s);
	if (s == NULL)
		abort();
	s->catalog = c;
	s->provider = strdup(t->provider->name);
	s->base_url = strdup(t->base_url);
	if (s->provider == NULL || s->base_url == NULL)
		abort();
	buf_init(&s->names, NAMES_MAX_BYTES);
	c->shelves[c->count++] = s;
	return s;
}

static void
question_free(struct question *q)
{
	if (q == NULL)
		return;
	attempt_free(q->attempt);
	snapshot_unref(q->snapshot);
	arena_fini(&q->arena);
	buf_fini(&q->answer);
	free(q);
}

static void
shelf_free(struct shelf *s)
{
	question_free(s->question);
	buf_fini(&s->names);
	free(s->provider);
	free(s->base_url);
	free(s);
}

void
catalog_free(struct catalog *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->count; i++)
		shelf_free(c->shelves[i]);
	free(c);
}

/* Those that no configuration knows any more; what is on its way comes first. */
static void
drop_unwanted(struct catalog *c)
{
	size_t	 kept = 0;

	for (size_t i = 0; i < c->count; i++)
		if (c->shelves[i]->is_wanted || c->shelves[i]->question != NULL)
			c->shelves[kept++] = c->shelves[i];
		else
			shelf_free(c->shelves[i]);
	c->count = kept;
}

/* ---- Asking. ---- */

static void
question_on_head(void *arg, struct attempt *a)
{
	struct question *q = arg;

	q->attempt = a;
	q->status = a->status;
}

static bool
question_on_data(void *arg, const char *bytes, size_t n)
{
	struct question *q = arg;

	if (buf_append(&q->answer, bytes, n) != ERR_NONE)
		attempt_fail(q->attempt, ERR_NO_MEMORY);
	return true;
}

/* A list is as old as health.interval lets what is known of a provider be. */
static unsigned
pause_ms(const struct target *t, bool ok)
{
	unsigned ms = t->provider->health_interval_ms;

	if (ms == 0)
		ms = FRESH_MS;
	return ok || ms < PAUSE_MS ? ms : PAUSE_MS;
}

/* False: Q has brought no list. */
static bool
shelf_fill(struct shelf *s, const struct question *q)
{
	struct buf names;
	size_t	 count = 0;

	buf_init(&names, NAMES_MAX_BYTES);
	if (q->status != 200 || !model_names_read(buf_data(&q->answer),
	    buf_len(&q->answer), &names, &count)) {
		buf_fini(&names);
		return false;
	}
	buf_fini(&s->names);
	s->names = names;
	s->count = count;
	return true;
}

/* Each may be answered, and its exchange be gone with its waiter. */
static void
wake_waiters(struct catalog *c)
{
	struct waiter *w;

	while (c->running == 0 && (w = c->waiters) != NULL) {
		c->waiters = w->next;
		w->ready(w->x);
	}
}

static void
question_on_done(void *arg, enum err err)
{
	struct question *q = arg;
	struct shelf *s = q->shelf;
	struct catalog *c = s->catalog;
	bool	 ok = err == ERR_NONE && shelf_fill(s, q);

	if (!ok && !s->is_silent)
		log_info("provider %s does not tell which models it has%s",
		    s->provider, s->is_told ? "; those known stay listed" : "");
	c->running -= !s->is_told;
	s->is_told = s->is_told || ok;
	s->is_silent = !ok;
	s->next_ms = uv_now(c->app->loop) + pause_ms(q->target, ok);
	s->question = NULL;
	question_free(q);
	wake_waiters(c);
}

static void
set_request(struct question *q)
{
	const struct conf_provider *p = q->target->provider;
	const struct outgoing o = {
		.target = q->target, .path = "models",
		.query = p->kind == CONF_KIND_ANTHROPIC ? "?limit=1000" : "",
	};

	q->request = (struct attempt_request){
		.method = "GET",
		.url = outgoing_url(&q->arena, &o),
		.proxy = p->proxy,
		.ca_text = p->ca_text,
		.ca_text_bytes = p->ca_text_bytes,
		.http2 = p->http2,
		.headers = outgoing_fields(&q->arena, q->snapshot->conf, NULL,
		    &o),
		.connect_ms = TOTAL_MS, .idle_ms = TOTAL_MS,
		.total_ms = TOTAL_MS,
	};
}

static void
shelf_ask(struct shelf *s, struct snapshot *snapshot, const struct target *t)
{
	struct question *q = calloc(1, sizeof *q);
	const struct sink sink = {
		.head = question_on_head, .data = question_on_data,
		.done = question_on_done, .arg = q,
	};

	if (q == NULL)
		abort();
	q->shelf = s;
	q->snapshot = snapshot_ref(snapshot);
	q->target = t;
	arena_init(&q->arena, ARENA_BYTES);
	buf_init(&q->answer, ANSWER_MAX_BYTES);
	set_request(q);
	s->question = q;
	s->catalog->running += !s->is_told;
	q->attempt = attempt_start(&s->catalog->app->client, &q->request,
	    &sink);
	if (q->attempt == NULL)
		question_on_done(q, ERR_INTERNAL);
}

static void
want(struct catalog *c, struct snapshot *snapshot, const struct target *t)
{
	struct shelf *s = catalog_covers(t) ? shelf_get(c, t) : NULL;

	if (s == NULL)
		return;
	s->is_wanted = true;
	if (s->question == NULL && s->next_ms <= uv_now(c->app->loop))
		shelf_ask(s, snapshot, t);
}

static void
want_all(struct catalog *c, struct snapshot *s)
{
	for (size_t i = 0; i < c->count; i++)
		c->shelves[i]->is_wanted = false;
	for (size_t i = 0; i < s->wildcard_count; i++)
		for (size_t j = 0; j < s->wildcards[i].target_count; j++)
			want(c, s, &s->wildcards[i].targets[j]);
	drop_unwanted(c);
}

/* ---- For who wants to see it. ---- */

bool
catalog_wait(struct catalog *c, struct exchange *x,
    void (*ready)(struct exchange *))
{
	struct waiter *w;

	if (x->call.snapshot->wildcard_count == 0)
		return false;
	want_all(c, x->call.snapshot);
	if (c->running == 0)
		return false;
	w = arena_alloc(x->call.arena, sizeof *w);
	*w = (struct waiter){ .x = x, .ready = ready, .next = c->waiters };
	c->waiters = w;
	return true;
}

void
catalog_leave(struct catalog *c, const struct exchange *x)
{
	for (struct waiter **w = &c->waiters; *w != NULL; w = &(*w)->next)
		if ((*w)->x == x) {
			*w = (*w)->next;
			return;
		}
}

const char *
catalog_find(const struct catalog *c, const struct target *t, size_t *count)
{
	const struct shelf *s = shelf_find(c, t);

	*count = s == NULL ? 0 : s->count;
	return s == NULL ? "" : buf_data(&s->names);
}
