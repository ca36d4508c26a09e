#include "config.h"

#include "handlers/responses.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/tree.h"
#include "handlers/model_call.h"
#include "handlers/object_work.h"
#include "handlers/reply.h"
#include "handlers/route.h"

enum { FIRST_EVENT_MAX = 262144 };

/* ---- Remembering. ---- */

static void
set_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
}

static bool
make_object(struct exchange *x, struct object *o, const char *id)
{
	const struct target *t = x->call.target;

	if (id == NULL || *id == '\0' || strlen(id) >= sizeof o->id)
		return false;
	*o = (struct object){ .kind = "response" };
	set_text(o->id, sizeof o->id, id);
	set_text(o->provider, sizeof o->provider, t->provider->name);
	if (strcmp(t->base_url, t->provider->base_url) != 0)
		set_text(o->url, sizeof o->url, t->base_url);
	return true;
}

static void
on_stored(struct exchange *x, enum objects_result result,
    const struct object *o)
{
	(void)o;
	if (result != OBJECTS_OK)
		log_warn("%s: the response's id %s; it cannot be asked for "
		    "later", x->call.id, result == OBJECTS_NONE ?
		    "is that of another key's" : "could not be stored");
	relay_finish(x);
}

static const char *
find_id(struct arena *arena, const char *json, size_t n, const char **path)
{
	yajl_val tree = tree_parse(json, n);
	const char *id = tree == NULL ? NULL :
	    YAJL_GET_STRING(yajl_tree_get(tree, path, yajl_t_string));

	id = arena_strdup(arena, id);
	yajl_tree_free(tree);
	return id;
}

/* The whole answer is here; it is sent when its id is stored. */
static void
remember_answer(struct exchange *x, struct buf *answer)
{
	const char *path[] = { "id", NULL };
	struct object o;

	if (make_object(x, &o, find_id(x->call.arena, buf_data(answer),
	    buf_len(answer), path)))
		object_work_put(x, &o, on_stored);
	else
		relay_finish(x);
}

/*
 * Looks for the id in an answer that passes: in a stream's first event, or
 * anywhere in one that is too large to be held.
 */
struct lookout {
	bool		 done;
	bool		 is_scan;	/* a large answer; otherwise a stream */
	struct json_scan scan;
	uint64_t	 offset;	/* of what was scanned */
	struct buf	 kept;		/* the id's raw text, or the stream's beginning */
};

static void
scan_answer(struct exchange *x, const char *bytes, size_t n)
{
	static const char *const names[] = { "id" };
	struct lookout *s = x->extra;
	const struct json_range *range = &s->scan.ranges[0];
	uint64_t from, to, base = s->offset;
	struct buf *raw = &s->kept;
	char	 id[OBJECTS_ID_MAX];
	struct object o;

	if (base == 0)
		json_scan_init(&s->scan, names, 1);
	s->offset += n;
	s->done = json_scan_feed(&s->scan, bytes, n) != ERR_NONE;
	if (range->kind != JSON_STRING)
		return;
	from = range->start > base ? range->start : base;
	to = range->end != 0 ? range->end : base + n;
	if (to <= from || buf_append(raw, bytes + (from - base),
	    (size_t)(to - from)) != ERR_NONE || range->end == 0)
		return;
	s->done = true;
	if (json_string_decode(buf_data(raw), buf_len(raw), id, sizeof id) >
	    0 && make_object(x, &o, id))
		object_work_put(x, &o, on_stored);
}

static void
begin_scan(struct exchange *x, const struct buf *beginning)
{
	struct lookout *s = x->extra;

	s->is_scan = true;
	scan_answer(x, buf_data(beginning), buf_len(beginning));
}

/* Length of the block up to and with its empty line, or 0 while that is not here. */
static size_t
block_length(const struct buf *stream)
{
	const char *data = buf_data(stream);
	const char *lf = memmem(data, buf_len(stream), "\n\n", 2);
	const char *crlf = memmem(data, buf_len(stream), "\r\n\r\n", 4);

	if (lf != NULL && (crlf == NULL || lf < crlf))
		return (size_t)(lf - data) + 2;
	return crlf == NULL ? 0 : (size_t)(crlf - data) + 4;
}

