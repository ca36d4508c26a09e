/* plan.c - what choosing among 1,000 channels costs, and all that a request
 * does to the state: one JSON line, in ns. */
#include "config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/conf.h"
#include "gateway/metrics.h"
#include "gateway/plan.h"
#include "gateway/snapshot.h"
#include "store/state.h"

enum { CHANNELS = 1000, TARGETS = 10, ROUNDS = 20000, REPEATS = 15 };
enum { RATE = 10000 };			/* requests/s, for the share of refreshing */

struct bench {
	char		 dir[64];
	struct state	*state;
	struct snapshot	*snapshot;
	uint64_t	 now_ms;
	uint64_t	 key;
	bool		 is_sticky;
	bool		 is_one_model;
};

static void
write_file(const struct bench *b, const char *name, const char *text)
{
	char	 path[128];
	FILE	*f;

	snprintf(path, sizeof path, "%s/%s", b->dir, name);
	f = fopen(path, "w");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

/* A thousand providers: each serves "all", and with nine others a model of their own. */
static struct conf *
load(const struct bench *b)
{
	char	 name[96], text[512];
	struct conf *conf;

	snprintf(name, sizeof name, "%s/providers.d", b->dir);
	if (mkdir(name, 0700) != 0)
		abort();
	write_file(b, "sluice.conf", "");
	for (int i = 0; i < CHANNELS; i++) {
		snprintf(name, sizeof name, "providers.d/p%d.conf", i);
		snprintf(text, sizeof text, "base_url = \"http://p%d/v1\";\n"
		    "weight = %d;\nmodels = ( { name = \"all\"; }, "
		    "{ name = \"m%d\"; } );\n", i, 1 + i % 20, i / TARGETS);
		write_file(b, name, text);
	}
	snprintf(text, sizeof text, "%s/sluice.conf", b->dir);
	conf = conf_load(text, NULL, NULL, NULL);
	if (conf == NULL || conf->provider_count != CHANNELS)
		abort();
	return conf;
}

/* Every channel has a time to its first token, from 0.1 to 2 s. */
static void
teach(struct bench *b)
{
	for (size_t i = 0; i < b->snapshot->channel_count; i++) {
		const struct channel_end end = { .verdict = CHANNEL_WELL,
			.first_token_ms = 100 + i * 379 % 1900,
			.retry_after_ms = -1 };

		channel_leave(&b->snapshot->channels[i], b->state,
		    b->snapshot->conf, b->now_ms, &end);
	}
	b->now_ms += 1000;
	snapshot_refresh(b->snapshot, b->state, b->now_ms);
}

/* Of every STEP channels one has asked for a pause. */
static void
put_out(struct bench *b, size_t step)
{
	const struct channel_end end = { .verdict = CHANNEL_FAILED,
		.retry_after_ms = 600000 };

	for (size_t i = 0; i < b->snapshot->channel_count; i += step)
		channel_leave(&b->snapshot->channels[i], b->state,
		    b->snapshot->conf, b->now_ms, &end);
}

static void
set_up(struct bench *b)
{
	strcpy(b->dir, "/tmp/sluice-plan.XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		abort();
	b->now_ms = clock_wall_us() / 1000;
	b->state = state_open(b->dir);
	b->snapshot = snapshot_create(load(b), NULL, NULL);
	snapshot_refresh(b->snapshot, b->state, b->now_ms);
	teach(b);
}

static void
tear_down(struct bench *b)
{
	char	 command[128];

	snapshot_unref(b->snapshot);
	state_close(b->state);
	snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
	if (system(command) != 0)
		abort();
}

static void
make_plans(struct bench *b)
{
	char	 models[CHANNELS / TARGETS][16];
	struct plan plan;
	struct plan_query q = { .api_path = "chat/completions",
		.is_sticky = b->is_sticky, .now_ms = b->now_ms };

	for (int i = 0; i < CHANNELS / TARGETS; i++)
		snprintf(models[i], sizeof models[i], "m%d", i);
	for (int i = 0; i < ROUNDS; i++) {
		b->key = b->key * UINT64_C(6364136223846793005) + 1442695;
		q.key = b->key;
		q.model = b->is_one_model ? "all" :
		    models[(b->key >> 33) % (CHANNELS / TARGETS)];
		if (plan_make(&plan, b->snapshot, &q) != ERR_NONE)
			abort();
	}
}

/* What a JSON call with one try does besides its plan: everything but the journal. */
static void
count_call(struct bench *b, struct call *c, struct plan *plan, uint64_t now_ms)
{
	const struct channel_end end = { .verdict = CHANNEL_WELL,
		.first_token_ms = 150, .total_ms = 200, .retry_after_ms = -1 };
	struct call_attempt *a = c->attempts[0];
	const struct plan_step *step = plan_take(plan, b->state, now_ms);

	a->target = c->target = step->target;
	metrics_note_request(b->state, 1);
	metrics_note_try(b->state, step->target, 1);
	metrics_note_try(b->state, step->target, -1);
	channel_leave(step->target->channel, b->state, b->snapshot->conf,
	    now_ms, &end);
	metrics_note_request(b->state, -1);
	state_begin(b->state);
	metrics_count(b->state, c);
	state_commit(b->state, NULL, now_ms * 1000, c->id, "", 0, NULL, 0);
}

static void
handle_calls(struct bench *b)
{
	char	 model[16] = "all";
	struct plan plan;
	struct plan_query q = { .model = model, .api_path = "chat/completions",
		.is_sticky = b->is_sticky };
	struct call_attempt attempt = { .status = 200,
		.start_us = 1000000, .end_us = 1200000,
		.first_token_us = 150000 };
	struct call c = { .id = "req_bench", .method = "POST",
		.route = "/v1/chat/completions", .model = model,
		.is_model_known = true, .status = 200, .start_us = 999000,
		.ready_us = 999500, .first_byte_us = 1200000,
		.usage = { USAGE_REPORTED, 10, 5, 0, 7, 0 },
		.main = &attempt,
		.attempts = { &attempt }, .attempt_count = 1 };

	for (int i = 0; i < ROUNDS; i++) {
		b->key = b->key * UINT64_C(6364136223846793005) + 1442695;
		q.key = b->key;
		q.now_ms = b->now_ms + (uint64_t)i * 1000 / RATE;
		if (!b->is_one_model)
			snprintf(model, sizeof model, "m%d",
			    (int)((b->key >> 33) % (CHANNELS / TARGETS)));
		snapshot_refresh(b->snapshot, b->state, q.now_ms);
		if (plan_make(&plan, b->snapshot, &q) != ERR_NONE)
			abort();
		count_call(b, &c, &plan, q.now_ms);
	}
	b->now_ms += ROUNDS / RATE * 1000;
}

/* The best of some repeats: what else the machine does only ever adds. */
static double
measure(void (*work)(struct bench *), struct bench *b)
{
	double	 best = 1e18, took;
	uint64_t start_us;

	for (int i = 0; i < REPEATS; i++) {
		start_us = clock_now_us();
		work(b);
		took = (double)(clock_now_us() - start_us) * 1000 / ROUNDS;
		best = took < best ? took : best;
	}
	return best;
}

/* A second's requests at RATE, as many times as makes ROUNDS. */
static void
refresh(struct bench *b)
{
	for (int i = 0; i < ROUNDS; i++)
		snapshot_refresh(b->snapshot, b->state, b->now_ms +
		    (uint64_t)i * 1000 / RATE);
	b->now_ms += ROUNDS / RATE * 1000;
}

static void
measure_plans(struct bench *b, bool is_one_model, const char *name)
{
	b->is_one_model = is_one_model;
	for (int sticky = 1; sticky >= 0; sticky--) {
		b->is_sticky = sticky;
		printf("\"%s_%s_ns\":%.0f,", name, sticky ? "sticky" :
		    "random", measure(make_plans, b));
	}
}

int
main(void)
{
	static struct bench b;

	set_up(&b);
	printf("{\"channels\":%d,\"targets\":%d,", CHANNELS, TARGETS);
	measure_plans(&b, false, "few");
	measure_plans(&b, true, "all");
	b.is_sticky = true;
	b.is_one_model = false;
	printf("\"few_request_ns\":%.0f,", measure(handle_calls, &b));
	b.is_one_model = true;
	printf("\"all_request_ns\":%.0f,", measure(handle_calls, &b));
	put_out(&b, 2);
	measure_plans(&b, false, "few_half_out");
	measure_plans(&b, true, "all_half_out");
	put_out(&b, 1);
	measure_plans(&b, true, "all_out");
	printf("\"refresh_ns\":%.1f,\"is_private\":%s}\n",
	    measure(refresh, &b), state_is_private(b.state) ? "true" : "false");
	tear_down(&b);
	return 0;
}
