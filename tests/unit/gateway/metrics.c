/* What one request adds to /metrics, and what several processes add up to. */
#include "config.h"

#include "gateway/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/average.h"
#include "tests/unit/store/children.h"

#define SECOND 1000000ull

enum { PLACES = 3 };

struct fixture {
	struct place	*place;
	struct state	*state;
	struct conf	 conf;
	struct snapshot	 snapshot;
	struct channel	 channels[PLACES];
	float		 slowness[PLACES];
	struct conf_provider providers[PLACES];
	struct target	 targets[PLACES];
	struct call	 call;
	struct call_attempt attempts[RETRY_TRIES_MAX];
	char		*text;		/* what was printed last */
};

static int
set_up(void **state)
{
	static const char *const names[] = { "one", "two", "three" };
	struct fixture *x = calloc(1, sizeof(*x));

	log_open(NULL, LOG_LEVEL_ERROR);
	x->place = place_make();
	x->state = state_open(x->place->state_dir);
	assert_false(state_is_private(x->state));
	for (size_t i = 0; i < PLACES; i++) {
		x->providers[i].name = x->channels[i].name = names[i];
		x->channels[i].provider = &x->providers[i];
		x->targets[i].provider = &x->providers[i];
		x->targets[i].channel = &x->channels[i];
	}
	x->snapshot.conf = &x->conf;
	x->snapshot.channels = x->channels;
	x->snapshot.slowness = x->slowness;
	x->snapshot.channel_count = PLACES;
	x->snapshot.generation = state_generation(x->state) - 1;
	x->call = (struct call){
		.id = "req_0123456789abcdef", .client_host = "192.0.2.7",
		.method = "POST", .path = "/v1/chat/completions",
		.route = "/v1/chat/completions", .model = "gpt-4o",
		.is_model_known = true, .status = 200,
		.start_us = clock_now_us() - 20 * SECOND,
	};
	x->call.ready_us = x->call.start_us + SECOND;
	x->call.first_byte_us = x->call.start_us + 2 * SECOND;
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	state_close(x->state);
	place_remove(x->place);
	free(x->text);
	free(x);
	return 0;
}

/* One more try at PLACE, from START to END: seconds after ready. */
static struct call_attempt *
tried(struct fixture *x, unsigned place, double start, double end,
    enum err outcome, int status)
{
	struct call_attempt *a = &x->attempts[x->call.attempt_count];

	*a = (struct call_attempt){
		.target = &x->targets[place], .outcome = outcome,
		.status = status,
		.is_failure = outcome >= ERR_UPSTREAM_DNS &&
		    outcome <= ERR_UPSTREAM_CREDENTIALS && (status == 429 ||
		    status >= 500 || outcome != ERR_UPSTREAM_STATUS),
		.start_us = x->call.ready_us + (uint64_t)(start * SECOND),
		.end_us = x->call.ready_us + (uint64_t)(end * SECOND),
	};
	x->call.attempts[x->call.attempt_count++] = a;
	return a;
}

static void
count_in(struct state *state, const struct call *c)
{
	state_begin(state);
	metrics_count(state, c);
	state_commit(state, NULL, clock_wall_us(), c->id, "", 0, "", 0);
}

static void
print(struct fixture *x)
{
	struct buf out;

	buf_init(&out, 16 << 20);
	assert_int_equal(metrics_format(&out, x->state, &x->snapshot,
	    clock_wall_us() / 1000), ERR_NONE);
	buf_append(&out, "", 1);
	free(x->text);
	x->text = strdup(buf_data(&out));
	buf_fini(&out);
}

static void
count(struct fixture *x)
{
	count_in(x->state, &x->call);
	print(x);
}

/* What stands behind SERIES, or NULL. */
static const char *
find_value(const struct fixture *x, const char *series)
{
	const char *p = x->text;
	size_t	 n = strlen(series);

	while ((p = strstr(p, series)) != NULL) {
		if ((p == x->text || p[-1] == '\n') && p[n] == ' ')
			return p + n + 1;
		p += n;
	}
	return NULL;
}

