/* try_hold.c - how much of an answer may be held. */
#include "config.h"

#include "handlers/try.h"

enum {
	TOKEN_BYTES = 256 << 10,	/* what waits for a first token... */
	END_BYTES = 16 << 20,		/* ...and for the end, */
	ALL_BYTES = 256 << 20		/* of all streams of a process together */
};

/* A stream is held while something may still be won by it. */
size_t
try_hold_limit(const struct try *t)
{
	size_t	 client = t->x->call.snapshot->conf->limits.client_buffer_bytes;

	if (t->order->whole_max != 0)
		return t->order->whole_max;
	if (t->mode == TRY_HELD)
		return client;
	if (t->step->target->release == CONF_RELEASE_END)
		return END_BYTES;
	return client < TOKEN_BYTES ? client : TOKEN_BYTES;
}

bool
try_may_hold(const struct try *t)
{
	return t->step->target->release != CONF_RELEASE_END ||
	    t->x->app->held_bytes <= ALL_BYTES;
}

void
try_count_held(struct try *t, size_t n)
{
	if (t->step->target->release != CONF_RELEASE_END)
		return;
	t->x->app->held_bytes += n;
	t->x->app->held_bytes -= t->held_counted;
	t->held_counted = n;
}
