#include "config.h"

#include "gateway/channel.h"

#include <math.h>
#include <string.h>

#include <sodium.h>

#include "gateway/average.h"
#include "gateway/witness.h"

enum {
	LATENCY_MAX_MS = 1 << 20,	/* what an average of 1 stands for */
	ERROR_SAMPLES_MIN = 10,		/* before an error rate trips a breaker */
	COOL_MAX_MS = 3600000,
	BUCKET_MIN_MS = 16,		/* the first bucket's bound; two of them are a doubling */
	BUCKETS_FULL = 1024		/* then all are halved, so that the past fades */
};

uint64_t
channel_hash(const char *text, size_t n)
{
	static const unsigned char key[crypto_shorthash_KEYBYTES] =
	    "sluice channels";
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t value = 0;

	crypto_shorthash(hash, (const unsigned char *)text, n, key);
	for (size_t i = 0; i < sizeof hash; i++)
		value = value << 8 | hash[i];
	return value;
}

uint64_t
channel_hash_salted(uint64_t hash, uint64_t salt)
{
	char	 bytes[2 * sizeof hash];

	if (salt == 0)
		return hash;
	for (size_t i = 0; i < sizeof hash; i++) {
		bytes[i] = (char)(hash >> 8 * i);
		bytes[sizeof hash + i] = (char)(salt >> 8 * i);
	}
	return channel_hash(bytes, sizeof bytes);
}

void
channel_attach(struct channel *c, struct state *state)
{
	c->shared = state_channel(state, c->name);
	c->generation = state_generation(state);
}

/* A request outlives the segment's file if that is replaced meanwhile. */
static struct state_channel *
shared_now(struct channel *c, struct state *state)
{
	if (c->generation != state_generation(state))
		channel_attach(c, state);
	return c->shared;
}

static uint64_t
load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

double
channel_slowness(const struct channel *c, uint64_t now_ms)
{
	uint64_t errors;
	double	 latency_s, health;

	if (c->shared == NULL)
		return 1.0;
	errors = load(&c->shared->error_rate);
	latency_s = average_get(load(&c->shared->first_token)) *
	    (LATENCY_MAX_MS / 1000.0);
	health = 1.0 - average_faded(errors, now_ms);
	return (1.0 + latency_s) / (health > 0.1 ? health : 0.1);
}

/* Pauses are bounded: a deadline too far off is a clock's mistake. */
static bool
is_cooling(const struct channel *c, uint64_t now_ms)
{
	uint64_t until = load(&c->shared->cool_until_ms);

	return until > now_ms && until - now_ms <= COOL_MAX_MS;
}

bool
channel_is_out(const struct channel *c, uint64_t now_ms)
{
	return c->shared != NULL &&
	    (breaker_is_out(load(&c->shared->breaker), now_ms) ||
	    is_cooling(c, now_ms));
}

bool
channel_is_out_for(const struct channel *c, uint64_t client, uint64_t now_ms)
{
	return channel_is_out(c, now_ms) || (c->shared != NULL &&
	    witness_is_out(c->shared, client, now_ms));
}

bool
channel_is_suspected(const struct channel *c)
{
	return c->shared != NULL && load(&c->shared->suspected_ms) != 0;
}

static void
suspect(struct state_channel *s, uint64_t since_ms)
{
	if (load(&s->suspected_ms) == 0 || since_ms == 0)
		atomic_store_explicit(&s->suspected_ms, since_ms,
		    memory_order_relaxed);
}

void
channel_read(const struct channel *c, uint64_t now_ms,
    struct channel_status *out)
{
	const struct state_channel *s = c->shared;

	*out = (struct channel_status){ .breaker = BREAKER_CLOSED };
	if (s == NULL)
		return;
	out->breaker = breaker_state(load(&s->breaker));
	out->is_out = channel_is_out(c, now_ms);
	out->error_rate = average_faded(load(&s->error_rate), now_ms);
	out->last_end_ms = load(&s->last_end_ms);
}

void
channel_forget(struct channel *c)
{
	if (c->shared == NULL)
		return;
	atomic_store_explicit(&c->shared->breaker, 0, memory_order_relaxed);
	atomic_store_explicit(&c->shared->cool_until_ms, 0,
	    memory_order_relaxed);
	atomic_store_explicit(&c->shared->error_rate, 0, memory_order_relaxed);
	suspect(c->shared, 0);
	witness_forget(c->shared);
}

void
channel_free_orphan(struct channel *c, struct state *state, uint64_t now_ms)
{
	uint64_t word = c->shared == NULL ? 0 : load(&c->shared->breaker);

	if (breaker_state(word) == BREAKER_HALF_OPEN &&
	    !state_is_alive(state, breaker_owner(word)))
		breaker_let_go(&c->shared->breaker, breaker_owner(word),
		    now_ms);
}

