#include "config.h"

#include "handlers/capture.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "handlers/route.h"

enum { SLACK_BYTES = 1024 };		/* longer than a key */

struct capture {
	struct call_text request, answer;
};

static void
keep(struct call_text *text, const char *bytes, size_t n)
{
	size_t	 room = CAPTURE_MAX_BYTES + SLACK_BYTES - buf_len(&text->buf);

	buf_append(&text->buf, bytes, n < room ? n : room);
}

static void
capture_tap(struct request *request, const char *bytes, size_t n)
{
	struct exchange *x = request->state;

	keep(&x->capture->answer, bytes, n);
}

void
capture_begin(struct exchange *x)
{
	if (!x->call.snapshot->conf->log.bodies)
		return;
	x->capture = calloc(1, sizeof *x->capture);
	if (x->capture == NULL)
		abort();
	buf_init(&x->capture->request.buf, CAPTURE_MAX_BYTES + SLACK_BYTES);
	buf_init(&x->capture->answer.buf, CAPTURE_MAX_BYTES + SLACK_BYTES);
	x->request->tap = capture_tap;
}

void
capture_request(struct exchange *x, const char *bytes, size_t n)
{
	if (x->capture != NULL && x->scan != NULL)	/* JSON; all else may be binary */
		keep(&x->capture->request, bytes, n);
}

void
capture_drop_answer(struct exchange *x)
{
	x->request->tap = NULL;
}

static void
mask(struct call_text *text, const char *secret)
{
	size_t	 len = secret == NULL ? 0 : strlen(secret);
	size_t	 left = buf_len(&text->buf);
	char	*at, *found;

	if (len == 0 || left == 0)
		return;
	at = text->buf.data + text->buf.start;
	while ((found = memmem(at, left, secret, len)) != NULL) {
		memset(found, '*', len);
		left -= (size_t)(found + len - at);
		at = found + len;
	}
}

/* Mask the secrets of this request, then cut: one at the cut is masked whole. */
static void
finish(struct exchange *x, struct call_text *text)
{
	const struct target *t = x->call.target;

	for (size_t i = 0; i < x->credentials.count; i++)
		mask(text, x->credentials.shown[i]);
	if (t != NULL)
		mask(text, t->key);
	for (size_t i = 0; t != NULL && i < t->provider->header_count; i++) {
		const struct conf_header *h = &t->provider->headers[i];

		mask(text, h->value != NULL ? h->value :
		    conf_getenv(x->call.snapshot->conf, h->value_env));
	}
	if (buf_len(&text->buf) > CAPTURE_MAX_BYTES) {
		text->is_cut = true;
		text->buf.end = text->buf.start + CAPTURE_MAX_BYTES;
	}
}

/* What administrators send and get are keys. */
static bool
is_for_admins(const struct exchange *x)
{
	return x->route != NULL && x->route->key == ROUTE_KEY_ADMIN;
}

void
capture_give(struct exchange *x)
{
	struct capture *c = x->capture;

	if (c == NULL || is_for_admins(x))
		return;
	finish(x, &c->request);
	finish(x, &c->answer);
	x->call.request_text = &c->request;
	x->call.answer_text = &c->answer;
}

void
capture_end(struct exchange *x)
{
	if (x->capture == NULL)
		return;
	buf_fini(&x->capture->request.buf);
	buf_fini(&x->capture->answer.buf);
	free(x->capture);
	x->capture = NULL;
}
