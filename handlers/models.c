#include "config.h"

#include "handlers/models.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "gateway/gate.h"
#include "handlers/catalog.h"
#include "handlers/model_json.h"
#include "handlers/pair.h"
#include "handlers/reply.h"
#include "handlers/route.h"

enum { LIST_MAX_BYTES = 64 << 20, LIMIT_DIGITS_MAX = 9, LISTED_MAX = 20000 };

/* A model that the client may see. */
struct listed {
	const char	*id, *owned_by;
	const struct model *model;
	size_t		 place;		/* among those of its id */
};

/* All of them, by id, of which [from, to) is the page that is asked for. */
struct listing {
	struct listed	*items;
	size_t		 max, count, from, to;
	bool		 has_more;	/* there is another page this way */
};

/* ---- What there is. ---- */

static void
list_configured(struct listing *l, const struct exchange *x)
{
	const struct snapshot *s = x->call.snapshot;

	for (size_t i = 0; i < s->model_count; i++)
		if (gate_allows_model(&x->call, &s->models[i]))
			l->items[l->count++] = (struct listed){
				.id = s->models[i].id,
				.owned_by = s->models[i].owned_by,
				.model = &s->models[i] };
}

/*
 * What the target of the wildcard M has, but for what goes elsewhere by its name:
 * to a model that is configured, or to a wildcard that fits better.
 */
static void
list_target(struct listing *l, const struct exchange *x,
    const struct model *m, const struct target *t)
{
	size_t	 count;
	const char *name = catalog_find(x->app->catalog, t, &count), *rest;

	for (; count-- > 0; name += strlen(name) + 1) {
		const char *id = arena_concat(x->call.arena, m->id, name,
		    NULL);

		if (l->count < l->max &&
		    snapshot_find(x->call.snapshot, id, &rest) == m &&
		    gate_check_model(&x->call, id) == ERR_NONE)
			l->items[l->count++] = (struct listed){ .id = id,
				.owned_by = t->provider->name, .model = m };
	}
}

/* Calls LIST for each target of a wildcard whose models are known. */
static void
each_wildcard(struct listing *l, const struct exchange *x,
    void (*list)(struct listing *, const struct exchange *,
    const struct model *, const struct target *))
{
	const struct snapshot *s = x->call.snapshot;

	for (size_t i = 0; i < s->wildcard_count; i++)
		for (size_t j = 0; j < s->wildcards[i].target_count; j++)
			if (catalog_covers(&s->wildcards[i].targets[j]))
				list(l, x, &s->wildcards[i],
				    &s->wildcards[i].targets[j]);
}

static void
count_target(struct listing *l, const struct exchange *x,
    const struct model *m, const struct target *t)
{
	size_t	 count;

	(void)m;
	catalog_find(x->app->catalog, t, &count);
	l->max += count;
}

/* By id, and of one id as they were found. */
static int
compare(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	int	 order = strcmp(x->id, y->id);

	return order != 0 ? order : (x->place > y->place) -
	    (x->place < y->place);
}

/* Of models that several providers have one is listed, once. */
static void
sort(struct listing *l)
{
	size_t	 kept = 0;

	for (size_t i = 0; i < l->count; i++)
		l->items[i].place = i;
	qsort(l->items, l->count, sizeof *l->items, compare);
	for (size_t i = 0; i < l->count; i++)
		if (i == 0 || strcmp(l->items[i].id, l->items[i - 1].id) != 0)
			l->items[kept++] = l->items[i];
	l->count = kept;
}

static void
list_all(struct listing *l, const struct exchange *x)
{
	l->max = x->call.snapshot->model_count;
	each_wildcard(l, x, count_target);
	if (l->max > LISTED_MAX)
		l->max = LISTED_MAX;
	if (l->max < x->call.snapshot->model_count)
		l->max = x->call.snapshot->model_count;
	l->items = arena_alloc(x->call.arena, l->max * sizeof *l->items);
	list_configured(l, x);
	if (l->max == x->call.snapshot->model_count)
		return;			/* in order as they are */
	each_wildcard(l, x, list_target);
	sort(l);
}

/* ---- The page. ---- */

/* How many there are before ID, with INCLUDED also itself. */
static size_t
count_before(const struct listing *l, const char *id, bool included)
{
	size_t	 n = 0;

	while (n < l->count && strcmp(l->items[n].id, id) < 0)
		n++;
	return n + (included && n < l->count &&
	    strcmp(l->items[n].id, id) == 0);
}

