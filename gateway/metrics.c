#include "config.h"

#include "gateway/metrics.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/collection.h"
#include "gateway/cost.h"
#include "gateway/exposition.h"
#include "gateway/families.h"
#include "gateway/labels.h"

/* ---- Cells. ---- */

/*
 * The first cell of GROUP's series with these VALUES, in the order of its
 * labels; -1: there is no room.
 */
static int32_t
find(struct state *state, enum group group, const char *const *values)
{
	const struct group_info *g = &groups[group];
	struct labels l;

	labels_begin(&l, g->name);
	for (unsigned i = 0; g->labels[i] != NULL; i++)
		labels_add(&l, g->labels[i], values[i]);
	labels_end(&l);
	return state_series(state, l.text, l.len, g->cells, g->is_gauge);
}

#define FIND(state, group, ...) \
	find(state, group, (const char *const []){ __VA_ARGS__ })

/* Add to a cell of FAMILY, the group's series of which begins at FIRST. */
static void
add(struct state *state, int32_t first, enum family family, unsigned index,
    uint64_t n)
{
	if (first >= 0 && n > 0)
		state_batch_add(state, first + (int32_t)(families[family].cell
		    + index), n);
}

static void
observe(struct state *state, int32_t first, enum family family, uint64_t value)
{
	const struct family_info *f = &families[family];
	unsigned i = 0;

	while (i < f->bound_count && value > f->bounds[i])
		i++;
	add(state, first, family, i, 1);
	add(state, first, family, f->bound_count + 1, value);
}

/* ---- Tries. ---- */

/* The client left, or another try was faster: that tells nothing of the channel. */
static bool
was_stopped(const struct call_attempt *a)
{
	return a->outcome == ERR_CLIENT_GONE || a->outcome == ERR_HEDGE_LOST;
}

static uint64_t
end_of(const struct call_attempt *a, uint64_t now_us)
{
	return a->end_us >= a->start_us ? a->end_us : now_us;
}

/* The one that the try at I followed: hedges go beside, not before. */
static const struct call_attempt *
find_previous(const struct call *c, unsigned i)
{
	while (i-- > 0)
		if (!c->attempts[i]->is_hedge)
			return c->attempts[i];
	return NULL;
}

/* The one whose answer was passed on. */
static const struct call_attempt *
find_chosen(const struct call *c)
{
	for (unsigned i = c->attempt_count; i-- > 0; )
		if (c->attempts[i]->target == c->target &&
		    c->attempts[i]->outcome != ERR_HEDGE_LOST)
			return c->attempts[i];
	return NULL;
}

static void
count_outcome(struct state *state, const struct call_attempt *a, int32_t own)
{
	if (a->outcome == ERR_NONE)
		add(state, own, FAMILY_GOOD_ATTEMPTS, 0, 1);
	else
		add(state, FIND(state, GROUP_OUTCOME, a->target->channel->name,
		    err_get(a->outcome)->name), FAMILY_BAD_ATTEMPTS, 0, 1);
}

/* That it followed another, or went beside one. OWN is its channel's series. */
static void
count_move(struct state *state, const struct call *c, unsigned i, int32_t own)
{
	const struct call_attempt *a = c->attempts[i], *previous;

	if (a->is_hedge && a == find_chosen(c))
		add(state, own, FAMILY_HEDGES, FAMILY_HEDGE_WON, 1);
	else if (a->is_hedge && a->outcome != ERR_CLIENT_GONE)
		add(state, own, FAMILY_HEDGES, FAMILY_HEDGE_LOST, 1);
	if (a->is_hedge || (previous = find_previous(c, i)) == NULL)
		return;
	if (previous->target->channel == a->target->channel)
		add(state, own, FAMILY_RETRIES, 0, 1);
	else
		add(state, FIND(state, GROUP_CHANNEL,
		    previous->target->channel->name), FAMILY_FAILOVERS, 0, 1);
}

static void
count_usage(struct state *state, int32_t of_model, const struct usage *u)
{
	const uint64_t counts[FAMILY_TOKEN__MAX] = {
		[FAMILY_TOKEN_INPUT] = u->input_tokens,
		[FAMILY_TOKEN_CACHE_READ] = u->cache_read_tokens,
		[FAMILY_TOKEN_CACHE_WRITE] = u->cache_write_tokens,
		[FAMILY_TOKEN_OUTPUT] = u->output_tokens,
		[FAMILY_TOKEN_REASONING] = u->reasoning_tokens,
	};

	if (u->source == USAGE_NONE)
		return;
	for (unsigned i = 0; i < FAMILY_TOKEN__MAX; i++) {
		add(state, of_model, FAMILY_TOKENS, i, counts[i]);
		if (u->source == USAGE_ESTIMATED ||
		    (u->source == USAGE_PARTIAL && i >= FAMILY_TOKEN_OUTPUT))
			add(state, of_model, FAMILY_ESTIMATED, i, counts[i]);
	}
}

