/* try_kind.c - what a try came to, for what follows and for its channel. */
#include "config.h"

#include "handlers/try.h"

#include "gateway/cost.h"

enum {
	DRAIN_MAX_MS = 120000,
	DRAIN_USAGE_MS = 5000		/* for the usage alone */
};

/* Is the model's name one of the configuration, and not one of the client's? */
static bool
is_configured(const struct try *t)
{
	return t->step->target->model != NULL;
}

static enum retry_kind
kind_of_fault(const struct try *t, enum fault fault)
{
	switch (fault) {
	case FAULT_RATE:
		return RETRY_RATE;
	case FAULT_SERVER:
		return RETRY_SERVER;
	case FAULT_KEY:
		return RETRY_KEY;
	case FAULT_CONTEXT:
		return RETRY_CONTEXT;
	case FAULT_MODEL:
		return is_configured(t) ? RETRY_MODEL : RETRY_FINAL;
	default:
		return RETRY_FINAL;
	}
}

enum retry_kind
try_kind_of_told(const struct try *t)
{
	return kind_of_fault(t, t->told);
}

enum retry_kind
try_kind_of_status(const struct try *t)
{
	const char *body = buf_data(&t->held);
	size_t	 n = buf_len(&t->held);
	enum fault fault = fault_of_answer(t->record->status, body, n);

	if (t->record->status == 404 && t->step->model != NULL &&
	    fault_names_model(body, n, t->step->model))
		fault = FAULT_MODEL;	/* the providers' words for it are many */
	return kind_of_fault(t, fault);
}

enum retry_kind
try_kind(const struct try *t)
{
	switch (t->end) {
	case ERR_NONE:
	case ERR_UPSTREAM_STATUS:
		return try_kind_of_status(t);
	case ERR_UPSTREAM_STREAM_ERROR:
		return t->is_left ? try_kind_of_told(t) : RETRY_FINAL;
	case ERR_UPSTREAM_DNS:
	case ERR_UPSTREAM_CONNECT:
	case ERR_UPSTREAM_TLS:
	case ERR_UPSTREAM_PROXY:
		return RETRY_CONNECT;
	case ERR_TIMEOUT_CONNECT:
	case ERR_TIMEOUT_HEADERS:
	case ERR_TIMEOUT_FIRST_TOKEN:
	case ERR_TIMEOUT_IDLE:
	case ERR_TIMEOUT_TOTAL:
	case ERR_UPSTREAM_REDIRECT:	/* there, it would be the same again */
		return RETRY_SILENT;
	case ERR_UPSTREAM_RESET:
	case ERR_UPSTREAM_CUT:
	case ERR_UPSTREAM_GARBAGE:
	case ERR_UPSTREAM_HEADERS_SIZE:
	case ERR_UPSTREAM_INVALID:
		return RETRY_SERVER;
	default:
		return RETRY_FINAL;
	}
}

/*
 * A key may be refused for what the client has sent along, and a request may
 * fail by its own doing; without a connection nobody has read any of it.
 */
static enum channel_verdict
verdict_of_kind(enum retry_kind kind)
{
	switch (kind) {
	case RETRY_FINAL:
	case RETRY_CONTEXT:
	case RETRY_MODEL:
		return CHANNEL_WELL;
	case RETRY_KEY:
		return CHANNEL_REFUSED_KEY;
	case RETRY_CONNECT:
		return CHANNEL_FAILED;
	default:
		return CHANNEL_FAILED_REQUEST;
	}
}

enum channel_verdict
try_verdict(const struct try *t)
{
	switch (t->end) {
	case ERR_CLIENT_GONE:
	case ERR_HEDGE_LOST:
	case ERR_SPOOL:
	case ERR_SPOOL_FULL:
	case ERR_NO_MEMORY:
	case ERR_INTERNAL:
		return CHANNEL_UNKNOWN;
	case ERR_TIMEOUT_CONNECT:
		return CHANNEL_FAILED;
	case ERR_UPSTREAM_STREAM_ERROR:
		return verdict_of_kind(try_kind_of_told(t));
	default:
		return verdict_of_kind(try_kind(t));
	}
}

/* Is the answer complete, as far as can be told, but for a usage that comes last? */
static bool
awaits_usage(const struct try *t)
{
	struct usage usage;

	if (t->order->body == NULL || t->record->status < 200 ||
	    t->record->status >= 300)
		return false;
	if (t->mode == TRY_SSE && (t->sse.done_seen ||
	    !(t->sse.finish_seen || t->sse.part_ended)))
		return false;
	try_usage(t, &usage);
	return usage.source != USAGE_REPORTED;
}

/* Does anybody count or pay what it consumes? */
static bool
is_counted(const struct try *t)
{
	return t->x->call.limit.account != 0 ||
	    cost_has_prices(&t->step->target->prices);
}

unsigned
try_drain_ms(const struct try *t)
{
	if (t->is_over || !attempt_is_asked(t->attempt) ||
	    !attempt_has_sent(t->attempt))
		return 0;
	if (t->step->target->provider->on_abort == CONF_ON_ABORT_DRAIN)
		return DRAIN_MAX_MS;
	return is_counted(t) && awaits_usage(t) ? DRAIN_USAGE_MS : 0;
}