static void
assert_value(const struct fixture *x, const char *series, const char *want)
{
	const char *value = find_value(x, series);

	if (value == NULL && want == NULL)
		return;
	if (value == NULL || want == NULL || strncmp(value, want,
	    strlen(want)) != 0 || value[strlen(want)] != '\n')
		fail_msg("%s is not %s:\n%s", series, want, x->text);
}

static double
number(const struct fixture *x, const char *series)
{
	const char *value = find_value(x, series);

	if (value == NULL)
		fail_msg("%s is not there:\n%s", series, x->text);
	return strtod(value, NULL);
}

/* ---- A request. ---- */

#define CHAT "method=\"POST\",endpoint=\"/v1/chat/completions\""

static void
a_plain_call(void **state)
{
	struct fixture *x = *state;
	struct call_attempt *a = tried(x, 0, 1, 3, ERR_NONE, 200);

	a->first_token_us = SECOND / 2;
	x->call.target = &x->targets[0];
	x->call.main = a;
	x->call.usage = (struct usage){ .source = USAGE_REPORTED,
	    .input_tokens = 100, .cache_read_tokens = 20,
	    .output_tokens = 50 };
	count(x);
	count(x);
	assert_value(x, "gateway_requests_total{" CHAT ",status=\"200\"}", "2");
	assert_value(x, "gateway_request_duration_seconds_bucket{" CHAT
	    ",le=\"10\"}", "0");
	assert_value(x, "gateway_request_duration_seconds_bucket{" CHAT
	    ",le=\"30\"}", "2");
	assert_value(x, "gateway_request_duration_seconds_count{" CHAT "}",
	    "2");
	assert_true(number(x, "gateway_request_duration_seconds_sum{" CHAT
	    "}") >= 40);
	assert_value(x, "gateway_channel_latency_seconds_bucket{channel=\"one\""
	    ",model=\"gpt-4o\",le=\"1\"}", "0");
	assert_value(x, "gateway_channel_latency_seconds_bucket{channel=\"one\""
	    ",model=\"gpt-4o\",le=\"2.5\"}", "2");
	assert_value(x, "gateway_channel_latency_seconds_sum{channel=\"one\""
	    ",model=\"gpt-4o\"}", "4");
	assert_value(x, "gateway_channel_first_token_seconds_sum"
	    "{channel=\"one\"}", "1");
	assert_value(x, "gateway_channel_first_token_seconds_bucket"
	    "{channel=\"one\",le=\"0.5\"}", "2");
	assert_value(x, "gateway_attempts_total{channel=\"one\",outcome=\"ok\"}",
	    "2");
	assert_value(x, "gateway_upstream_seconds_total{channel=\"one\"}", "4");
	assert_value(x, "gateway_tokens_total{channel=\"one\",model=\"gpt-4o\","
	    "type=\"input\"}", "200");
	assert_value(x, "gateway_tokens_total{channel=\"one\",model=\"gpt-4o\","
	    "type=\"cache_read\"}", "40");
	assert_value(x, "gateway_tokens_total{channel=\"one\",model=\"gpt-4o\","
	    "type=\"output\"}", "100");
	assert_null(strstr(x->text, "type=\"reasoning\""));
	assert_null(strstr(x->text, "gateway_tokens_estimated_total{"));
	assert_null(strstr(x->text, "gateway_errors_total{"));
	assert_value(x, "gateway_overhead_seconds_count", "2");
}

static const struct { const char *method, *endpoint; int status;
    const char *want; } answers[] = {
	{ "GET", "/v1/models", 200, "method=\"GET\",endpoint=\"/v1/models\","
	  "status=\"200\"" },
	{ "GET", NULL, 404, "method=\"GET\",endpoint=\"\",status=\"404\"" },
	{ "BREW", NULL, 404, "method=\"other\",endpoint=\"\",status=\"404\"" },
	{ "", NULL, 499, "method=\"other\",endpoint=\"\",status=\"499\"" },
	{ "post", NULL, 404, "method=\"other\",endpoint=\"\",status=\"404\"" },
	{ "POST", "/v1/*", 0, "method=\"POST\",endpoint=\"/v1/*\","
	  "status=\"000\"" },
	{ "POST", "/v1/*", 99999, "method=\"POST\",endpoint=\"/v1/*\","
	  "status=\"000\"" },
};

