#include "config.h"

#include "handlers/prober.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	LOOK_MS = 1000,			/* between two rounds... */
	LOOK_MIN_MS = 50,		/* ...where no interval is shorter */
	CONFIRM_PAUSE_MS = 5000,	/* after a probe that confirmed nothing */
	ARENA_BYTES = 2048
};

static uint64_t
wall_ms(void)
{
	return clock_wall_us() / 1000;
}

static void	prober_on_timer(uv_timer_t *);

void
prober_init(struct prober *p, struct app *app)
{
	*p = (struct prober){ .app = app };
	for (unsigned i = 0; i < PROBER_AT_ONCE; i++)
		p->probes[i].prober = p;
	uv_timer_init(app->loop, &p->timer);
	p->timer.data = p;
}

/* ---- Which channel is due. ---- */

/*
 * Of channels of which nothing recent is known there may be many at once, as
 * after a start: each has its own part of the interval to begin in. A time in
 * the future is from before the clock was set back.
 */
static uint64_t
due_ms(const struct prober *p, const struct channel *c, uint64_t now_ms)
{
	uint64_t last = channel_last_ms(c);
	uint64_t interval = c->provider->health_interval_ms;

	if (last <= now_ms + interval && last + 2 * interval > now_ms)
		return last + interval;
	return p->since_ms == 0 ? 0 : p->since_ms + c->seed % interval;
}

static bool
is_running(const struct prober *p, const struct channel *c)
{
	for (unsigned i = 0; i < PROBER_AT_ONCE; i++)
		if (p->probes[i].channel == c)
			return true;
	return false;
}

/* Clients who make requests fail on purpose get a probe now and then, no more. */
static bool
is_confirming(const struct channel *c, uint64_t now_ms)
{
	return channel_is_suspected(c) && (c->calm_ms > now_ms ||
	    now_ms - c->calm_ms >= CONFIRM_PAUSE_MS);
}

/* What a probe says must be of use: kept, or told to somebody. */
static bool
is_due(const struct prober *p, const struct channel *c)
{
	uint64_t now = wall_ms();

	return c->provider->health_interval_ms > 0 &&
	    (c->shared != NULL || p->told != NULL) && !is_running(p, c) &&
	    (due_ms(p, c, now) <= now || is_confirming(c, now));
}

/* ---- A probe. ---- */

static void
log_change(struct channel *c, enum channel_verdict verdict,
    const char *reason, const char *detail)
{
	bool	 is_unwell = verdict != CHANNEL_WELL;

	if (verdict == CHANNEL_UNKNOWN || is_unwell == c->is_unwell)
		return;
	c->is_unwell = is_unwell;
	if (is_unwell)
		log_info("channel %s is not well: %s%s%s", c->name, reason,
		    *detail == '\0' ? "" : " ", detail);
	else
		log_info("channel %s is well again", c->name);
}

static void
probe_end(struct probe *probe)
{
	checkup_fini(&probe->checkup);
	arena_fini(&probe->arena);
	probe->channel = NULL;
	probe->prober->running--;
}

static void	prober_go_on(struct prober *);

static void
probe_on_done(void *arg)
{
	struct probe *probe = arg;
	struct prober *p = probe->prober;
	struct channel *c = probe->channel;
	enum channel_verdict verdict = checkup_verdict(&probe->checkup);
	const char *reason = checkup_reason(&probe->checkup, &probe->arena);
	uint64_t now = wall_ms();

	/* The state file may be another one by now. */
	snapshot_refresh(p->snapshot, p->app->state, now);
	channel_note_probe(c, now);
	channel_note_health(c, p->snapshot->conf, now, verdict);
	c->calm_ms = verdict == CHANNEL_WELL || verdict == CHANNEL_UNKNOWN ?
	    now : 0;
	log_change(c, verdict, reason, checkup_detail(&probe->checkup));
	if (p->told != NULL)
		p->told(p->arg, c, verdict, reason);
	probe_end(probe);
	prober_go_on(p);
}

