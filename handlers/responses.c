#include "config.h"

#include "handlers/responses.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "handlers/made.h"
#include "handlers/model_call.h"
#include "handlers/object_work.h"
#include "handlers/payment.h"
#include "handlers/query.h"
#include "handlers/reply.h"
#include "handlers/route.h"

/* ---- What a response says of itself. ---- */

enum progress { PROGRESS_UNKNOWN, PROGRESS_UNFINISHED, PROGRESS_FINISHED };

static const struct { const char *text; enum progress progress; } progresses[] = {
	{ "\"queued\"", PROGRESS_UNFINISHED },
	{ "\"in_progress\"", PROGRESS_UNFINISHED },
	{ "\"completed\"", PROGRESS_FINISHED },
	{ "\"incomplete\"", PROGRESS_FINISHED },
	{ "\"failed\"", PROGRESS_FINISHED },
	{ "\"cancelled\"", PROGRESS_FINISHED },
};

struct facts {
	enum progress	 progress;
	bool		 is_background;
	bool		 is_not_stored;
};

enum fact { FACT_RESPONSE, FACT_STATUS, FACT_BACKGROUND, FACT_STORE };

static enum progress
progress_of(const char *json, const struct json_range *range)
{
	size_t	 n = (size_t)(range->end - range->start);

	if (range->kind != JSON_STRING)
		return PROGRESS_UNKNOWN;
	for (size_t i = 0; i < sizeof progresses / sizeof progresses[0]; i++)
		if (strlen(progresses[i].text) == n &&
		    memcmp(progresses[i].text, json + range->start, n) == 0)
			return progresses[i].progress;
	return PROGRESS_UNKNOWN;
}

/* Of a response, or of the event of a stream that has it in it. */
static struct facts
read_facts(const char *json, size_t n)
{
	static const char *const names[] = {
		[FACT_RESPONSE] = "response", [FACT_STATUS] = "status",
		[FACT_BACKGROUND] = "background", [FACT_STORE] = "store",
	};
	struct json_scan scan;
	const struct json_range *r = scan.ranges;

	json_scan_init(&scan, names, sizeof names / sizeof names[0]);
	json_scan_feed(&scan, json, n);
	if (json_scan_end(&scan) != ERR_NONE)
		return (struct facts){ .progress = PROGRESS_UNKNOWN };
	if (r[FACT_RESPONSE].kind == JSON_OBJECT)
		return read_facts(json + r[FACT_RESPONSE].start,
		    (size_t)(r[FACT_RESPONSE].end - r[FACT_RESPONSE].start));
	return (struct facts){
		.progress = progress_of(json, &r[FACT_STATUS]),
		.is_background = r[FACT_BACKGROUND].kind == JSON_TRUE,
		.is_not_stored = r[FACT_STORE].kind == JSON_FALSE,
	};
}

/* ---- Making one. ---- */

/* What goes on in the background is paid for when it is done. */
static struct unpaid *
make_unpaid(struct exchange *x)
{
	struct unpaid *u = arena_alloc(x->call.arena, sizeof *u);

	u->made_ms = (int64_t)(clock_wall_us() / 1000);
	snprintf(u->model, sizeof u->model, "%s", x->call.model);
	return u;
}

static void
judge(struct exchange *x, const char *json, size_t n, struct made_note *note)
{
	const struct facts f = read_facts(json, n);

	note->is_passing = f.is_not_stored;
	if (f.progress == PROGRESS_UNFINISHED && !f.is_not_stored &&
	    (f.is_background || !x->call.stream))
		note->unpaid = make_unpaid(x);
}

static const struct id_name named[] = {
	{ .name = "id", .kind = "response", .in_object = true },
	{ .name = "response", .kind = "response", .in_object = true },
	{ .name = "output", .kind = "item", .in_object = true },
	{ .name = "item", .kind = "item", .in_object = true },
	{ .name = "container_id", .kind = "containers" },
	{ .name = NULL }
};
static struct spelling named_spelling;
static const char *const marks[] = { "output_item.done", NULL };
static const struct made_spec spec = {
	.table = { .names = named, .spelling = &named_spelling,
	    .has_top = true },
	.marks = marks, .judge = judge,
};

static bool
has_usage(const struct exchange *x)
{
	return x->call.usage.source == USAGE_REPORTED ||
	    x->call.usage.source == USAGE_PARTIAL;
}

/* A stream that was followed to its end has shown what it has consumed. */
static void
end_made(struct exchange *x)
{
	struct unpaid *unpaid = made_unpaid(x);

	made_order.end(x);
	if (unpaid != NULL && has_usage(x) && x->background == NULL)
		payment_begin(x, unpaid, false);
}