enum breaker_pass
channel_enter(struct channel *c, struct state *state, uint64_t client,
    uint64_t now_ms, unsigned probe_ms)
{
	enum breaker_pass pass;

	if (shared_now(c, state) == NULL)
		return BREAKER_PASS_FREE;
	if (is_cooling(c, now_ms) || witness_is_out(c->shared, client, now_ms))
		return BREAKER_REFUSED;
	pass = breaker_enter(&c->shared->breaker, state_owner(state), now_ms,
	    probe_ms);
	if (pass != BREAKER_REFUSED)
		return pass;
	channel_free_orphan(c, state, now_ms);
	return breaker_enter(&c->shared->breaker, state_owner(state), now_ms,
	    probe_ms);
}

/* What closes a breaker ends the time whose errors opened it. */
static void
note_success(struct state_channel *s, struct state *state,
    enum breaker_pass pass)
{
	if (breaker_succeed(&s->breaker, pass, state_owner(state)))
		atomic_store_explicit(&s->error_rate, 0, memory_order_relaxed);
}

void
channel_note_token(struct channel *c, struct state *state,
    enum breaker_pass pass)
{
	if (pass != BREAKER_PASS_FREE && shared_now(c, state) != NULL)
		note_success(c->shared, state, pass);
}

/* ---- Times to the first token, as a histogram that forgets. ---- */

static unsigned
bucket_of(uint64_t ms)
{
	double	 place;

	if (ms <= BUCKET_MIN_MS)
		return 0;
	place = ceil(2.0 * log2((double)ms / BUCKET_MIN_MS));
	return place < STATE_BUCKETS - 1 ? (unsigned)place : STATE_BUCKETS - 1;
}

/*
 * One caller finds the count full and halves; who adds meanwhile loses nothing
 * that matters.
 */
static void
halve(_Atomic uint32_t *buckets, _Atomic uint32_t *count)
{
	uint32_t full = atomic_load_explicit(count, memory_order_relaxed);

	if (full < BUCKETS_FULL || !atomic_compare_exchange_strong_explicit(
	    count, &full, BUCKETS_FULL / 2, memory_order_relaxed,
	    memory_order_relaxed))
		return;
	for (unsigned i = 0; i < STATE_BUCKETS; i++)
		atomic_store_explicit(&buckets[i],
		    atomic_load_explicit(&buckets[i], memory_order_relaxed) / 2,
		    memory_order_relaxed);
}

static void
note_first_token(struct state_channel *s, bool stream, uint64_t ms)
{
	_Atomic uint32_t *buckets = stream ? s->stream_buckets :
	    s->plain_buckets;
	_Atomic uint32_t *count = stream ? &s->stream_count : &s->plain_count;

	atomic_fetch_add_explicit(&buckets[bucket_of(ms)], 1,
	    memory_order_relaxed);
	atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
	halve(buckets, count);
}

/* A bucket's times are taken to be spread evenly over it. */
unsigned
channel_quantile_ms(const struct channel *c, bool stream, double q)
{
	const _Atomic uint32_t *buckets;
	uint64_t counts[STATE_BUCKETS], sum = 0;
	double	 rank, low = 0, high = BUCKET_MIN_MS;

	if (c->shared == NULL)
		return 0;
	buckets = stream ? c->shared->stream_buckets :
	    c->shared->plain_buckets;
	for (unsigned i = 0; i < STATE_BUCKETS; i++) {
		counts[i] = atomic_load_explicit(&buckets[i],
		    memory_order_relaxed);
		sum += counts[i];
	}
	if (sum < CHANNEL_SAMPLES_MIN)
		return 0;
	rank = q * (double)sum;
	for (unsigned i = 0; i < STATE_BUCKETS; i++) {
		if (counts[i] > 0 && rank <= (double)counts[i])
			return (unsigned)(low + (high - low) * rank /
			    (double)counts[i]) + 1;
		rank -= (double)counts[i];
		low = high;
		high *= M_SQRT2;
	}
	return (unsigned)low;
}

/* ---- The end of a try. ---- */

static double
latency_value(uint64_t ms)
{
	return (double)ms / LATENCY_MAX_MS;
}

/* How long the provider wants to be left alone; 0: it does not say. */
static uint64_t
pause_of(const struct channel_end *end)
{
	if (end->retry_after_ms <= 0)
		return 0;
	return end->retry_after_ms < COOL_MAX_MS ?
	    (uint64_t)end->retry_after_ms : COOL_MAX_MS;
}

/* The longer of two pauses counts. */
static void
cool(struct state_channel *s, uint64_t now_ms, uint64_t ms)
{
	uint64_t until = now_ms + ms;
	uint64_t old = load(&s->cool_until_ms);

	while ((old < until || old > now_ms + COOL_MAX_MS) &&
	    !atomic_compare_exchange_weak_explicit(&s->cool_until_ms, &old,
	    until, memory_order_relaxed, memory_order_relaxed))
		;
}

static bool
note_failure(struct channel *c, const struct conf *conf, uint64_t now_ms,
    const struct channel_end *end)
{
	struct state_channel *s = c->shared;
	uint64_t cooldown = conf->breaker.cooldown_ms, pause, errors;
	bool	 too_many;

	average_add(&s->error_rate, 1.0, now_ms);
	errors = load(&s->error_rate);
	too_many = conf->breaker.error_rate > 0 &&
	    average_count(errors, now_ms) >= ERROR_SAMPLES_MIN &&
	    average_get(errors) >= conf->breaker.error_rate;
	pause = pause_of(end);
	if (pause > 0)
		cool(s, now_ms, pause);
	if (pause > cooldown)
		cooldown = pause;
	return breaker_fail(&s->breaker, end->pass, conf->breaker.failures,
	    too_many, now_ms, cooldown);
}