static void
labels_of_answers_are_bounded(void **state)
{
	struct fixture *x = *state;
	char	 series[256];

	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		x->call.method = answers[i].method;
		x->call.route = answers[i].endpoint;
		x->call.status = answers[i].status;
		count(x);
		snprintf(series, sizeof(series), "gateway_requests_total{%s}",
		    answers[i].want);
		assert_true(number(x, series) >= 1);
	}
}

static const struct { int status; enum err outcome; uint64_t first_byte_us;
    bool is_error; } ends[] = {
	{ 200, ERR_NONE, 1, false },
	{ 404, ERR_NONE, 1, true },
	{ 401, ERR_INVALID_API_KEY, 1, true },
	{ 502, ERR_UPSTREAM_CONNECT, 1, true },
	{ 200, ERR_UPSTREAM_CUT, 1, true },
	{ 200, ERR_CLIENT_GONE, 1, false },
	{ 499, ERR_CLIENT_GONE, 0, false },
	{ 503, ERR_CLIENT_GONE, 1, true },
};

static void
errors_are_what_clients_were_told(void **state)
{
	struct fixture *x = *state;
	double	 before = 0;

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		x->call.status = ends[i].status;
		x->call.outcome = ends[i].outcome;
		x->call.first_byte_us = ends[i].first_byte_us;
		count(x);
		before += ends[i].is_error;
		if (before > 0)
			assert_true(number(x, "gateway_errors_total"
			    "{type=\"http\",channel=\"\"}") == before);
	}
}

static void
clients_leave_in_three_phases(void **state)
{
	struct fixture *x = *state;

	x->call.outcome = ERR_CLIENT_GONE;
	count(x);
	assert_value(x, "gateway_aborts_total{phase=\"stream\"}", "1");
	x->call.first_byte_us = 0;
	x->call.status = 499;
	count(x);
	count(x);
	assert_value(x, "gateway_aborts_total{phase=\"wait\"}", "2");
	x->call.ready_us = 0;
	count(x);
	assert_value(x, "gateway_aborts_total{phase=\"upload\"}", "1");
	assert_value(x, "gateway_aborts_total{phase=\"wait\"}", "2");
	assert_value(x, "gateway_aborts_total{phase=\"stream\"}", "1");
}

static void
overhead_is_neither_tries_nor_pauses(void **state)
{
	struct fixture *x = *state;
	double	 sum;

	count(x);			/* without a try */
	assert_value(x, "gateway_overhead_seconds_count", NULL);
	tried(x, 0, 0.5, 2, ERR_UPSTREAM_RESET, 0);	/* 1.5 */
	tried(x, 0, 4, 6, ERR_HEDGE_LOST, 0);		/* 2 */
	tried(x, 1, 5, 8, ERR_NONE, 200)->is_hedge = true;	/* 2 more */
	tried(x, 2, 7, 7.5, ERR_NONE, 200);		/* within that */
	x->call.wait_us = 3 * SECOND / 2;
	x->call.target = &x->targets[1];
	count(x);
	sum = number(x, "gateway_overhead_seconds_sum");
	assert_true(sum >= 12 && sum < 13);	/* 19 - 5.5 - 1.5 */
	assert_value(x, "gateway_overhead_seconds_bucket{le=\"1\"}", "0");
	assert_value(x, "gateway_overhead_seconds_bucket{le=\"+Inf\"}", "1");
	x->call.wait_us = 100 * SECOND;		/* never below 0 */
	count(x);
	assert_value(x, "gateway_overhead_seconds_bucket{le=\"0.00005\"}", "1");
}

/* ---- Tries. ---- */

