/* try_failure.c - what is known of why a provider could not be reached. */
#include "config.h"

#include "handlers/try.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	DETAIL_MAX_BYTES = 200,
	TELL_AGAIN_MS = 10000		/* of one channel, however often its failures change */
};

/* Is it of the connection, and not of what was said over it? */
static bool
is_of_connection(enum err err)
{
	switch (err) {
	case ERR_UPSTREAM_DNS:
	case ERR_UPSTREAM_CONNECT:
	case ERR_UPSTREAM_TLS:
	case ERR_UPSTREAM_PROXY:
	case ERR_UPSTREAM_RESET:
	case ERR_UPSTREAM_GARBAGE:
	case ERR_TIMEOUT_CONNECT:
		return true;
	default:
		return false;
	}
}

/* Some of it may be the provider's own words: the name in a certificate. */
static const char *
copy_detail(struct arena *arena, const char *detail)
{
	char	*copy = arena_strndup(arena, detail, strnlen(detail,
		    DETAIL_MAX_BYTES));

	for (char *p = copy; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return copy;
}

/* The same for two failures of one kind: numbers are times and ports. */
static uint64_t
hash_kind(enum err err, const char *detail)
{
	char	 kind[DETAIL_MAX_BYTES + 1];
	size_t	 n = 0;

	for (; *detail != '\0'; detail++)
		if (*detail < '0' || *detail > '9')
			kind[n++] = *detail;
	return channel_hash(kind, n) + (uint64_t)err;
}

/* Once for each change: requests may fail so a thousand times a second. */
static void
tell(struct channel *c, enum err err, const char *detail)
{
	uint64_t kind = hash_kind(err, detail), now = clock_now_us() / 1000;

	if (kind == c->told_failure ||
	    (c->told_ms != 0 && now - c->told_ms < TELL_AGAIN_MS))
		return;
	c->told_failure = kind;
	c->told_ms = now;
	log_warn("channel %s cannot be reached: %s %s", c->name,
	    err_get(err)->text, detail);
}

void
try_note_failure(struct try *t)
{
	struct channel *c = t->step->target->channel;

	if (t->record->status != 0)
		c->told_failure = 0;	/* it can be reached again */
	if (t->attempt == NULL || !is_of_connection(t->end) ||
	    *attempt_detail(t->attempt) == '\0')
		return;
	t->record->detail = copy_detail(t->x->call.arena,
	    attempt_detail(t->attempt));
	tell(c, t->end, t->record->detail);
}
