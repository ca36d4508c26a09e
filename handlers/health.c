#include "config.h"

#include "handlers/health.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "handlers/outgoing.h"
#include "handlers/reply.h"
#include "handlers/route.h"
#include "upstream/attempt.h"

enum { REPORT_MAX_BYTES = 1 << 20, ANSWER_MAX_BYTES = 4 << 20 };

struct health;

/* One question to one place. */
struct probe {
	struct health		*health;
	const struct target	*target;
	struct attempt_request	 request;
	struct attempt		*attempt;
	int			 status;	/* HTTP, 0 = no answer */
	size_t			 bytes;		/* of the answer; it is not kept */
	enum err		 err;
};

struct health {
	struct exchange	*x;
	struct probe	*probes;
	size_t		 count, waiting;
};

void
health_handle(struct exchange *x)
{
	struct buf out;

	buf_init(&out, REPORT_MAX_BYTES);
	buf_printf(&out, "{\"status\":\"%s\"}",
	    x->call.snapshot->conf->broken_count > 0 ? "degraded" : "ok");
	reply_json(x, 200, &out);
}

static bool
probe_is_good(const struct probe *p)
{
	return p->err == ERR_NONE && p->status >= 200 && p->status < 300;
}

static void
put_probe(struct buf *out, const struct probe *p)
{
	char	 reason[64];
	const char *text = reason;

	buf_puts(out, "{\"provider\":");
	json_write_string(out, p->target->provider->name,
	    strlen(p->target->provider->name));
	if (probe_is_good(p)) {
		buf_puts(out, ",\"status\":\"ok\"}");
		return;
	}
	if (p->err != ERR_NONE)
		text = err_get(p->err)->text;
	else
		snprintf(reason, sizeof reason,
		    "The provider answered with status %d.", p->status);
	buf_puts(out, ",\"status\":\"error\",\"reason\":");
	json_write_string(out, text, strlen(text));
	buf_puts(out, "}");
}

static void
health_report(struct health *h)
{
	struct buf out;
	bool	 good = true;

	for (size_t i = 0; i < h->count; i++)
		good = good && probe_is_good(&h->probes[i]);
	buf_init(&out, REPORT_MAX_BYTES);
	buf_printf(&out, "{\"status\":\"%s\",\"targets\":[",
	    good ? "ok" : "error");
	for (size_t i = 0; i < h->count; i++) {
		if (i > 0)
			buf_puts(&out, ",");
		put_probe(&out, &h->probes[i]);
	}
	buf_puts(&out, "]}");
	reply_json(h->x, good ? 200 : 503, &out);
}

static void
probe_on_head(void *arg, struct attempt *a)
{
	struct probe *p = arg;

	p->status = a->status;
}

static bool
probe_on_data(void *arg, const char *bytes, size_t n)
{
	struct probe *p = arg;

	(void)bytes;
	p->bytes += n;
	return p->bytes <= ANSWER_MAX_BYTES;	/* an endless answer ends by timeout */
}

static void
probe_on_done(void *arg, enum err err)
{
	struct probe *p = arg;

	p->err = err;
	if (--p->health->waiting == 0 && !p->health->x->request->gone)
		health_report(p->health);
}

static void
health_cancel(struct exchange *x)
{
	struct health *h = x->state;

	for (size_t i = 0; i < h->count; i++)
		attempt_cancel(h->probes[i].attempt);
}

static void
health_release(struct exchange *x)
{
	struct health *h = x->state;

	for (size_t i = 0; i < h->count; i++)
		attempt_free(h->probes[i].attempt);
}

/* health.path is a path and maybe a query below base_url. */
static const char *
probe_url(struct exchange *x, const struct target *t)
{
	const char *path = t->provider->health_path;
	size_t	 len = strcspn(path, "?");

	return outgoing_url(x, &(struct outgoing){
		.target = t,
		.path = arena_strndup(x->call.arena, path + 1, len - 1),
		.query = path + len,
	});
}

/* Targets that share a base URL and a provider are one place. */
static void
health_add(struct health *h, const struct target *t)
{
	const struct conf_provider *provider = t->provider;
	struct exchange *x = h->x;

	for (size_t i = 0; i < h->count; i++)
		if (h->probes[i].target->provider == provider &&
		    strcmp(h->probes[i].target->base_url, t->base_url) == 0)
			return;
	h->probes[h->count++] = (struct probe){
		.health = h,
		.target = t,
		.request = {
			.method = "GET",
			.url = probe_url(x, t),
			.proxy = provider->proxy,
			.http2 = provider->http2,
			.headers = outgoing_fields(x, &(struct outgoing){
			    .target = t, .path = "models", .query = "" }),
			.connect_ms = provider->health_timeout_ms,
			.idle_ms = provider->health_timeout_ms,
			.total_ms = provider->health_timeout_ms,
		},
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
	for (size_t i = 0; i < h->count; i++) {
		struct probe *p = &h->probes[i];
		const struct sink sink = {
			.head = probe_on_head, .data = probe_on_data,
			.done = probe_on_done, .arg = p,
		};

		p->attempt = attempt_start(&x->app->client, &p->request,
		    &sink);
		if (p->attempt == NULL)
			probe_on_done(p, ERR_INTERNAL);
	}
}

void
health_handle_model(struct exchange *x)
{
	const char *name = route_rest(x->route, x->call.path), *rest;
	const struct model *m = snapshot_find(x->call.snapshot, name, &rest);
	struct health *h;

	x->call.model = name;
	if (m == NULL) {
		reply_error(x, ERR_MODEL_NOT_FOUND,
		    arena_printf(x->call.arena,
		    "The model '%.256s' does not exist.", name));
		return;
	}
	h = arena_alloc(x->call.arena, sizeof *h);
	h->x = x;
	h->probes = arena_alloc(x->call.arena, m->target_count *
	    sizeof *h->probes);
	for (size_t i = 0; i < m->target_count; i++)
		health_add(h, &m->targets[i]);
	health_start(h);
}