static void
note_well(struct state_channel *s, struct state *state, uint64_t now_ms,
    const struct channel_end *end)
{
	average_add(&s->total, latency_value(end->total_ms), now_ms);
	average_add(&s->error_rate, 0.0, now_ms);
	note_success(s, state, end->pass);
	witness_succeed(s, end->client);
	if (load(&s->suspected_ms) != 0)
		suspect(s, 0);
}

/* Nothing was learnt: if it was to decide, the next one may. */
static void
note_nothing(struct state_channel *s, struct state *state, uint64_t now_ms,
    enum breaker_pass pass)
{
	if (pass == BREAKER_PASS_PROBE)
		breaker_let_go(&s->breaker, state_owner(state), now_ms);
}

static bool
is_confirmed(struct state_channel *s, const struct conf *conf,
    uint64_t now_ms, const struct channel_end *end)
{
	switch (end->verdict) {
	case CHANNEL_FAILED:
		return true;
	case CHANNEL_FAILED_REQUEST:
		return witness_fail(s, end->client, now_ms,
		    conf->breaker.failures, conf->breaker.cooldown_ms,
		    pause_of(end));
	default:
		return false;
	}
}

bool
channel_leave(struct channel *c, struct state *state, const struct conf *conf,
    uint64_t now_ms, const struct channel_end *end)
{
	struct state_channel *s = shared_now(c, state);

	if (s == NULL)
		return false;
	if (end->first_token_ms > 0) {
		average_add(&s->first_token,
		    latency_value(end->first_token_ms), now_ms);
		note_first_token(s, end->stream, end->first_token_ms);
	}
	if (end->verdict != CHANNEL_UNKNOWN)
		atomic_store_explicit(&s->last_end_ms, now_ms,
		    memory_order_relaxed);
	if (end->verdict == CHANNEL_WELL)
		note_well(s, state, now_ms, end);
	else if (is_confirmed(s, conf, now_ms, end))
		return note_failure(c, conf, now_ms, end);
	else {
		if (end->verdict != CHANNEL_UNKNOWN)
			suspect(s, now_ms);
		note_nothing(s, state, now_ms, end->pass);
	}
	return false;
}

uint64_t
channel_last_ms(const struct channel *c)
{
	return c->shared == NULL ? 0 : load(&c->shared->last_end_ms);
}

void
channel_note_probe(struct channel *c, uint64_t now_ms)
{
	if (c->shared != NULL)
		atomic_store_explicit(&c->shared->last_end_ms, now_ms,
		    memory_order_relaxed);
}

void
channel_note_health(struct channel *c, const struct conf *conf,
    uint64_t now_ms, enum channel_verdict verdict)
{
	struct state_channel *s = c->shared;
	bool	 is_failure = verdict != CHANNEL_WELL &&
		    verdict != CHANNEL_UNKNOWN;

	if (s == NULL)
		return;
	if (verdict == CHANNEL_WELL)
		breaker_hint(&s->breaker, now_ms);
	else if (is_failure)
		breaker_fail(&s->breaker, BREAKER_PASS_FORCED,
		    conf->breaker.failures, verdict == CHANNEL_REFUSED_KEY &&
		    load(&s->suspected_ms) != 0, now_ms,
		    conf->breaker.cooldown_ms);
	if (!is_failure || channel_is_out(c, now_ms))
		suspect(s, 0);
}

static double
latency_ms(uint64_t word, uint64_t now_ms)
{
	return average_count(word, now_ms) == 0 ? -1 :
	    average_get(word) * LATENCY_MAX_MS;
}

void
channel_report(const struct channel *c, uint64_t now_ms,
    struct channel_report *report)
{
	const struct state_channel *s = c->shared;

	*report = (struct channel_report){ .first_token_ms = -1,
		.total_ms = -1 };
	if (s == NULL)
		return;
	report->first_token_ms = latency_ms(load(&s->first_token), now_ms);
	report->total_ms = latency_ms(load(&s->total), now_ms);
	report->error_rate = average_faded(load(&s->error_rate), now_ms);
	if (breaker_state(load(&s->breaker)) != BREAKER_CLOSED ||
	    is_cooling(c, now_ms))
		report->health = CHANNEL_UNHEALTHY;
	else if (load(&s->last_end_ms) != 0)
		report->health = CHANNEL_HEALTHY;
}

unsigned
channel_hedge_ms(const struct channel *c, bool stream, enum conf_hedge hedge)
{
	static const double quantiles[] = {
		[CONF_HEDGE_P50] = 0.50, [CONF_HEDGE_P90] = 0.90,
		[CONF_HEDGE_P95] = 0.95, [CONF_HEDGE_P99] = 0.99,
	};

	return hedge == CONF_HEDGE_OFF ? 0 :
	    channel_quantile_ms(c, stream, quantiles[hedge]);
}
