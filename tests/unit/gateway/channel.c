/* What is learnt of a channel, and what follows from it, in a real segment. */
#include "config.h"

#include "gateway/channel.h"

#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/average.h"

enum { PROBE_MS = 60000, COOLDOWN_MS = 30000, HOUR_MS = 3600000 };

static const uint64_t now = UINT64_C(1800000000000);	/* ms: in 2027 */

struct fixture {
	char		 dir[64], file[96];
	struct state	*state;
	struct channel	 channel;
	struct conf	 conf;
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	strcpy(x->dir, "/tmp/sluice-channel.XXXXXX");
	if (x == NULL || mkdtemp(x->dir) == NULL)
		return -1;
	snprintf(x->file, sizeof x->file, "%s/state", x->dir);
	x->state = state_open(x->dir);
	x->channel = (struct channel){ .name = "one" };
	channel_attach(&x->channel, x->state);
	x->conf.breaker.failures = 3;
	x->conf.breaker.cooldown_ms = COOLDOWN_MS;
	*state = x;
	return x->channel.shared == NULL || state_is_private(x->state) ? -1 : 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	state_close(x->state);
	nftw(x->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(x);
	return 0;
}

static enum breaker_pass
enter(struct fixture *x, uint64_t at)
{
	return channel_enter(&x->channel, x->state, 0, at, PROBE_MS);
}

static bool
leave(struct fixture *x, uint64_t at, const struct channel_end *end)
{
	return channel_leave(&x->channel, x->state, &x->conf, at, end);
}

static bool
leave_badly(struct fixture *x, uint64_t at, enum breaker_pass pass,
    int64_t retry_after_ms)
{
	return leave(x, at, &(struct channel_end){
		.verdict = CHANNEL_FAILED, .pass = pass,
		.retry_after_ms = retry_after_ms });
}

static void
leave_well(struct fixture *x, uint64_t at, enum breaker_pass pass,
    uint64_t first_token_ms)
{
	assert_false(leave(x, at, &(struct channel_end){
		.verdict = CHANNEL_WELL, .pass = pass, .stream = true,
		.first_token_ms = first_token_ms,
		.total_ms = first_token_ms * 7, .retry_after_ms = -1 }));
}

static bool
is_out(struct fixture *x, uint64_t at)
{
	return channel_is_out(&x->channel, at);
}

static double
slowness(struct fixture *x, uint64_t at)
{
	return channel_slowness(&x->channel, at);
}

#define assert_near(a, b, tolerance) \
	assert_true(fabs((double)(a) - (b)) <= (tolerance))

/* ---- The score. ---- */

static void
nothing_known_is_no_drawback(void **state)
{
	assert_true(slowness(*state, now) == 1);
	assert_false(is_out(*state, now));
}

static void
time_to_first_token_slows(void **state)
{
	struct fixture *x = *state;

	leave_well(x, now, BREAKER_PASS_FREE, 1000);
	assert_near(slowness(x, now), 2, 0.001);	/* 1 / (1 + 1 s) */
	leave_well(x, now, BREAKER_PASS_FREE, 5000);
	assert_near(slowness(x, now), 4, 0.001);
	leave_well(x, now, BREAKER_PASS_FREE, 0);	/* none came */
	assert_near(slowness(x, now), 4, 0.001);
	leave_well(x, now, BREAKER_PASS_FREE, UINT64_MAX / 8);
	assert_true(slowness(x, now) < 1100);
}

static void
errors_slow_by_their_share(void **state)
{
	struct fixture *x = *state;

	x->conf.breaker.failures = 0;
	leave_well(x, now, BREAKER_PASS_FREE, 0);
	leave_badly(x, now, BREAKER_PASS_FREE, -1);
	assert_near(slowness(x, now), 2, 0.001);	/* 1 / (1 - 0.5) */
	leave_well(x, now, BREAKER_PASS_FREE, 1000);
	assert_near(slowness(x, now), 2 / (1 - 1.0 / 3), 0.001);
	for (int i = 0; i < 100; i++)
		leave_badly(x, now, BREAKER_PASS_FREE, -1);
	assert_near(slowness(x, now), 2 / 0.1, 0.01);	/* no less than 0.1 */
}

static void
errors_are_forgotten(void **state)
{
	struct fixture *x = *state;

	x->conf.breaker.failures = 0;
	for (int i = 0; i < 20; i++)
		leave_badly(x, now, BREAKER_PASS_FREE, -1);
	assert_near(slowness(x, now), 10, 0.01);
	assert_near(slowness(x, now + 60000), 2, 0.01);
	assert_near(slowness(x, now + 600000), 1, 0.01);
}

static void
no_verdict_teaches_nothing(void **state)
{
	struct fixture *x = *state;

	for (int i = 0; i < 100; i++)
		assert_false(leave(x, now, &(struct channel_end){
			.verdict = CHANNEL_UNKNOWN, .retry_after_ms = 5000 }));
	assert_true(slowness(x, now) == 1);
	assert_false(is_out(x, now));
	assert_true(x->channel.shared->last_end_ms == 0);
}

/* ---- The breaker. ---- */

static void
failures_in_a_row_trip(void **state)
{
	struct fixture *x = *state;

	assert_false(leave_badly(x, now, BREAKER_PASS_FREE, -1));
	assert_false(leave_badly(x, now, BREAKER_PASS_FREE, -1));
	assert_int_equal(enter(x, now), BREAKER_PASS_FREE);
	assert_true(leave_badly(x, now, BREAKER_PASS_FREE, -1));
	assert_true(is_out(x, now));
	assert_int_equal(enter(x, now), BREAKER_REFUSED);
	assert_false(is_out(x, now + COOLDOWN_MS));
	assert_true(x->channel.shared->last_end_ms == now);
}

static void
an_error_rate_trips_after_ten(void **state)
{
	struct fixture *x = *state;

	x->conf.breaker.failures = 0;
	x->conf.breaker.error_rate = 0.5;
	for (int i = 0; i < 9; i++)
		assert_false(leave_badly(x, now, BREAKER_PASS_FREE, -1));
	assert_true(leave_badly(x, now, BREAKER_PASS_FREE, -1));
}

/* Ten that are long ago are not ten. */
static void
an_error_rate_trips_after_ten_of_late(void **state)
{
	struct fixture *x = *state;

	x->conf.breaker.failures = 0;
	x->conf.breaker.error_rate = 0.5;
	for (uint64_t i = 0; i < 30; i++)
		assert_false(leave_badly(x, now + i * 60000,
		    BREAKER_PASS_FREE, -1));
}

static void
a_lower_error_rate_does_not_trip(void **state)
{
	struct fixture *x = *state;

	x->conf.breaker.error_rate = 0.5;
	for (int i = 0; i < 100; i++) {
		leave_well(x, now, BREAKER_PASS_FREE, 0);
		leave_well(x, now, BREAKER_PASS_FREE, 0);
		assert_false(leave_badly(x, now, BREAKER_PASS_FREE, -1));
	}
	x->conf.breaker.error_rate = 0.25;
	assert_true(leave_badly(x, now, BREAKER_PASS_FREE, -1));
}

static void
trip(struct fixture *x)
{
	for (int i = 0; i < 3; i++)
		leave_badly(x, now, BREAKER_PASS_FREE, -1);
	assert_true(is_out(x, now));
}

static void
a_probes_first_token_is_enough(void **state)
{
	struct fixture *x = *state;

	trip(x);
	assert_int_equal(enter(x, now + COOLDOWN_MS), BREAKER_PASS_PROBE);
	channel_note_token(&x->channel, x->state, BREAKER_PASS_FREE);
	assert_int_equal(enter(x, now + COOLDOWN_MS), BREAKER_REFUSED);
	channel_note_token(&x->channel, x->state, BREAKER_PASS_PROBE);
	assert_int_equal(enter(x, now + COOLDOWN_MS), BREAKER_PASS_FREE);
	assert_true(slowness(x, now + COOLDOWN_MS) == 1);
}

/* The stream that was the probe may last for minutes after its first token. */
static void
a_probes_late_end_forgives_nothing(void **state)
{
	struct fixture *x = *state;
	double	 slow;

	trip(x);
	assert_int_equal(enter(x, now + COOLDOWN_MS), BREAKER_PASS_PROBE);
	channel_note_token(&x->channel, x->state, BREAKER_PASS_PROBE);
	leave_badly(x, now + COOLDOWN_MS, BREAKER_PASS_FREE, -1);
	leave_badly(x, now + COOLDOWN_MS, BREAKER_PASS_FREE, -1);
	slow = slowness(x, now + COOLDOWN_MS);
	assert_true(slow > 5);
	leave_well(x, now + COOLDOWN_MS, BREAKER_PASS_PROBE, 0);
	assert_near(slowness(x, now + COOLDOWN_MS), 3, 0.001);
}

static void
a_probe_without_a_verdict_makes_room(void **state)
{
	struct fixture *x = *state;

	trip(x);
	assert_int_equal(enter(x, now + COOLDOWN_MS), BREAKER_PASS_PROBE);
	assert_int_equal(enter(x, now + COOLDOWN_MS), BREAKER_REFUSED);
	leave(x, now + COOLDOWN_MS, &(struct channel_end){
		.verdict = CHANNEL_UNKNOWN, .pass = BREAKER_PASS_PROBE });
	assert_int_equal(enter(x, now + COOLDOWN_MS), BREAKER_PASS_PROBE);
}

static void
a_dead_process_holds_no_probe(void **state)
{
	struct fixture *x = *state;
	pid_t	 pid;
	int	 status;

	trip(x);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct state *own = state_open(x->dir);
		struct channel c = { .name = "one" };

		channel_attach(&c, own);
		_exit(channel_enter(&c, own, 0, now + COOLDOWN_MS,
		    PROBE_MS) !=
		    BREAKER_PASS_PROBE ||
		    breaker_owner(c.shared->breaker) != state_owner(own));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(breaker_state(x->channel.shared->breaker),
	    BREAKER_HALF_OPEN);
	assert_int_equal(enter(x, now + COOLDOWN_MS), BREAKER_PASS_PROBE);
	assert_int_equal(enter(x, now + COOLDOWN_MS), BREAKER_REFUSED);
}

static void
health_probes_open_and_hint(void **state)
{
	struct fixture *x = *state;

	for (int i = 0; i < 3; i++)
		channel_note_health(&x->channel, &x->conf, now,
		    CHANNEL_FAILED);
	assert_true(is_out(x, now));
	assert_true(slowness(x, now) == 1);	/* no request has failed */
	channel_note_health(&x->channel, &x->conf, now, CHANNEL_WELL);
	assert_int_equal(enter(x, now), BREAKER_PASS_PROBE);
	channel_note_health(&x->channel, &x->conf, now, CHANNEL_FAILED);
	assert_int_equal(breaker_state(x->channel.shared->breaker),
	    BREAKER_HALF_OPEN);
	leave_well(x, now, BREAKER_PASS_PROBE, 0);
	assert_int_equal(enter(x, now), BREAKER_PASS_FREE);
}

/* ---- What a client can cause. ---- */

enum { EVE = 11, ANN, BOB };

static bool
fails_for(struct fixture *x, uint64_t at, uint64_t client,
    enum channel_verdict verdict)
{
	enum breaker_pass pass = channel_enter(&x->channel, x->state, client,
	    at, PROBE_MS);