static struct probe *
find_free(struct prober *p)
{
	for (unsigned i = 0; i < PROBER_AT_ONCE; i++)
		if (p->probes[i].channel == NULL)
			return &p->probes[i];
	return NULL;
}

static void
probe_start(struct probe *probe, struct channel *c)
{
	struct prober *p = probe->prober;

	probe->channel = c;
	arena_init(&probe->arena, ARENA_BYTES);
	p->running++;
	checkup_start(&probe->checkup, &p->app->client, &probe->arena,
	    p->snapshot, c, probe_on_done, probe);
}

/* ---- A round. ---- */

/* Until the round is through or no place is left: an end then goes on with it. */
static void
prober_go_on(struct prober *p)
{
	struct probe *place;
	struct channel *c;

	while (p->left > 0 && (place = find_free(p)) != NULL) {
		c = &p->snapshot->channels[p->next];
		p->next = (p->next + 1) % p->snapshot->channel_count;
		p->left--;
		if (is_due(p, c))
			probe_start(place, c);
	}
	if (!p->repeats && p->left == 0 && p->running == 0)
		uv_timer_start(&p->timer, prober_on_timer, 0, 0);
}

static void
cancel_all(struct prober *p)
{
	p->left = 0;
	for (unsigned i = 0; i < PROBER_AT_ONCE; i++)
		if (p->probes[i].channel != NULL)
			probe_end(&p->probes[i]);
}

/* Between two snapshots a channel is known by its name. */
static void
carry_over(const struct snapshot *from, struct snapshot *to)
{
	for (size_t i = 0; i < from->channel_count; i++) {
		if (!from->channels[i].is_unwell)
			continue;
		for (size_t j = 0; j < to->channel_count; j++)
			if (strcmp(from->channels[i].name,
			    to->channels[j].name) == 0)
				to->channels[j].is_unwell = true;
	}
}

/* What was asked under an old configuration says nothing of the new one. */
static void
adopt(struct prober *p, struct snapshot *s)
{
	if (p->snapshot == s)
		return;
	cancel_all(p);
	if (p->snapshot != NULL)
		carry_over(p->snapshot, s);
	snapshot_unref(p->snapshot);
	p->snapshot = snapshot_ref(s);
	p->next = 0;
}

static uint64_t
look_ms(const struct snapshot *s)
{
	uint64_t ms = LOOK_MS;

	for (size_t i = 0; i < s->channel_count; i++) {
		unsigned interval = s->channels[i].provider->health_interval_ms;

		if (interval > 0 && interval < ms)
			ms = interval;
	}
	return ms < LOOK_MIN_MS ? LOOK_MIN_MS : ms;
}

static void
begin_round(struct prober *p)
{
	adopt(p, p->app->snapshot);
	snapshot_refresh(p->snapshot, p->app->state, wall_ms());
	if (p->left == 0)
		p->left = p->snapshot->channel_count;
	if (p->repeats)
		uv_timer_start(&p->timer, prober_on_timer,
		    look_ms(p->snapshot), 0);
	prober_go_on(p);
}

static void
prober_on_timer(uv_timer_t *timer)
{
	struct prober *p = timer->data;

	if (p->repeats)
		begin_round(p);
	else
		p->over(p->arg);
}

void
prober_start(struct prober *p)
{
	if (p->snapshot != NULL)
		return;
	p->repeats = true;
	p->since_ms = wall_ms();
	begin_round(p);
}

void
prober_run_once(struct prober *p)
{
	p->repeats = false;
	p->since_ms = 0;
	begin_round(p);
}

void
prober_stop(struct prober *p)
{
	cancel_all(p);
	uv_timer_stop(&p->timer);
	snapshot_unref(p->snapshot);
	p->snapshot = NULL;
}

void
prober_fini(struct prober *p)
{
	prober_stop(p);
	uv_close((uv_handle_t *)&p->timer, NULL);
}