/* What the block's data line says, in ARENA; NULL: it has none. */
static const char *
find_data(struct arena *arena, const char *block, size_t n)
{
	const char *end = block + n, *stop;
	const char *data = n >= 5 && memcmp(block, "data:", 5) == 0 ? block :
		    memmem(block, n, "\ndata:", 6);

	if (data == NULL)
		return NULL;
	data = (const char *)memchr(data, ':', (size_t)(end - data)) + 1;
	for (stop = data; stop < end && *stop != '\r' && *stop != '\n'; stop++)
		;
	return arena_strndup(arena, data, (size_t)(stop - data));
}

/*
 * The data line of the first event ("response.created") names the response.
 * False: this block has none, it is a comment or a field of another kind.
 */
static bool
remember_event(struct exchange *x, const char *block, size_t n)
{
	const char *path[] = { "response", "id", NULL };
	const char *data = find_data(x->call.arena, block, n);
	struct object o;

	if (data == NULL)
		return false;
	if (make_object(x, &o, find_id(x->call.arena, data, strlen(data),
	    path)))
		object_work_put(x, &o, on_stored);
	return true;
}

static void
watch_stream(struct exchange *x, const char *bytes, size_t n)
{
	struct lookout *s = x->extra;
	size_t	 len;

	s->done = buf_append(&s->kept, bytes, n) != ERR_NONE;
	while (!s->done && (len = block_length(&s->kept)) > 0) {
		s->done = remember_event(x, buf_data(&s->kept), len);
		buf_consume(&s->kept, len);
	}
	if (s->done)
		buf_fini(&s->kept);
}

static void
watch_answer(struct exchange *x, const char *bytes, size_t n)
{
	const struct lookout *s = x->extra;

	if (s->done)
		return;
	if (s->is_scan)
		scan_answer(x, bytes, n);
	else
		watch_stream(x, bytes, n);
}

static void
release_lookout(struct exchange *x)
{
	struct lookout *s = x->extra;

	buf_fini(&s->kept);
}

void
responses_handle_create(struct exchange *x)
{
	static const struct relay_order extras = {
		.finish = remember_answer, .outgrown = begin_scan,
		.watch = watch_answer,
	};
	struct lookout *s = arena_alloc(x->call.arena, sizeof *s);

	buf_init(&s->kept, FIRST_EVENT_MAX);
	x->extra = s;
	x->release_extra = release_lookout;
	model_call_start(x, &extras);
}

/* ---- Asking for one later. ---- */

static const struct { const char *method, *suffix; } allowed[] = {
	{ "GET", "" }, { "DELETE", "" },
	{ "POST", "cancel" }, { "GET", "input_items" },
};

static bool
is_allowed(const struct exchange *x, const char *suffix)
{
	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
		if (strcmp(allowed[i].method, x->call.method) == 0 &&
		    strcmp(allowed[i].suffix, suffix) == 0)
			return true;
	return false;
}

static void
on_found(struct exchange *x, enum objects_result result,
    const struct object *o)
{
	const struct target *target = result != OBJECTS_OK ? NULL :
	    object_work_target(x, o);

	if (target == NULL)
		object_work_refuse(x, result, o);
	else
		relay_to(x, target, x->content_type);
}

void
responses_handle_by_id(struct exchange *x)
{
	const char *rest = route_rest(x->route, x->call.path);
	const char *slash = strchr(rest, '/');
	size_t	 len = slash == NULL ? strlen(rest) : (size_t)(slash - rest);
	struct object o = { .kind = "response" };

	exchange_forget_scan(x);
	if (len == 0 || len >= sizeof o.id ||
	    !is_allowed(x, slash == NULL ? "" : slash + 1)) {
		reply_error(x, ERR_NOT_FOUND, NULL);
		return;
	}
	memcpy(o.id, rest, len);
	object_work_find(x, &o, on_found);
}