static void
failovers_retries_and_failures(void **state)
{
	struct fixture *x = *state;

	tried(x, 0, 0, 1, ERR_UPSTREAM_STATUS, 503);
	tried(x, 0, 2, 3, ERR_TIMEOUT_IDLE, 200);
	tried(x, 1, 3, 4, ERR_UPSTREAM_STATUS, 429);
	tried(x, 2, 4, 5, ERR_NONE, 200);
	x->call.target = &x->targets[2];
	count(x);
	assert_value(x, "gateway_retries_total{channel=\"one\"}", "1");
	assert_value(x, "gateway_failovers_total{channel=\"one\"}", "1");
	assert_value(x, "gateway_failovers_total{channel=\"two\"}", "1");
	assert_value(x, "gateway_failovers_total{channel=\"three\"}", NULL);
	assert_value(x, "gateway_errors_total{channel=\"one\",type=\"channel\"}",
	    "2");
	assert_value(x, "gateway_errors_total{channel=\"two\",type=\"channel\"}",
	    "1");
	assert_value(x, "gateway_errors_total{channel=\"three\","
	    "type=\"channel\"}", NULL);
	assert_value(x, "gateway_attempts_total{channel=\"one\","
	    "outcome=\"upstream_status\"}", "1");
	assert_value(x, "gateway_attempts_total{channel=\"one\","
	    "outcome=\"timeout_idle\"}", "1");
	assert_value(x, "gateway_attempts_total{channel=\"three\","
	    "outcome=\"ok\"}", "1");
	assert_value(x, "gateway_channel_latency_seconds_count{channel=\"one\","
	    "model=\"gpt-4o\"}", "2");
}

/* The request's own mistakes are no failures of the channel. */
static void
refusals_are_not_failures(void **state)
{
	static const int statuses[] = { 400, 404, 413, 422 };
	struct fixture *x = *state;

	for (size_t i = 0; i < 4; i++)
		tried(x, 0, 0, 1, ERR_UPSTREAM_STATUS, statuses[i]);
	count(x);
	assert_value(x, "gateway_errors_total{channel=\"one\",type=\"channel\"}",
	    NULL);
	assert_value(x, "gateway_attempts_total{channel=\"one\","
	    "outcome=\"upstream_status\"}", "4");
}

static void
hedges_win_or_lose(void **state)
{
	struct fixture *x = *state;

	tried(x, 0, 0, 3, ERR_HEDGE_LOST, 0);
	tried(x, 1, 1, 4, ERR_NONE, 200)->is_hedge = true;
	x->call.target = &x->targets[1];
	count(x);
	x->attempts[0].outcome = ERR_NONE;
	x->attempts[1].outcome = ERR_HEDGE_LOST;
	x->call.target = &x->targets[0];
	count(x);
	count(x);
	assert_value(x, "gateway_hedges_total{channel=\"two\",result=\"won\"}",
	    "1");
	assert_value(x, "gateway_hedges_total{channel=\"two\",result=\"lost\"}",
	    "2");
	x->attempts[0].outcome = x->attempts[1].outcome = ERR_CLIENT_GONE;
	x->call.target = NULL;
	count(x);
	assert_value(x, "gateway_hedges_total{channel=\"two\",result=\"lost\"}",
	    "2");
	assert_null(strstr(x->text, "gateway_failovers_total{"));
	assert_null(strstr(x->text, "gateway_errors_total{"));
	/* What was stopped has no latency, but took its time. */
	assert_value(x, "gateway_channel_latency_seconds_count{channel=\"one\","
	    "model=\"gpt-4o\"}", "2");
	assert_value(x, "gateway_upstream_seconds_total{channel=\"one\"}", "12");
}

static void
tokens_of_every_try_count(void **state)
{
	struct fixture *x = *state;

	tried(x, 0, 0, 1, ERR_HEDGE_LOST, 200)->usage = (struct usage){
	    .source = USAGE_ESTIMATED, .input_tokens = 7, .output_tokens = 5 };
	x->call.main = tried(x, 1, 0, 1, ERR_NONE, 200);
	x->call.target = &x->targets[1];
	x->call.usage = (struct usage){ .source = USAGE_PARTIAL,
	    .input_tokens = 10, .cache_write_tokens = 4, .output_tokens = 20,
	    .reasoning_tokens = 30 };
	count(x);
#define TOKENS(what, where, type) "gateway_tokens_" what "total{channel=\"" \
	where "\",model=\"gpt-4o\",type=\"" type "\"}"
	assert_value(x, TOKENS("", "one", "input"), "7");
	assert_value(x, TOKENS("estimated_", "one", "input"), "7");
	assert_value(x, TOKENS("estimated_", "one", "output"), "5");
	assert_value(x, TOKENS("", "two", "input"), "10");
	assert_value(x, TOKENS("", "two", "cache_write"), "4");
	assert_value(x, TOKENS("estimated_", "two", "input"), NULL);
	assert_value(x, TOKENS("", "two", "output"), "20");
	assert_value(x, TOKENS("estimated_", "two", "output"), "20");
	assert_value(x, TOKENS("estimated_", "two", "reasoning"), "30");
}