/* False: LIMIT is no whole number above 0. */
static bool
parse_limit(const char *limit, size_t *n)
{
	size_t	 len = strlen(limit);

	if (len == 0 || len > LIMIT_DIGITS_MAX ||
	    strspn(limit, "0123456789") != len)
		return false;
	*n = strtoul(limit, NULL, 10);
	return *n > 0;
}

/* An id need not be there any more: its place in the order is. */
static bool
find_page(struct listing *l, struct exchange *x)
{
	const char *query = x->path.raw + x->path.raw_len;
	const char *after, *before, *limit;
	size_t	 most;

	query += *query == '?';
	after = pair_find(x->call.arena, query, "after_id");
	before = pair_find(x->call.arena, query, "before_id");
	limit = pair_find(x->call.arena, query, "limit");
	l->from = after == NULL ? 0 : count_before(l, after, true);
	l->to = before == NULL ? l->count : count_before(l, before, false);
	if (l->to < l->from)
		l->to = l->from;
	if (limit == NULL)
		return true;
	if (!parse_limit(limit, &most))
		return false;
	l->has_more = l->to - l->from > most;
	if (l->has_more && before != NULL && after == NULL)
		l->from = l->to - most;
	else if (l->has_more)
		l->to = l->from + most;
	return true;
}

/* ---- The answer. ---- */

static void
put_items(struct buf *out, const struct listing *l)
{
	for (size_t i = l->from; i < l->to; i++) {
		buf_puts(out, i > l->from ? "," : "");
		model_json_put(out, l->items[i].model, l->items[i].id,
		    l->items[i].owned_by);
	}
}

/*
 * What Codex takes from here replaces what it would suppose of a model, good
 * instructions above all: only those are in it of which more than that is known.
 */
static void
put_catalog(struct buf *out, const struct listing *l)
{
	size_t	 n = 0;

	for (size_t i = l->from; i < l->to; i++) {
		if (l->items[i].model->context_window == 0)
			continue;
		buf_puts(out, n++ > 0 ? "," : "");
		model_json_put_codex(out, l->items[i].model, l->items[i].id, n);
	}
}

static void
put_end(struct buf *out, const char *member, const struct listing *l, size_t i)
{
	buf_puts(out, member);
	if (l->from == l->to)
		buf_puts(out, "null");
	else
		json_write_string(out, l->items[i].id,
		    strlen(l->items[i].id));
}

static void
reply_listing(struct exchange *x, struct listing *l)
{
	struct buf out;

	if (!find_page(l, x)) {
		x->param = "limit";
		reply_error(x, ERR_FIELD_VALUE,
		    "limit must be a whole number above 0.");
		return;
	}
	buf_init(&out, LIST_MAX_BYTES);
	buf_puts(&out, "{\"object\":\"list\",\"data\":[");
	put_items(&out, l);
	buf_printf(&out, "],\"has_more\":%s", l->has_more ? "true" : "false");
	put_end(&out, ",\"first_id\":", l, l->from);
	put_end(&out, ",\"last_id\":", l, l->to - 1);
	buf_puts(&out, ",\"models\":[");
	put_catalog(&out, l);
	buf_puts(&out, "]}");
	reply_json(x, 200, &out);
}

static void
reply_list(struct exchange *x)
{
	struct listing l = { .count = 0 };

	list_all(&l, x);
	reply_listing(x, &l);
}

static void
stop_waiting(struct exchange *x)
{
	catalog_leave(x->app->catalog, x);
}

void
models_handle_list(struct exchange *x)
{
	x->cancel = x->release = stop_waiting;
	if (!catalog_wait(x->app->catalog, x, reply_list))
		reply_list(x);
}

void
models_handle_one(struct exchange *x)
{
	const char *name = route_rest(x->route, x->call.path), *rest;
	const struct model *m = snapshot_find(x->call.snapshot, name, &rest);
	struct buf out;

	x->call.model = name;
	if (gate_check_model(&x->call, name) != ERR_NONE) {
		reply_error(x, ERR_MODEL_NOT_ALLOWED, NULL);
		return;
	}
	if (m == NULL) {
		reply_error(x, ERR_MODEL_NOT_FOUND,
		    arena_printf(x->call.arena,
		    "The model '%.256s' does not exist.", name));
		return;
	}
	buf_init(&out, LIST_MAX_BYTES);
	model_json_put(&out, m, name, m->owned_by);
	reply_json(x, 200, &out);
}
