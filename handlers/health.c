#include "config.h"

#include "handlers/health.h"

#include <string.h>

#include "base/json.h"
#include "gateway/gate.h"
#include "handlers/checkup.h"
#include "handlers/reply.h"
#include "handlers/route.h"

enum { REPORT_MAX_BYTES = 1 << 20 };

struct health;

/* What one channel of the model is asked. */
struct question {
	struct health	*health;
	const struct channel *channel;
	struct checkup	 checkup;
};

struct health {
	struct exchange	*x;
	struct question	*questions;
	size_t		 count, waiting;
};

void
health_handle(struct exchange *x)
{
	struct buf out;

	buf_init(&out, REPORT_MAX_BYTES);
	buf_printf(&out, "{\"status\":\"%s\"}",
	    x->call.snapshot->roster.broken_count > 0 ? "degraded" : "ok");
	reply_json(x, 200, &out);
}

static bool
is_good(const struct checkup *c)
{
	return c->err == ERR_NONE && c->status >= 200 && c->status < 300;
}

static void
put_question(struct buf *out, const struct question *q)
{
	const char *name = q->channel->provider->name, *reason;

	buf_puts(out, "{\"provider\":");
	json_write_string(out, name, strlen(name));
	if (is_good(&q->checkup)) {
		buf_puts(out, ",\"status\":\"ok\"}");
		return;
	}
	reason = checkup_reason(&q->checkup, q->health->x->call.arena);
	buf_puts(out, ",\"status\":\"error\",\"reason\":");
	json_write_string(out, reason, strlen(reason));
	buf_puts(out, "}");
}

static void
health_report(struct health *h)
{
	struct buf out;
	bool	 good = true;

	for (size_t i = 0; i < h->count; i++)
		good = good && is_good(&h->questions[i].checkup);
	buf_init(&out, REPORT_MAX_BYTES);
	buf_printf(&out, "{\"status\":\"%s\",\"targets\":[",
	    good ? "ok" : "error");
	for (size_t i = 0; i < h->count; i++) {
		if (i > 0)
			buf_puts(&out, ",");
		put_question(&out, &h->questions[i]);
	}
	buf_puts(&out, "]}");
	reply_json(h->x, good ? 200 : 503, &out);
}

static void
health_on_done(void *arg)
{
	struct health *h = arg;

	if (--h->waiting == 0 && !h->x->request->gone)
		health_report(h);
}

static void
health_cancel(struct exchange *x)
{
	struct health *h = x->state;

	for (size_t i = 0; i < h->count; i++)
		checkup_cancel(&h->questions[i].checkup);
}

static void
health_release(struct exchange *x)
{
	struct health *h = x->state;

	for (size_t i = 0; i < h->count; i++)
		checkup_fini(&h->questions[i].checkup);
}

/* Several targets may lead to one channel. */
static void
health_add(struct health *h, const struct channel *channel)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->questions[i].channel == channel)
			return;
	h->questions[h->count++] = (struct question){
		.health = h, .channel = channel,
	};
}

static void
health_start(struct health *h)
{
	struct exchange *x = h->x;

	x->state = h;
	x->cancel = health_cancel;
	x->release = health_release;
	h->waiting = h->count;
	for (size_t i = 0; i < h->count; i++)
		checkup_start(&h->questions[i].checkup, &x->app->client,
		    x->call.arena, x->call.snapshot, h->questions[i].channel,
		    health_on_done, h);
}

void
health_handle_model(struct exchange *x)
{
	const char *name = route_rest(x->route, x->call.path), *rest;
	const struct model *m = snapshot_find(x->call.snapshot, name, &rest);
	struct health *h;

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
	h = arena_alloc(x->call.arena, sizeof *h);
	h->x = x;
	h->questions = arena_alloc(x->call.arena, m->target_count *
	    sizeof *h->questions);
	for (size_t i = 0; i < m->target_count; i++)
		health_add(h, m->targets[i].channel);
	health_start(h);
}
