#include "config.h"

#include "handlers/health.h"

#include <string.h>

#include "base/json.h"
#include "gateway/gate.h"
#include "handlers/checkup.h"
#include "handlers/reply.h"
#include "handlers/route.h"

enum {
	REPORT_MAX_BYTES = 1 << 20,
	KNOWN_MAX = 64,			/* channels */
	KNOWN_MS = 2000
};

struct health;

/* What one channel of the model is asked. */
struct question {
	struct health	*health;
	const struct channel *channel;
	struct checkup	 checkup;
	struct known	*known;		/* NULL: it is asked for this request alone */
	struct question	*next;		/* that waits for the same answer */
};

/*
 * What a channel has said within KNOWN_MS, or who is asking it: a client that
 * asks again and again is no loop at its providers.
 */
static struct known {
	const struct snapshot *snapshot; /* compared, not used */
	uint64_t	 channel;	/* a hash of its name; 0: the place is free */
	uint64_t	 until_ms;	/* loop time */
	int		 status;
	enum err	 err;
	struct question	*asker, *waiting;	/* NULL: nobody */
} known[KNOWN_MAX];

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

static uint64_t
health_now(const struct health *h)
{
	return uv_now(h->x->app->loop);
}

static void
health_count_down(struct health *h)
{
	if (--h->waiting == 0 && !h->x->request->gone)
		health_report(h);
}

/* What is known of the channel is this question's answer, too. */
static void
question_answer(struct question *q)
{
	q->checkup.status = q->known->status;
	q->checkup.err = q->known->err;
	health_count_down(q->health);
}

static void
question_on_done(void *arg)
{
	struct question *q = arg, *waiting, *next;
	struct known *k = q->known;

	if (k != NULL) {
		k->status = q->checkup.status;
		k->err = q->checkup.err;
		k->until_ms = health_now(q->health) + KNOWN_MS;
		waiting = k->waiting;
		k->asker = k->waiting = NULL;
		for (; waiting != NULL; waiting = next) {
			next = waiting->next;
			question_answer(waiting);
		}
	}
	health_count_down(q->health);
}

static void
question_ask(struct question *q)
{
	struct exchange *x = q->health->x;

	if (q->known != NULL)
		q->known->asker = q;
	checkup_start(&q->checkup, &x->app->client, x->call.arena,
	    x->call.snapshot, q->channel, question_on_done, q);
}

/* Its own place, else a free one, else one whose answer is old; NULL: none. */
static struct known *
known_find(const struct snapshot *s, uint64_t channel, uint64_t now_ms)
{
	struct known *free = NULL;

	for (size_t i = 0; i < KNOWN_MAX; i++) {
		struct known *k = &known[i];

		if (k->channel == channel && k->snapshot == s)
			return k;
		if (k->asker == NULL && k->until_ms <= now_ms)
			free = k;
	}
	if (free != NULL)
		*free = (struct known){ .snapshot = s, .channel = channel };
	return free;
}

static void
question_start(struct question *q)
{
	uint64_t now_ms = health_now(q->health);
	struct known *k = known_find(q->health->x->call.snapshot,
	    channel_hash(q->channel->name, strlen(q->channel->name)), now_ms);

	q->known = k;
	if (k != NULL && k->asker != NULL) {
		q->next = k->waiting;
		k->waiting = q;
	} else if (k != NULL && k->until_ms > now_ms)
		question_answer(q);
	else
		question_ask(q);
}

/* Who waits for the answer goes on, one of them as the one who asks. */
static void
question_cancel(struct question *q)
{
	struct known *k = q->known;
	struct question **at;

	checkup_fini(&q->checkup);
	if (k == NULL)
		return;
	for (at = &k->waiting; *at != NULL; at = &(*at)->next)
		if (*at == q) {
			*at = q->next;
			return;
		}
	if (k->asker != q)
		return;
	q = k->waiting;
	k->asker = NULL;
	if (q == NULL)
		return;
	k->waiting = q->next;
	question_ask(q);
}

static void
health_release(struct exchange *x)
{
	struct health *h = x->state;

	for (size_t i = 0; i < h->count; i++)
		question_cancel(&h->questions[i]);
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
	x->cancel = health_release;
	x->release = health_release;
	h->waiting = h->count + 1;
	for (size_t i = 0; i < h->count; i++)
		question_start(&h->questions[i]);
	health_count_down(h);
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
