#include "config.h"

#include "handlers/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/decoder.h"
#include "base/http.h"
#include "handlers/api_error.h"
#include "handlers/route.h"

enum { ERROR_BYTES_MAX = 8192 };

/* As OpenAI calls them. */
static const struct limit_names {
	const char	*limit, *remaining, *reset;
} limit_names[LIMITS__BUCKETS] = {
	[LIMITS_REQUESTS] = { "x-ratelimit-limit-requests",
	    "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests" },
	[LIMITS_TOKENS] = { "x-ratelimit-limit-tokens",
	    "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens" },
};

/* To be read by pages of other origins. */
static const char exposed[] = "x-request-id, x-sluice-attempts, "
    "x-sluice-provider, retry-after, x-ratelimit-limit-requests, "
    "x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
    "x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, "
    "x-ratelimit-reset-tokens";

static void
put_number(struct response *r, const char *name, uint64_t number)
{
	char	 text[24];

	snprintf(text, sizeof text, "%" PRIu64, number);
	response_field(r, name, text);
}

static void
put_limits(struct exchange *x)
{
	struct response *r = &x->request->response;
	char	 duration[LIMIT_DURATION_SIZE];
	struct limits_left left;
	uint64_t limit;

	for (int i = 0; i < LIMITS__BUCKETS; i++) {
		const struct limit_names *names = &limit_names[i];

		if (!limit_find_left(x->app->state, &x->call,
		    (enum limits_bucket)i, &limit, &left))
			continue;
		put_number(r, names->limit, limit);
		put_number(r, names->remaining, left.remaining);
		limit_format_duration(left.reset_us, duration);
		response_field(r, names->reset, duration);
	}
}

/* All six are, if one is: a provider's numbers are of another account. */
bool
reply_owns_field(const struct exchange *x, const char *name, size_t n)
{
	if (!limit_is_told(&x->call))
		return false;
	for (int i = 0; i < LIMITS__BUCKETS; i++)
		if (http_is_name(name, n, limit_names[i].limit) ||
		    http_is_name(name, n, limit_names[i].remaining) ||
		    http_is_name(name, n, limit_names[i].reset))
			return true;
	return false;
}

void
reply_begin(struct exchange *x, int status)
{
	reply_begin_page(x, status);
	response_field(&x->request->response, "X-Content-Type-Options",
	    "nosniff");
	response_field(&x->request->response, "Content-Security-Policy",
	    "sandbox");
}

void
reply_begin_page(struct exchange *x, int status)
{
	struct response *r = &x->request->response;

	x->call.status = status;
	response_begin(r, status);
	response_field(r, "x-request-id", x->call.id);
	if (x->route != NULL && x->route->key == ROUTE_KEY_ADMIN)
		response_field(r, "Cache-Control", "no-store");
	if (limit_is_told(&x->call))
		put_limits(x);
	if (x->origin == NULL)
		return;
	response_field(r, "Access-Control-Allow-Origin", x->origin);
	response_field(r, "Access-Control-Expose-Headers", exposed);
	response_field(r, "Vary", "Origin");
}

static void
put_attempts(struct exchange *x)
{
	char	 count[12];

	if (x->call.attempt_count == 0)
		return;
	snprintf(count, sizeof count, "%u", x->call.attempt_count);
	response_field(&x->request->response, "x-sluice-attempts", count);
}

void
reply_provider(struct exchange *x)
{
	response_field(&x->request->response, "x-sluice-provider",
	    x->call.target->provider->name);
	put_attempts(x);
}

void
reply_body(struct exchange *x, const char *type, struct buf *body)
{
	response_field(&x->request->response, "Content-Type", type);
	response_length(&x->request->response, buf_len(body));
	exchange_note_byte(x);
	request_end(x->request, buf_data(body), buf_len(body));
	buf_fini(body);
}

void
reply_json(struct exchange *x, int status, struct buf *body)
{
	reply_begin(x, status);
	if (status == 204)
		request_end(x->request, NULL, 0);
	else
		reply_body(x, "application/json", body);
}

enum err
reply_format_error(struct buf *out, const struct exchange *x, enum err err,
    const char *text)
{
	struct api_error e = api_error_of(err, text);

	if (exchange_is_anthropic(x))
		return api_error_put_anthropic(out, &e, x->call.id);
	if (x->param != NULL)
		e.param = x->param;
	return api_error_put_openai(out, &e);
}

void
reply_error(struct exchange *x, enum err err, const char *text)
{
	struct response *r = &x->request->response;
	struct buf body;

	x->call.outcome = err;
	if (r->state == RESPONSE_DONE)
		return;
	if (r->state == RESPONSE_BODY || err_get(err)->status == 0) {
		request_abort(x->request);
		return;
	}
	response_reset(r);
	reply_begin(x, err_get(err)->status);
	put_attempts(x);
	if (err == ERR_INVALID_API_KEY || err == ERR_ADMIN_KEY)
		response_field(r, "WWW-Authenticate", "Bearer");
	if (x->retry_after_s > 0)
		put_number(r, "Retry-After", x->retry_after_s);
	if (x->call.limit.text != NULL) {
		put_number(r, "Retry-After", x->call.limit.retry_after_s);
		text = x->call.limit.text;
	}
	if (err == ERR_NOT_FOUND && route_advice(x->call.path) != NULL)
		text = route_advice(x->call.path);
	if (err == ERR_METHOD_NOT_ALLOWED)
		response_field(r, "Allow", route_allow(x->route));
	if (err == ERR_CODING)		/* RFC 9110 section 15.5.16 */
		response_field(r, "Accept-Encoding", decoder_names);
	if (err == ERR_NO_WEBSOCKET)	/* RFC 9110 section 15.5.22 */
		response_field(r, "Upgrade", "HTTP/1.1");
	buf_init(&body, ERROR_BYTES_MAX);
	reply_format_error(&body, x, err, text);
	reply_body(x, "application/json", &body);
}
