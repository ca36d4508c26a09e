#include "config.h"

#include "handlers/capture.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "handlers/route.h"

enum { SLACK_BYTES = 8192 };		/* longer than a key, however it is spelled */
enum { LEVELS_MAX = 5 };		/* of JSON in strings of JSON */

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

/* ---- Secrets. ---- */

/* A text, and where in the one that it was decoded from each byte begins. */
struct plain {
	char		*bytes;
	uint32_t	*starts;	/* count + 1 of them */
	size_t		 count;
};

/* How many bytes of AT the escape there takes (RFC 8259 section 7), and for what. */
static size_t
decode_escape(const char *at, size_t left, char *out)
{
	char	 digits[5] = "";
	unsigned long code;

	*out = at[0];
	if (left < 2 || at[0] != '\\')
		return 1;
	if (strchr("\"\\/", at[1]) != NULL) {
		*out = at[1];
		return 2;
	}
	if (at[1] != 'u' || left < 6)
		return 1;
	memcpy(digits, at + 2, 4);
	code = strtoul(digits, NULL, 16);
	if (strspn(digits, "0123456789abcdefABCDEF") < 4 || code == 0 ||
	    code > '~')
		return 1;
	*out = (char)code;
	return 6;
}

/* Take one level of escapes away. False: there is none. */
static bool
decode(struct plain *p)
{
	size_t	 n = 0, len;
	char	 c;

	for (size_t at = 0; at < p->count; at += len) {
		len = decode_escape(p->bytes + at, p->count - at, &c);
		p->starts[n] = p->starts[at];
		p->bytes[n++] = c;
	}
	len = p->count - n;
	p->starts[n] = p->starts[p->count];
	p->count = n;
	return len > 0;
}

static void
mask_one(char *text, const struct plain *p, const char *secret)
{
	size_t	 len = strlen(secret), at = 0;
	const char *found;

	while ((found = memmem(p->bytes + at, p->count - at, secret, len)) !=
	    NULL) {
		at = (size_t)(found - p->bytes);
		memset(text + p->starts[at], '*',
		    p->starts[at + len] - p->starts[at]);
		at += len;
	}
}

/* As it is written, in JSON, or in JSON that is a string of JSON, some times. */
static void
mask(struct call_text *text, const char *const *secrets, size_t count)
{
	struct plain p = { .count = buf_len(&text->buf) };
	char	*start = text->buf.data + text->buf.start;

	if (p.count == 0)
		return;
	p.bytes = malloc(p.count);
	p.starts = malloc((p.count + 1) * sizeof *p.starts);
	if (p.bytes == NULL || p.starts == NULL)
		abort();
	memcpy(p.bytes, start, p.count);
	for (size_t i = 0; i <= p.count; i++)
		p.starts[i] = (uint32_t)i;
	for (int level = 0; level < LEVELS_MAX; level++) {
		for (size_t i = 0; i < count; i++)
			mask_one(start, &p, secrets[i]);
		if (!decode(&p))
			break;
	}
	free(p.bytes);
	free(p.starts);
}

static size_t
add_secret(const char **secrets, size_t count, const char *secret)
{
	if (secret != NULL && *secret != '\0')
		secrets[count++] = secret;
	return count;
}

/* Those that this request has shown or been sent with, and the admin's. */
static size_t
find_secrets(struct exchange *x, const char ***secrets)
{
	const struct target *t = x->call.target;
	const struct conf *conf = x->call.snapshot->conf;
	size_t	 headers = t == NULL ? 0 : t->provider->header_count, n = 0;
	const char **list = arena_alloc(x->call.arena,
		    (headers + CREDENTIALS_MAX + 3) * sizeof *list);

	for (size_t i = 0; i < x->credentials.count; i++)
		n = add_secret(list, n, x->credentials.shown[i]);
	n = add_secret(list, n, params_get(&x->request->params,
	    "HTTP_ADMINKEY"));
	n = add_secret(list, n, conf_getenv(conf, conf->auth.admin_key_env));
	if (t != NULL)
		n = add_secret(list, n, t->key);
	for (size_t i = 0; i < headers; i++) {
		const struct conf_header *h = &t->provider->headers[i];

		n = add_secret(list, n, h->value != NULL ? h->value :
		    conf_getenv(conf, h->value_env));
	}
	*secrets = list;
	return n;
}

/* Mask the secrets, then cut: one at the cut is masked whole. */
static void
finish(struct call_text *text, const char *const *secrets, size_t count)
{
	mask(text, secrets, count);
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
	const char **secrets;
	size_t	 count;

	if (c == NULL || is_for_admins(x))
		return;
	count = find_secrets(x, &secrets);
	finish(&c->request, secrets, count);
	finish(&c->answer, secrets, count);
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
