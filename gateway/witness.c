#include "config.h"

#include "gateway/witness.h"

#include "gateway/breaker.h"

static uint64_t
load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void
store(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

bool
witness_is_out(const struct state_channel *s, uint64_t client, uint64_t now_ms)
{
	return client != 0 && load(&s->witness) == client &&
	    breaker_is_out(load(&s->witness_breaker), now_ms);
}

/* Has another client's request failed lately, and none succeeded since? */
static bool
is_corroborated(const struct state_channel *s, uint64_t client,
    uint64_t now_ms)
{
	uint64_t other = load(&s->witness), at_ms = load(&s->witness_ms);

	return other != 0 && other != client && at_ms != 0 &&
	    at_ms <= now_ms && now_ms - at_ms <= WITNESS_MS;
}

/*
 * Three words that do not change together: a race of two clients may forget one
 * failure of one of them.
 */
bool
witness_fail(struct state_channel *s, uint64_t client, uint64_t now_ms,
    unsigned limit, uint64_t cooldown_ms, uint64_t pause_ms)
{
	bool	 counts = client == 0 || is_corroborated(s, client, now_ms);
	bool	 trips = pause_ms > 0;

	if (client == 0)
		return true;
	if (load(&s->witness) != client) {
		store(&s->witness_breaker, 0);
		store(&s->witness, client);
	}
	store(&s->witness_ms, now_ms);
	breaker_fail(&s->witness_breaker, BREAKER_PASS_FORCED, limit, trips,
	    now_ms, trips ? pause_ms : cooldown_ms);
	return counts;
}

void
witness_succeed(struct state_channel *s, uint64_t client)
{
	if (load(&s->witness) == 0)
		return;
	if (load(&s->witness) == client)
		store(&s->witness, 0);
	store(&s->witness_ms, 0);
}

void
witness_forget(struct state_channel *s)
{
	store(&s->witness, 0);
	store(&s->witness_ms, 0);
}