	return channel_leave(&x->channel, x->state, &x->conf, at,
	    &(struct channel_end){ .verdict = verdict, .client = client,
	    .pass = pass == BREAKER_REFUSED ? BREAKER_PASS_FORCED : pass,
	    .retry_after_ms = -1 });
}

static bool
is_out_for(struct fixture *x, uint64_t at, uint64_t client)
{
	return channel_is_out_for(&x->channel, client, at);
}

static void
one_client_puts_it_out_for_itself_alone(void **state)
{
	struct fixture *x = *state;

	x->conf.breaker.error_rate = 0.1;
	for (int i = 0; i < 200; i++)
		assert_false(fails_for(x, now, EVE, CHANNEL_FAILED_REQUEST));
	assert_true(is_out_for(x, now, EVE));
	assert_false(is_out_for(x, now, ANN));
	assert_false(is_out_for(x, now, 0));
	assert_true(slowness(x, now) == 1);
	assert_int_equal(channel_enter(&x->channel, x->state, EVE, now,
	    PROBE_MS), BREAKER_REFUSED);
	assert_int_equal(enter(x, now), BREAKER_PASS_FREE);
	assert_false(is_out_for(x, now + COOLDOWN_MS, EVE));
}

static void
two_clients_put_it_out_for_all(void **state)
{
	struct fixture *x = *state;
	bool	 opened = false;
	int	 i;

	for (i = 0; i < 20 && !opened; i++)
		opened = fails_for(x, now, i % 2 == 0 ? EVE : ANN,
		    CHANNEL_FAILED_REQUEST);
	assert_int_equal(i, 4);
	assert_true(is_out_for(x, now, BOB));
}

static void
a_pair_with_a_success_between_counts_for_nobody(void **state)
{
	struct fixture *x = *state;

	for (int i = 0; i < 60; i++) {
		fails_for(x, now, i % 2 == 0 ? EVE : ANN,
		    CHANNEL_FAILED_REQUEST);
		channel_leave(&x->channel, x->state, &x->conf, now,
		    &(struct channel_end){ .verdict = CHANNEL_WELL,
		    .client = BOB, .retry_after_ms = -1 });
	}
	assert_false(is_out(x, now));
	assert_int_equal(x->channel.shared->breaker, 0);
}

static void
where_all_are_one_each_failure_counts(void **state)
{
	struct fixture *x = *state;

	assert_false(fails_for(x, now, 0, CHANNEL_FAILED_REQUEST));
	assert_false(fails_for(x, now, 0, CHANNEL_FAILED_REQUEST));
	assert_true(fails_for(x, now, 0, CHANNEL_FAILED_REQUEST));
}

static void
no_connection_is_nobodys_doing(void **state)
{
	struct fixture *x = *state;

	for (int i = 0; i < 3; i++)
		assert_int_equal(fails_for(x, now, EVE, CHANNEL_FAILED),
		    i == 2);
	assert_true(is_out_for(x, now, ANN));
}

static void
a_pause_is_for_whom_it_was_told(void **state)
{
	struct fixture *x = *state;
	const struct channel_end end = { .client = EVE,
		.verdict = CHANNEL_FAILED_REQUEST, .retry_after_ms = 5000 };

	leave(x, now, &end);
	assert_true(is_out_for(x, now + 4999, EVE));
	assert_false(is_out_for(x, now + 5000, EVE));
	assert_false(is_out_for(x, now, ANN));
}

/* What one client does while the breaker decides keeps it shut for nobody. */
static void
the_trial_of_one_client_does_not_prolong_it(void **state)
{
	struct fixture *x = *state;

	for (int i = 0; i < 3; i++)
		fails_for(x, now, 0, CHANNEL_FAILED);
	assert_true(is_out(x, now));
	for (int i = 0; i < 9; i++)
		fails_for(x, now + COOLDOWN_MS, EVE, i % 2 == 0 ?
		    CHANNEL_FAILED_REQUEST : CHANNEL_REFUSED_KEY);
	assert_false(is_out_for(x, now + COOLDOWN_MS, ANN));
}

static void
a_refused_key_waits_for_a_probe(void **state)
{
	struct fixture *x = *state;

	x->conf.breaker.error_rate = 0.1;
	for (int i = 0; i < 100; i++)
		fails_for(x, now, i % 3 == 0 ? 0 : EVE + i % 2,
		    CHANNEL_REFUSED_KEY);
	assert_false(is_out(x, now));
	assert_true(channel_is_suspected(&x->channel));
	channel_note_health(&x->channel, &x->conf, now, CHANNEL_WELL);
	assert_false(channel_is_suspected(&x->channel));
	assert_false(is_out(x, now));
	fails_for(x, now, EVE, CHANNEL_REFUSED_KEY);
	channel_note_health(&x->channel, &x->conf, now, CHANNEL_REFUSED_KEY);
	assert_true(is_out_for(x, now, ANN));
	assert_false(channel_is_suspected(&x->channel));
}

static void
a_success_ends_the_suspicion(void **state)
{
	struct fixture *x = *state;

	fails_for(x, now, EVE, CHANNEL_REFUSED_KEY);
	leave_well(x, now, BREAKER_PASS_FREE, 1);
	channel_note_health(&x->channel, &x->conf, now, CHANNEL_REFUSED_KEY);
	assert_false(is_out(x, now));
}

/* ---- Pauses. ---- */

static void
a_pause_is_kept(void **state)
{
	struct fixture *x = *state;

	assert_false(leave_badly(x, now, BREAKER_PASS_FREE, 5000));
	assert_int_equal(breaker_state(x->channel.shared->breaker),
	    BREAKER_CLOSED);
	assert_true(is_out(x, now + 4999));
	assert_int_equal(enter(x, now + 4999), BREAKER_REFUSED);
	assert_false(is_out(x, now + 5000));
	assert_int_equal(enter(x, now + 5000), BREAKER_PASS_FREE);
}

static void
the_longer_pause_counts(void **state)
{
	struct fixture *x = *state;

	x->conf.breaker.failures = 0;
	leave_badly(x, now, BREAKER_PASS_FREE, 5000);
	leave_badly(x, now, BREAKER_PASS_FREE, 1000);
	leave_badly(x, now, BREAKER_PASS_FREE, 0);
	leave_badly(x, now, BREAKER_PASS_FREE, -1);
	assert_true(is_out(x, now + 4999));
	leave_badly(x, now + 4000, BREAKER_PASS_FREE, 5000);
	assert_true(is_out(x, now + 8999));
	assert_false(is_out(x, now + 9000));
}

static void
a_pause_lengthens_the_cooldown(void **state)
{
	struct fixture *x = *state;

	trip(x);
	leave_badly(x, now, BREAKER_PASS_FORCED, 1000);
	assert_true(is_out(x, now + COOLDOWN_MS - 1));
	leave_badly(x, now, BREAKER_PASS_FORCED, 2 * COOLDOWN_MS);
	assert_true(breaker_is_out(x->channel.shared->breaker,
	    now + 2 * COOLDOWN_MS - 1));
	assert_false(is_out(x, now + 2 * COOLDOWN_MS));
}

static void
no_pause_is_longer_than_an_hour(void **state)
{
	struct fixture *x = *state;

	leave_badly(x, now, BREAKER_PASS_FREE, INT64_MAX);
	assert_true(is_out(x, now + HOUR_MS - 1));
	assert_false(is_out(x, now + HOUR_MS));
}

static void
a_pause_from_a_wrong_clock_does_not_count(void **state)
{
	struct fixture *x = *state;

	leave_badly(x, now + 100 * (uint64_t)HOUR_MS, BREAKER_PASS_FREE, 1000);
	assert_false(is_out(x, now));
	leave_badly(x, now, BREAKER_PASS_FREE, 2000);
	assert_true(is_out(x, now + 1999));
	assert_false(is_out(x, now + 2000));
}

/* ---- Quantiles. ---- */

static void
add_token(struct fixture *x, bool stream, uint64_t ms)
{
	leave(x, now, &(struct channel_end){ .verdict = CHANNEL_UNKNOWN,
		.stream = stream, .first_token_ms = ms });
}

static unsigned
quantile(struct fixture *x, bool stream, double q)
{
	return channel_quantile_ms(&x->channel, stream, q);
}

static void
few_samples_have_no_quantile(void **state)
{
	struct fixture *x = *state;

	for (int i = 0; i < CHANNEL_SAMPLES_MIN - 1; i++)
		add_token(x, true, 100);
	assert_int_equal(quantile(x, true, 0.9), 0);
	add_token(x, true, 100);
	assert_in_range(quantile(x, true, 0.9), 91, 129);
	assert_int_equal(quantile(x, false, 0.9), 0);
	for (int i = 0; i < CHANNEL_SAMPLES_MIN; i++)
		add_token(x, false, 3000);
	assert_in_range(quantile(x, false, 0.9), 2897, 4097);
	assert_in_range(quantile(x, true, 0.9), 91, 129);
}

/* 1 to 1000 ms, each once. */
static void
an_even_distribution_has_its_quantiles(void **state)
{
	struct fixture *x = *state;
	static const double qs[] = { 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99 };

	for (unsigned i = 0; i < 1000; i++)
		add_token(x, true, i * 387 % 1000 + 1);
	for (size_t i = 0; i < sizeof qs / sizeof *qs; i++)
		assert_near(quantile(x, true, qs[i]), 1000 * qs[i],
		    30 * qs[i]);
	assert_in_range(quantile(x, true, 0), 1, 2);
	assert_in_range(quantile(x, true, 1), 1000, 1025);
}

static void
two_humps_are_told_apart(void **state)
{
	struct fixture *x = *state;

	for (int i = 0; i < 900; i++)
		add_token(x, true, i % 10 == 0 ? 8000 : 60);
	assert_in_range(quantile(x, true, 0), 46, 65);
	assert_in_range(quantile(x, true, 0.5), 46, 65);
	assert_in_range(quantile(x, true, 0.89), 46, 65);
	assert_in_range(quantile(x, true, 0.91), 5793, 8194);
}

/* A bucket includes its upper bound: 16 ms, 32 ms and so on. */
static void
bounds_belong_to_the_bucket_below(void **state)
{
	struct fixture *x = *state;

	for (uint64_t ms = 16, i = 0; ms <= 1 << 17; ms *= 2, i += 2) {
		add_token(x, true, ms);
		assert_int_equal(x->channel.shared->stream_buckets[i], 1);
		add_token(x, true, ms + 1);
		assert_int_equal(x->channel.shared->stream_buckets[i + 1], 1);
	}
}

static void
the_past_is_halved(void **state)
{
	struct fixture *x = *state;

	for (int i = 0; i < 1023; i++)
		add_token(x, true, 100);
	assert_int_equal(x->channel.shared->stream_count, 1023);
	add_token(x, true, 100);
	assert_int_equal(x->channel.shared->stream_count, 512);
	for (int i = 0; i < 5 * 512; i++)
		add_token(x, true, 5000);
	assert_true(quantile(x, true, 0.1) > 4000);
	assert_true(x->channel.shared->stream_count <= 1024);
}

static void
any_time_has_a_bucket(void **state)
{
	struct fixture *x = *state;
	static const uint64_t times[] = { 1, 2, 15, 16, 17, 1 << 20,
	    UINT32_MAX, UINT64_MAX };

	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		for (int j = 0; j < 10; j++)
			add_token(x, false, times[i]);
	assert_int_equal(x->channel.shared->plain_count, 80);
	assert_int_equal(x->channel.shared->plain_buckets[STATE_BUCKETS - 1],
	    30);
	assert_in_range(quantile(x, false, 1), 131072, 190000);
}

/* ---- The memory. ---- */

static void
use_all(struct fixture *x, struct channel *c, uint64_t at)
{
	struct channel_end end = { .stream = at & 1, .first_token_ms = 5,
		.total_ms = 9, .retry_after_ms = 700, .client = at & 3 };
	double	 slow = channel_slowness(c, at);

	assert_true(slow >= 1 && slow < 11000);
	channel_is_out_for(c, at & 3, at);
	end.pass = channel_enter(c, x->state, at & 3, at, PROBE_MS);
	channel_note_token(c, x->state, end.pass);
	for (double q = 0; q <= 1; q += 0.25)
		assert_true(channel_quantile_ms(c, true, q) < 200000);
	for (end.verdict = 0; end.verdict <= CHANNEL_UNKNOWN; end.verdict++)
		channel_leave(c, x->state, &x->conf, at, &end);
	channel_note_health(c, &x->conf, at, (enum channel_verdict)(at %
	    (CHANNEL_UNKNOWN + 1)));
}

/* The table is full, or the name too long: it works, and remembers nothing. */
static void
without_a_record_nothing_is_remembered(void **state)
{
	struct fixture *x = *state;
	char	 name[STATE_CHANNEL_MAX + 2];
	struct channel c = { .name = name };

	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	channel_attach(&c, x->state);
	assert_null(c.shared);
	for (int i = 0; i < 50; i++)
		use_all(x, &c, now);
	assert_true(channel_slowness(&c, now) == 1);
	assert_false(channel_is_out(&c, now));
	assert_int_equal(channel_enter(&c, x->state, 0, now, PROBE_MS),
	    BREAKER_PASS_FREE);
	assert_int_equal(channel_quantile_ms(&c, true, 0.9), 0);
}

/* All of the record but its name. */
static void
scribble(struct state_channel *s, uint64_t *noise, bool all_ones)
{
	unsigned char *bytes = (unsigned char *)s;

	for (size_t i = 0; i < offsetof(struct state_channel, is_ready); i++) {
		*noise = *noise * UINT64_C(6364136223846793005) + 1442695;
		bytes[i] = all_ones ? 0xff : (unsigned char)(*noise >> 56);
	}
}

static void
any_contents_are_harmless(void **state)
{
	struct fixture *x = *state;
	uint64_t noise = 7;

	x->conf.breaker.error_rate = 0.5;
	for (int i = 0; i < 3000; i++) {
		scribble(x->channel.shared, &noise, i < 4);
		use_all(x, &x->channel, i % 3 == 0 ? 0 : now + noise % 1000);
	}
	for (int i = 0; i < 30; i++) {	/* and it recovers */
		enum breaker_pass pass = enter(x, now + 2 * HOUR_MS);

		leave_well(x, now + 2 * HOUR_MS, pass == BREAKER_REFUSED ?
		    BREAKER_PASS_FORCED : pass, 1);
	}
	assert_false(is_out(x, now + 3 * HOUR_MS));
}

/* Its file was replaced twice while a request was under way. */
static void
people_are_told_how_it_does(void **state)
{
	const struct channel_end well = { .verdict = CHANNEL_WELL,
		.stream = true, .first_token_ms = 100, .total_ms = 2000 };
	const struct channel_end failed = { .verdict = CHANNEL_FAILED };
	struct fixture *x = *state;
	struct channel_report r;

	channel_report(&x->channel, now, &r);
	assert_int_equal(r.health, CHANNEL_HEALTH_UNKNOWN);
	assert_true(r.first_token_ms < 0 && r.total_ms < 0);
	leave(x, now, &well);
	channel_report(&x->channel, now, &r);
	assert_int_equal(r.health, CHANNEL_HEALTHY);
	assert_true(fabs(r.first_token_ms - 100) < 2);
	assert_true(fabs(r.total_ms - 2000) < 2);
	assert_true(r.error_rate == 0);
	for (int i = 0; i < 3; i++)
		leave(x, now, &failed);
	channel_report(&x->channel, now, &r);
	assert_int_equal(r.health, CHANNEL_UNHEALTHY);
	assert_true(r.error_rate > 0.5);
	x->channel.shared = NULL;
	channel_report(&x->channel, now, &r);
	assert_int_equal(r.health, CHANNEL_HEALTH_UNKNOWN);
}

static void
a_channel_outlives_its_file(void **state)
{
	struct fixture *x = *state;
	enum breaker_pass pass = enter(x, now);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(remove(x->file), 0);
		state_refresh(x->state);
	}
	assert_int_equal(state_generation(x->state), 3);
	channel_note_token(&x->channel, x->state, pass);
	leave_well(x, now, pass, 1000);
	assert_near(slowness(x, now), 2, 0.001);
	assert_ptr_equal(x->channel.shared, state_channel(x->state, "one"));
}

