#include "config.h"

#include "handlers/checkup.h"

#include <string.h>

#include "handlers/outgoing.h"
#include "upstream/fault.h"

enum {
	ANSWER_MAX_BYTES = 4 << 20,
	ERROR_MAX_BYTES = 8192		/* as much of one as tells what it means */
};

static void
checkup_on_head(void *arg, struct attempt *a)
{
	struct checkup *c = arg;

	c->attempt = a;
	c->status = a->status;
}

/* The status has said it all: an endless answer need not be read to its end. */
static bool
checkup_on_data(void *arg, const char *bytes, size_t n)
{
	struct checkup *c = arg;

	if (c->status >= 400)
		buf_append(&c->beginning, bytes, n);
	c->bytes += n;
	if (c->bytes > ANSWER_MAX_BYTES)
		attempt_fail(c->attempt, ERR_INTERNAL);
	return true;
}

static void
checkup_on_done(void *arg, enum err err)
{
	struct checkup *c = arg;

	c->err = c->bytes > ANSWER_MAX_BYTES ? ERR_NONE : err;
	c->done(c->arg);
}

/* A channel is of one provider; that one's target has all but the base URL. */
static struct target
target_of(const struct snapshot *s, const struct channel *c)
{
	size_t	 i = 0;
	struct target target;

	while (s->providers[i].provider != c->provider)
		i++;
	target = s->providers[i];
	target.base_url = c->base_url;
	return target;
}

/* health.path is a path and maybe a query below the base URL. */
static void
set_request(struct checkup *c, struct arena *arena, const struct snapshot *s,
    const struct channel *channel)
{
	const struct conf_provider *p = channel->provider;
	const struct target target = target_of(s, channel);
	size_t	 len = strcspn(p->health_path, "?");
	const struct outgoing o = {
		.target = &target,
		.path = arena_strndup(arena, p->health_path + 1, len - 1),
		.query = p->health_path + len,
	};

	c->request = (struct attempt_request){
		.method = "GET",
		.url = outgoing_url(arena, &o),
		.proxy = p->proxy,
		.ca_text = p->ca_text,
		.ca_text_bytes = p->ca_text_bytes,
		.http2 = p->http2,
		.headers = outgoing_fields(arena, s->conf, NULL, &o),
		.connect_ms = p->health_timeout_ms,
		.idle_ms = p->health_timeout_ms,
		.total_ms = p->health_timeout_ms,
	};
}

void
checkup_start(struct checkup *c, struct client *client, struct arena *arena,
    const struct snapshot *s, const struct channel *channel,
    void (*done)(void *arg), void *arg)
{
	const struct sink sink = {
		.head = checkup_on_head, .data = checkup_on_data,
		.done = checkup_on_done, .arg = c,
	};

	*c = (struct checkup){ .done = done, .arg = arg };
	buf_init(&c->beginning, ERROR_MAX_BYTES);
	set_request(c, arena, s, channel);
	c->attempt = attempt_start(client, &c->request, &sink);
	if (c->attempt == NULL)
		checkup_on_done(c, ERR_INTERNAL);
}

void
checkup_cancel(struct checkup *c)
{
	attempt_cancel(c->attempt);
}

void
checkup_fini(struct checkup *c)
{
	attempt_free(c->attempt);
	c->attempt = NULL;
	buf_fini(&c->beginning);
}

static enum channel_verdict
verdict_of_answer(const struct checkup *c)
{
	if (c->status < 300 || c->status == 404 || c->status == 405)
		return CHANNEL_WELL;
	if (fault_of_answer(c->status, buf_data(&c->beginning),
	    buf_len(&c->beginning)) == FAULT_KEY)
		return CHANNEL_REFUSED_KEY;
	return c->status >= 500 ? CHANNEL_FAILED : CHANNEL_UNKNOWN;
}

enum channel_verdict
checkup_verdict(const struct checkup *c)
{
	switch (c->err) {
	case ERR_NONE:
		return verdict_of_answer(c);
	case ERR_INTERNAL:
	case ERR_NO_MEMORY:
		return CHANNEL_UNKNOWN;	/* that was us */
	default:
		return CHANNEL_FAILED;
	}
}

const char *
checkup_detail(const struct checkup *c)
{
	return c->err == ERR_NONE || c->attempt == NULL ? "" :
	    attempt_detail(c->attempt);
}

const char *
checkup_reason(const struct checkup *c, struct arena *arena)
{
	return c->err != ERR_NONE ? err_get(c->err)->text :
	    arena_printf(arena, "The provider answered with status %d.",
	    c->status);
}
