#include "config.h"

#include "gateway/retry.h"

enum {
	BACKOFF_MS = 500,
	BACKOFF_MAX_MS = 5000,
	WAIT_MAX_MS = 2000,		/* while another channel could be asked... */
	WAIT_LAST_MAX_MS = 5000		/* ...and when none is left */
};

static unsigned
backoff(unsigned waits, double jitter)
{
	unsigned ms = BACKOFF_MS;

	while (waits-- > 0 && ms < BACKOFF_MAX_MS)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	return (unsigned)(ms * (0.8 + 0.4 * jitter));
}

/* Retried on the same channel first: once, or up to the limit when it is the last. */
static bool
may_stay(const struct retry_state *s, uint64_t wait_ms)
{
	unsigned limit = s->others_left && s->retries > 1 ? 1 : s->retries;

	if (s->retry_after_ms > (s->others_left ? WAIT_MAX_MS :
	    WAIT_LAST_MAX_MS))
		return false;
	return s->same_tries <= limit && wait_ms < s->budget_ms;
}

enum retry_action
retry_decide(const struct retry_state *s, double jitter, unsigned *wait_ms)
{
	enum retry_action elsewhere = s->others_left ? RETRY_NEXT : RETRY_STOP;
	uint64_t wait;

	*wait_ms = 0;
	if (s->tries >= RETRY_TRIES_MAX || s->budget_ms == 0)
		return RETRY_STOP;
	switch (s->kind) {
	case RETRY_FINAL:
		return RETRY_STOP;
	case RETRY_RATE:
	case RETRY_SERVER:
		wait = s->retry_after_ms >= 0 ? (uint64_t)s->retry_after_ms :
		    backoff(s->waits, jitter);
		if (!may_stay(s, wait))
			return elsewhere;
		*wait_ms = (unsigned)wait;
		return RETRY_SAME;
	default:
		return elsewhere;
	}
}