/* No answer was chosen when the client left. */
static void
tokens_without_an_answer_count(void **state)
{
	struct fixture *x = *state;

	tried(x, 0, 0, 1, ERR_UPSTREAM_RESET, 0);
	x->call.main = tried(x, 1, 1, 2, ERR_CLIENT_GONE, 200);
	tried(x, 2, 1, 2, ERR_CLIENT_GONE, 200)->is_hedge = true;
	x->call.outcome = ERR_CLIENT_GONE;
	x->call.usage = (struct usage){ .source = USAGE_ESTIMATED,
	    .input_tokens = 9 };
	count(x);
	assert_value(x, TOKENS("", "two", "input"), "9");
	assert_value(x, TOKENS("", "three", "input"), NULL);
}

static void
every_try_costs_where_it_was_made(void **state)
{
	struct fixture *x = *state;

	x->targets[0].prices.input = 2500000000;
	x->targets[1].prices.output = 10 * COST_UNIT;
	tried(x, 0, 0, 1, ERR_HEDGE_LOST, 200)->usage = (struct usage){
	    .source = USAGE_ESTIMATED, .input_tokens = 7, .output_tokens = 5 };
	tried(x, 2, 0, 1, ERR_UPSTREAM_CUT, 200)->usage = (struct usage){
	    .source = USAGE_ESTIMATED, .input_tokens = 7 };
	x->call.main = tried(x, 1, 0, 1, ERR_NONE, 200);
	x->call.target = &x->targets[1];
	x->call.usage = (struct usage){ .source = USAGE_REPORTED,
	    .input_tokens = 10, .output_tokens = 20, .reasoning_tokens = 1 };
	count(x);
	count(x);
#define COST(where) \
	"gateway_cost_total{channel=\"" where "\",model=\"gpt-4o\"}"
	assert_value(x, COST("one"), "0.000035");
	assert_value(x, COST("two"), "0.00042");
	assert_value(x, COST("three"), NULL);
}

static void
gaps_are_of_the_answers_channel(void **state)
{
	struct fixture *x = *state;

	tried(x, 0, 0, 1, ERR_UPSTREAM_RESET, 0);
	tried(x, 1, 1, 2, ERR_NONE, 200);
	x->call.target = &x->targets[1];
	x->call.gaps[0] = 3;
	x->call.gaps[CALL_GAPS] = 1;
	x->call.gaps_sum_ms = 400012;
	count(x);
	assert_value(x, "gateway_stream_gap_seconds_bucket{channel=\"two\","
	    "le=\"0.005\"}", "3");
	assert_value(x, "gateway_stream_gap_seconds_bucket{channel=\"two\","
	    "le=\"300\"}", "3");
	assert_value(x, "gateway_stream_gap_seconds_bucket{channel=\"two\","
	    "le=\"+Inf\"}", "4");
	assert_value(x, "gateway_stream_gap_seconds_sum{channel=\"two\"}",
	    "400.012");
	assert_null(strstr(x->text, "gateway_stream_gap_seconds_sum{channel="
	    "\"one\"}"));
}

/* ---- Names. ---- */

static void
names_of_clients_own_are_other(void **state)
{
	struct fixture *x = *state;

	tried(x, 0, 0, 1, ERR_NONE, 200);
	x->call.target = &x->targets[0];
	x->call.model = "a-name-that-a-client-made-up";
	x->call.is_model_known = false;
	count(x);
	assert_null(strstr(x->text, "made-up"));
	assert_value(x, "gateway_channel_latency_seconds_count{channel=\"one\","
	    "model=\"other\"}", "1");
	x->call.model = NULL;
	count(x);
	assert_value(x, "gateway_channel_latency_seconds_count{channel=\"one\","
	    "model=\"\"}", "1");
}