static void
hashes_are_the_same_everywhere(void **state)
{
	(void)state;
	assert_true(channel_hash("", 0) != channel_hash("a", 1));
	assert_true(channel_hash("openai", 6) == UINT64_C(0x9bc696c356e5e8b7));
}

/* 0 is none; the first may be another one's second. */
static void
a_salt_makes_another_caller(void **state)
{
	uint64_t hash = channel_hash("openai", 6);

	(void)state;
	assert_true(channel_hash_salted(hash, 0) == hash);
	assert_true(channel_hash_salted(hash, 1) != hash);
	assert_true(channel_hash_salted(hash, 1) !=
	    channel_hash_salted(hash, 2));
	assert_true(channel_hash_salted(1, 2) != channel_hash_salted(2, 1));
	assert_true(channel_hash_salted(1, 2) == UINT64_C(0x54dcbd108f05b785));
}

static void
what_is_known_is_told(void **state)
{
	struct fixture *x = *state;
	struct channel_status s;

	channel_read(&x->channel, now, &s);
	assert_true(s.breaker == BREAKER_CLOSED && !s.is_out &&
	    s.error_rate == 0 && s.last_end_ms == 0);
	leave(x, now, &(struct channel_end){ .verdict = CHANNEL_WELL,
	    .first_token_ms = 500, .total_ms = 2000, .retry_after_ms = -1 });
	channel_read(&x->channel, now, &s);
	assert_true(s.last_end_ms == now && s.error_rate == 0);
	for (int i = 0; i < 3; i++)
		leave(x, now, &(struct channel_end){ .retry_after_ms = -1,
		    .verdict = CHANNEL_FAILED });
	channel_read(&x->channel, now, &s);
	assert_true(s.breaker == BREAKER_OPEN && s.is_out);
	assert_near(s.error_rate, 0.75, 0.01);
	channel_read(&x->channel, now + COOLDOWN_MS, &s);
	assert_false(s.is_out);
	x->channel.shared = NULL;
	channel_read(&x->channel, now, &s);
	assert_true(s.breaker == BREAKER_CLOSED && !s.is_out);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nothing_known_is_no_drawback),
		TEST(time_to_first_token_slows),
		TEST(errors_slow_by_their_share),
		TEST(errors_are_forgotten),
		TEST(no_verdict_teaches_nothing),
		TEST(failures_in_a_row_trip),
		TEST(an_error_rate_trips_after_ten),
		TEST(an_error_rate_trips_after_ten_of_late),
		TEST(a_lower_error_rate_does_not_trip),
		TEST(a_probes_first_token_is_enough),
		TEST(a_probes_late_end_forgives_nothing),
		TEST(a_probe_without_a_verdict_makes_room),
		TEST(a_dead_process_holds_no_probe),
		TEST(health_probes_open_and_hint),
		TEST(one_client_puts_it_out_for_itself_alone),
		TEST(two_clients_put_it_out_for_all),
		TEST(a_pair_with_a_success_between_counts_for_nobody),
		TEST(where_all_are_one_each_failure_counts),
		TEST(no_connection_is_nobodys_doing),
		TEST(a_pause_is_for_whom_it_was_told),
		TEST(the_trial_of_one_client_does_not_prolong_it),
		TEST(a_refused_key_waits_for_a_probe),
		TEST(a_success_ends_the_suspicion),
		TEST(a_pause_is_kept),
		TEST(the_longer_pause_counts),
		TEST(a_pause_lengthens_the_cooldown),
		TEST(no_pause_is_longer_than_an_hour),
		TEST(a_pause_from_a_wrong_clock_does_not_count),
		TEST(few_samples_have_no_quantile),
		TEST(an_even_distribution_has_its_quantiles),
		TEST(two_humps_are_told_apart),
		TEST(bounds_belong_to_the_bucket_below),
		TEST(the_past_is_halved),
		TEST(any_time_has_a_bucket),
		TEST(without_a_record_nothing_is_remembered),
		TEST(any_contents_are_harmless),
		TEST(people_are_told_how_it_does),
		TEST(a_channel_outlives_its_file),
		cmocka_unit_test(hashes_are_the_same_everywhere),
		cmocka_unit_test(a_salt_makes_another_caller),
		TEST(what_is_known_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