void
responses_handle_create(struct exchange *x)
{
	struct relay_order order = made_order;

	order.end = end_made;
	made_begin(x, &spec);
	model_call_start(x, &order);
}

/* ---- Asking for one later. ---- */

enum by_id_flag {
	BY_ID_SHOWS = 1,		/* the answer is the response */
	BY_ID_FORGETS = 2
};

static const struct by_id { const char *method, *suffix; unsigned flags; }
by_ids[] = {
	{ "GET", "", BY_ID_SHOWS },
	{ "DELETE", "", BY_ID_FORGETS },
	{ "POST", "cancel", BY_ID_SHOWS },
	{ "GET", "input_items", 0 },
};

struct asked {
	const struct by_id *how;
	struct object	 object;
};

static const struct by_id *
find_by_id(const struct exchange *x, const char *suffix)
{
	const char *method = strcmp(x->call.method, "HEAD") == 0 ? "GET" :
		    x->call.method;

	for (size_t i = 0; i < sizeof by_ids / sizeof by_ids[0]; i++)
		if (strcmp(by_ids[i].method, method) == 0 &&
		    strcmp(by_ids[i].suffix, suffix) == 0)
			return &by_ids[i];
	return NULL;
}

static bool
is_owed(const struct exchange *x)
{
	const struct asked *a = x->extra;

	return a->object.is_unpaid && (a->how->flags & BY_ID_SHOWS) != 0;
}

static void
pay(struct exchange *x, bool is_empty)
{
	const struct asked *a = x->extra;
	struct unpaid *u = arena_alloc(x->call.arena, sizeof *u);

	memcpy(u->provider, a->object.provider, sizeof u->provider);
	memcpy(u->id, a->object.id, sizeof u->id);
	memcpy(u->url, a->object.url, sizeof u->url);
	memcpy(u->key_id, a->object.key_id, sizeof u->key_id);
	payment_begin(x, u, is_empty);
}

static void
finish_asked(struct exchange *x, struct buf *answer)
{
	const struct facts f = read_facts(buf_data(answer), buf_len(answer));

	if (is_owed(x) && f.progress == PROGRESS_FINISHED)
		pay(x, !has_usage(x));
	else
		relay_finish(x);
}

/* Only what is done says what it has consumed. */
static void
end_asked(struct exchange *x)
{
	if (is_owed(x) && has_usage(x))
		pay(x, false);
}

/* After it is settled: what was deleted is forgotten, or was gone before. */
static void
release_asked(struct exchange *x)
{
	const struct asked *a = x->extra;
	bool	 is_gone = x->call.outcome == ERR_NONE &&
		    (x->call.status == 404 || (x->call.status >= 200 &&
		    x->call.status < 300));

	if (is_gone && a->object.provider[0] != '\0' &&
	    (a->how->flags & BY_ID_FORGETS) != 0)
		object_work_forget(x, &a->object);
}

static void
on_found(struct exchange *x, enum objects_result result,
    const struct object *o)
{
	struct relay_order order = { .finish = finish_asked,
		.end = end_asked };
	struct asked *a = x->extra;
	const struct target *target = result != OBJECTS_OK ? NULL :
	    object_work_target(x, o);

	if (target == NULL) {
		object_work_refuse(x, result, o);
		return;
	}
	if (o->is_unpaid && (a->how->flags & BY_ID_FORGETS) != 0) {
		reply_error(x, ERR_CONFLICT, "This response is made in the "
		    "background, and nobody has asked for it since it was "
		    "done: get or cancel it first.");
		return;
	}
	a->object = *o;
	x->call.is_uncharged = true;
	if (x->call.stream)
		order.ask.answer = ANSWER_RESPONSE;	/* it says when it ends */
	relay_to(x, target, &order);
}

void
responses_handle_by_id(struct exchange *x)
{
	const char *rest = route_rest(x->route, x->call.path);
	const char *slash = strchr(rest, '/');
	size_t	 len = slash == NULL ? strlen(rest) : (size_t)(slash - rest);
	struct asked *a = arena_alloc(x->call.arena, sizeof *a);

	exchange_forget_scan(x);
	a->how = find_by_id(x, slash == NULL ? "" : slash + 1);
	if (len == 0 || len >= sizeof a->object.id || a->how == NULL) {
		reply_error(x, ERR_NOT_FOUND, NULL);
		return;
	}
	snprintf(a->object.kind, sizeof a->object.kind, "response");
	memcpy(a->object.id, rest, len);
	x->extra = a;
	x->release_extra = release_asked;
	x->call.stream = strcmp(x->call.method, "GET") == 0 &&
	    query_asks_for_stream(x);
	object_work_find(x, &a->object, on_found);
}