static void
names_are_escaped(void **state)
{
	struct fixture *x = *state;

	tried(x, 0, 0, 1, ERR_NONE, 200);
	x->call.target = &x->targets[0];
	x->call.model = "a\\b\"} 9\nc";
	x->channels[0].name = "one https://h/\"v1\"";
	count(x);
	assert_value(x, "gateway_channel_latency_seconds_count{channel="
	    "\"one https://h/\\\"v1\\\"\",model=\"a\\\\b\\\"} 9\\nc\"}", "1");
	assert_value(x, "gateway_channel_error_rate{channel="
	    "\"one https://h/\\\"v1\\\"\"}", "0");
}

/* Two such channels must not become one series twice. */
static void
names_that_are_too_long_have_no_gauges(void **state)
{
	static char one[121], two[121];
	struct fixture *x = *state;

	memset(one, '1', sizeof(one) - 1);
	memset(two, '2', sizeof(two) - 1);
	x->channels[0].name = one;
	x->channels[1].name = two;
	tried(x, 0, 0, 1, ERR_UPSTREAM_RESET, 0);
	tried(x, 1, 1, 2, ERR_NONE, 200);
	x->call.target = &x->targets[1];
	count(x);
	assert_value(x, "gateway_channel_latency_seconds_count{channel="
	    "\"other\",model=\"gpt-4o\"}", "2");
	assert_value(x, "gateway_channel_error_rate{channel=\"three\"}", "0");
	assert_null(find_value(x, "gateway_channel_error_rate"
	    "{channel=\"other\"}"));
}

/* ---- Gauges. ---- */

static void
channels_show_how_they_are(void **state)
{
	struct fixture *x = *state;
	uint64_t now_ms = clock_wall_us() / 1000;
	const struct channel_end cooled = { .verdict = CHANNEL_FAILED,
	    .retry_after_ms = 60000 };

	print(x);
	assert_value(x, "gateway_channel_error_rate{channel=\"one\"}", "0");
	assert_value(x, "gateway_channel_breaker_state{channel=\"one\"}", "0");
	for (int i = 0; i < 100; i++)
		average_add(&x->channels[0].shared->error_rate, 1, now_ms);
	breaker_fail(&x->channels[1].shared->breaker, BREAKER_PASS_FREE, 1,
	    false, now_ms, 60000);
	channel_leave(&x->channels[2], x->state, &x->conf, now_ms, &cooled);
	print(x);
	assert_true(number(x, "gateway_channel_error_rate{channel=\"one\"}") >
	    0.9);
	assert_true(number(x, "gateway_channel_error_rate{channel=\"one\"}") <=
	    1);
	assert_value(x, "gateway_channel_breaker_state{channel=\"one\"}", "0");
	assert_value(x, "gateway_channel_breaker_state{channel=\"two\"}", "1");
	assert_value(x, "gateway_channel_breaker_state{channel=\"three\"}",
	    "1");
	breaker_hint(&x->channels[1].shared->breaker, now_ms);
	breaker_enter(&x->channels[1].shared->breaker,
	    state_owner(x->state), now_ms, 1000);
	print(x);
	assert_value(x, "gateway_channel_breaker_state{channel=\"two\"}", "2");
}

static void
what_is_under_way_goes_up_and_down(void **state)
{
	struct fixture *x = *state;

	metrics_note_request(x->state, 1);
	metrics_note_try(x->state, &x->targets[0], 1);
	metrics_note_try(x->state, &x->targets[0], 1);
	metrics_note_try(x->state, &x->targets[1], 1);
	print(x);
	assert_value(x, "gateway_in_flight_requests", "1");
	assert_value(x, "gateway_channel_in_flight{channel=\"one\"}", "2");
	assert_value(x, "gateway_channel_in_flight{channel=\"two\"}", "1");
	metrics_note_request(x->state, -1);
	for (int i = 0; i < 3; i++)	/* once too often: another file's */
		metrics_note_try(x->state, &x->targets[0], -1);
	metrics_note_try(x->state, &x->targets[0], 1);
	print(x);
	assert_value(x, "gateway_in_flight_requests", "0");
	assert_value(x, "gateway_channel_in_flight{channel=\"one\"}", "1");
}

