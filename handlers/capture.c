#include "config.h"

#include "handlers/capture.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct capture {
	struct call_text request, answer;
};

static void
keep(struct call_text *text, const char *bytes, size_t n)
{
	size_t	 room = CAPTURE_MAX_BYTES - buf_len(&text->buf);

	if (n > room) {
		text->is_cut = true;
		n = room;
	}
	buf_append(&text->buf, bytes, n);
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
	buf_init(&x->capture->request.buf, CAPTURE_MAX_BYTES);
	buf_init(&x->capture->answer.buf, CAPTURE_MAX_BYTES);
	x->request->tap = capture_tap;
}

void
capture_request(struct exchange *x, const char *bytes, size_t n)
{
	if (x->capture != NULL && x->multipart == NULL)
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
	char	*at = text->buf.data + text->buf.start, *found;
	size_t	 left = buf_len(&text->buf);

	if (len == 0 || left == 0)
		return;
	while ((found = memmem(at, left, secret, len)) != NULL) {
		memset(found, '*', len);
		left -= (size_t)(found + len - at);
		at = found + len;
	}
}

void
capture_give(struct exchange *x)
{
	struct capture *c = x->capture;
	const char *key = x->call.target == NULL ? NULL : x->call.target->key;

	if (c == NULL)
		return;
	mask(&c->request, x->credential);
	mask(&c->request, key);
	mask(&c->answer, x->credential);
	mask(&c->answer, key);
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