/* Never what a client made up. */
static const char *
model_of(const struct call *c)
{
	return c->model == NULL ? "" : c->is_model_known ? c->model :
	    labels_other;
}

static void
count_consumed(struct state *state, const struct call *c,
    const struct call_attempt *a, int32_t of_model)
{
	const struct usage *usage = call_get_usage(c, a);
	uint64_t cost;

	count_usage(state, of_model, usage);
	if (cost_find(&a->target->prices, usage, &cost))
		add(state, of_model, FAMILY_COST, 0, cost);
}

static void
count_try(struct state *state, const struct call *c, unsigned i,
    uint64_t now_us)
{
	const struct call_attempt *a = c->attempts[i];
	const char *channel = a->target->channel->name;
	uint64_t took_us = end_of(a, now_us) - a->start_us;
	int32_t	 own = FIND(state, GROUP_CHANNEL, channel);
	int32_t	 of_model = FIND(state, GROUP_MODEL, channel, model_of(c));

	if (!was_stopped(a))
		observe(state, of_model, FAMILY_LATENCY, took_us);
	count_consumed(state, c, a, of_model);
	if (a->first_token_us != 0)
		observe(state, own, FAMILY_FIRST_TOKEN, a->first_token_us);
	add(state, own, FAMILY_UPSTREAM, 0, took_us);
	if (a->is_failure)
		add(state, own, FAMILY_CHANNEL_ERRORS, 0, 1);
	count_outcome(state, a, own);
	count_move(state, c, i, own);
}

/* ---- The request. ---- */

static const char *
method_of(const struct call *c)
{
	static const char *const methods[] = {
		"POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS",
	};

	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (strcmp(c->method, methods[i]) == 0)
			return methods[i];
	return labels_other;
}

static void
count_answer(struct state *state, const struct call *c, uint64_t now_us)
{
	const char *method = method_of(c);
	const char *endpoint = c->route == NULL ? "" : c->route;
	char	 status[] = "000";

	if (c->status > 0 && c->status < 1000)
		for (int i = 2, rest = c->status; i >= 0; i--, rest /= 10)
			status[i] = (char)('0' + rest % 10);
	add(state, FIND(state, GROUP_ANSWER, method, endpoint, status),
	    FAMILY_REQUESTS, 0, 1);
	observe(state, FIND(state, GROUP_ROUTE, method, endpoint),
	    FAMILY_DURATION, now_us - c->start_us);
}

/* A client that left without an answer was told no error. */
static bool
is_error(const struct call *c)
{
	if (c->outcome == ERR_CLIENT_GONE)
		return c->first_byte_us != 0 && c->status >= 400;
	return c->outcome != ERR_NONE || c->status >= 400;
}

static enum family_abort
abort_of(const struct call *c)
{
	return c->ready_us == 0 ? FAMILY_ABORT_UPLOAD :
	    c->first_byte_us == 0 ? FAMILY_ABORT_WAIT : FAMILY_ABORT_STREAM;
}

/* From ready to NOW_US, but for the pauses and the time with a try under way. */
static uint64_t
overhead_of(const struct call *c, uint64_t now_us)
{
	uint64_t until = c->ready_us, others = c->wait_us, total;

	for (unsigned i = 0; i < c->attempt_count; i++) {
		const struct call_attempt *a = c->attempts[i];
		uint64_t end = end_of(a, now_us);

		if (end <= until)
			continue;
		others += end - (a->start_us > until ? a->start_us : until);
		until = end;
	}
	total = now_us - c->ready_us;
	return total > others ? total - others : 0;
}

static void
count_all(struct state *state, const struct call *c, uint64_t now_us)
{
	bool	 is_gone = c->outcome == ERR_CLIENT_GONE;
	bool	 has_overhead = c->ready_us != 0 && c->attempt_count > 0;
	int32_t	 all;

	if (!is_gone && !has_overhead && !is_error(c))
		return;
	all = FIND(state, GROUP_ALL, NULL);
	if (has_overhead)
		observe(state, all, FAMILY_OVERHEAD, overhead_of(c, now_us));
	if (is_gone)
		add(state, all, FAMILY_ABORTS, abort_of(c), 1);
	if (is_error(c))
		add(state, all, FAMILY_HTTP_ERRORS, 0, 1);
}