/* ---- Processes. ---- */

static struct fixture *the_fixture;

static void
count_and_stay(struct place *p, unsigned number)
{
	struct state *state = state_open(p->state_dir);

	(void)number;
	for (int i = 0; i < 5; i++)
		count_in(state, &the_fixture->call);
	metrics_note_try(state, &the_fixture->targets[0], 1);
	metrics_note_request(state, 1);
	report_and_stay(&p->words[0]);
}

static void
a_death_takes_no_counts_with_it(void **state)
{
	struct fixture *x = *state;
	pid_t	 first, second;

	tried(x, 0, 0, 1, ERR_NONE, 200);
	x->call.target = &x->targets[0];
	the_fixture = x;
	first = child_start(count_and_stay, x->place, 0);
	second = child_start(count_and_stay, x->place, 0);
	until(&x->place->words[0], 2);
	count(x);
	assert_value(x, "gateway_requests_total{" CHAT ",status=\"200\"}",
	    "11");
	assert_value(x, "gateway_attempts_total{channel=\"one\",outcome=\"ok\"}",
	    "11");
	assert_value(x, "gateway_channel_in_flight{channel=\"one\"}", "2");
	child_kill(first);
	print(x);
	assert_value(x, "gateway_requests_total{" CHAT ",status=\"200\"}",
	    "11");
	assert_value(x, "gateway_channel_in_flight{channel=\"one\"}", "1");
	assert_value(x, "gateway_in_flight_requests", "1");
	state_sweep(x->state, x->place->log);
	first = child_start(count_and_stay, x->place, 0);
	until(&x->place->words[0], 3);
	print(x);
	assert_value(x, "gateway_requests_total{" CHAT ",status=\"200\"}",
	    "16");
	assert_value(x, "gateway_request_duration_seconds_count{" CHAT "}",
	    "16");
	child_kill(first);
	child_kill(second);
	print(x);
	assert_value(x, "gateway_requests_total{" CHAT ",status=\"200\"}",
	    "16");
	assert_value(x, "gateway_channel_in_flight{channel=\"one\"}", "0");
}

/* Nothing in the segment, however it came there, breaks the text. */
static void
others_series_are_left_alone(void **state)
{
	static const char *const texts[] = {
		"model", "model{", "model}", "{}", "x{a=\"b\"}", "al{}", "all{",
		"allx{}", "answer",
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		state_add(x->state, state_series(x->state, texts[i],
		    strlen(texts[i]), 3, false), 1);
	state_add(x->state, state_series(x->state, "all{}", 5, 3, true), 1);
	print(x);
	for (const char *p = x->text; *p != '\0'; p = strchr(p, '\n') + 1)
		assert_true(strncmp(p, "# ", 2) == 0 || strncmp(p,
		    "gateway_channel_", 16) == 0);
}

/* Room for all of it, or an error: never half of it. */
static void
a_small_buffer_is_an_error(void **state)
{
	struct fixture *x = *state;
	struct buf out;

	count(x);
	for (size_t max = 0; max < strlen(x->text); max += 97) {
		buf_init(&out, max);
		assert_int_equal(metrics_format(&out, x->state, &x->snapshot,
		    1), ERR_NO_MEMORY);
		buf_fini(&out);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_plain_call),
		TEST(labels_of_answers_are_bounded),
		TEST(errors_are_what_clients_were_told),
		TEST(clients_leave_in_three_phases),
		TEST(overhead_is_neither_tries_nor_pauses),
		TEST(failovers_retries_and_failures),
		TEST(refusals_are_not_failures),
		TEST(hedges_win_or_lose),
		TEST(tokens_of_every_try_count),
		TEST(tokens_without_an_answer_count),
		TEST(every_try_costs_where_it_was_made),
		TEST(gaps_are_of_the_answers_channel),
		TEST(names_of_clients_own_are_other),
		TEST(names_are_escaped),
		TEST(names_that_are_too_long_have_no_gauges),
		TEST(channels_show_how_they_are),
		TEST(what_is_under_way_goes_up_and_down),
		TEST(a_death_takes_no_counts_with_it),
		TEST(others_series_are_left_alone),
		TEST(a_small_buffer_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