static void
count_gaps(struct state *state, const struct call *c)
{
	int32_t	 first;
	bool	 has_gaps = false;

	for (unsigned i = 0; i <= CALL_GAPS; i++)
		has_gaps |= c->gaps[i] > 0;
	if (!has_gaps || c->target == NULL)
		return;
	first = FIND(state, GROUP_GAPS, c->target->channel->name);
	for (unsigned i = 0; i <= CALL_GAPS; i++)
		add(state, first, FAMILY_GAPS, i, c->gaps[i]);
	add(state, first, FAMILY_GAPS, CALL_GAPS + 1, c->gaps_sum_ms);
}

void
metrics_count(struct state *state, const struct call *c)
{
	uint64_t now_us = clock_now_us();

	count_answer(state, c, now_us);
	count_all(state, c, now_us);
	for (unsigned i = 0; i < c->attempt_count; i++)
		count_try(state, c, i, now_us);
	count_gaps(state, c);
}

/* ---- What is under way. ---- */

/* A segment that replaced another meanwhile knows nothing of what ends. */
static void
note(struct state *state, int32_t cell, int delta)
{
	if (delta > 0 || (int64_t)state_own(state, cell) > 0)
		state_add(state, cell, delta);
}

void
metrics_note_try(struct state *state, const struct target *target, int delta)
{
	note(state, FIND(state, GROUP_TRIES, target->channel->name), delta);
}

void
metrics_note_request(struct state *state, int delta)
{
	note(state, FIND(state, GROUP_REQUESTS, NULL), delta);
}

void
metrics_note_lost_lines(struct state *state, uint64_t count)
{
	if (count == 0)
		return;
	state_begin(state);
	add(state, FIND(state, GROUP_ALL, NULL), FAMILY_JOURNAL_LOST, 0,
	    count);
	state_commit(state, NULL, clock_wall_us(), "", "", 0, "", 0);
}

/* ---- The text. ---- */

static enum err
put_shared(const struct exposition *e, const struct snapshot *s,
    uint64_t now_ms)
{
	enum err err = ERR_NONE;
	struct labels l;

	for (size_t i = 0; err == ERR_NONE && i < s->channel_count; i++) {
		const struct channel *channel = &s->channels[i];
		uint64_t value;

		if (channel->shared == NULL)
			continue;
		labels_begin(&l, "");
		if (!labels_add(&l, groups[GROUP_SHARED].labels[0],
		    channel->name))
			continue;	/* there may be several of them */
		value = e->family->read(channel, now_ms);
		err = exposition_put(e, l.text + 1, l.len - 1, &value);
	}
	return err;
}

uint64_t
metrics_tries(const struct collection *c, const char *name)
{
	struct labels l;

	labels_begin(&l, "");
	if (!labels_add(&l, groups[GROUP_TRIES].labels[0], name))
		return 0;		/* several are counted as one */
	for (const struct sample *s = c->first[GROUP_TRIES]; s != NULL;
	    s = s->next)
		if (s->len == l.len - 1 &&
		    memcmp(s->labels, l.text + 1, s->len) == 0)
			return s->cells[0];
	return 0;
}

static enum err
put_family(struct exposition *e, const struct collection *c,
    const struct snapshot *s, uint64_t now_ms)
{
	enum group g = e->family->group;
	enum err err = ERR_NONE;

	if (g == GROUP_SHARED)
		return put_shared(e, s, now_ms);
	for (struct sample *sample = c->first[g]; err == ERR_NONE &&
	    sample != NULL; sample = sample->next)
		err = exposition_put(e, sample->labels, sample->len,
		    sample->cells);
	return err;
}

enum err
metrics_format(struct buf *out, struct state *state, struct snapshot *s,
    uint64_t now_ms)
{
	struct collection c;
	struct exposition e;
	enum err err = ERR_NONE;

	snapshot_refresh(s, state, now_ms);
	collection_init(&c, state);
	for (enum family f = 0; err == ERR_NONE && f < FAMILY__MAX; f++) {
		err = exposition_begin(&e, out, &families[f],
		    f == 0 ? NULL : &families[f - 1]);
		if (err == ERR_NONE)
			err = put_family(&e, &c, s, now_ms);
	}
	collection_fini(&c);
	return err;
}
