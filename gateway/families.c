#include "config.h"

#include "gateway/families.h"

#include "gateway/average.h"
#include "gateway/breaker.h"
#include "gateway/call.h"
#include "gateway/cost.h"

#define MS	1000
#define US	1000000
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const unsigned latency_us[] = {
	5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,
	5000000, 10000000, 30000000, 60000000, 120000000, 300000000, 600000000
};
static const unsigned overhead_us[] = {
	50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000,
	250000, 500000, 1000000
};

static const char *const http_labels[] = { "type=\"http\",channel=\"\"" };
static const char *const channel_labels[] = { "type=\"channel\"" };
static const char *const ok_labels[] = { "outcome=\"ok\"" };
static const char *const token_types[FAMILY_TOKEN__MAX] = {
	[FAMILY_TOKEN_INPUT] = "type=\"input\"",
	[FAMILY_TOKEN_CACHE_READ] = "type=\"cache_read\"",
	[FAMILY_TOKEN_CACHE_WRITE] = "type=\"cache_write\"",
	[FAMILY_TOKEN_OUTPUT] = "type=\"output\"",
	[FAMILY_TOKEN_REASONING] = "type=\"reasoning\"",
};
static const char *const hedge_results[FAMILY_HEDGE__MAX] = {
	[FAMILY_HEDGE_WON] = "result=\"won\"",
	[FAMILY_HEDGE_LOST] = "result=\"lost\"",
};
static const char *const abort_phases[FAMILY_ABORT__MAX] = {
	[FAMILY_ABORT_UPLOAD] = "phase=\"upload\"",
	[FAMILY_ABORT_WAIT] = "phase=\"wait\"",
	[FAMILY_ABORT_STREAM] = "phase=\"stream\"",
};

/*
 * Where in its group a family begins. The segment outlives the program, and
 * programs of two versions may share it: new cells are added at the end, and
 * what means something else gets a group of another name.
 */
#define CELLS(bounds) (COUNT(bounds) + 2)
enum {
	ALL_OVERHEAD,
	ALL_HTTP_ERRORS = ALL_OVERHEAD + CELLS(overhead_us),
	ALL_ABORTS,
	ALL_JOURNAL_LOST = ALL_ABORTS + FAMILY_ABORT__MAX,
	ALL__MAX,

	MODEL_LATENCY = 0,
	MODEL_TOKENS = MODEL_LATENCY + CELLS(latency_us),
	MODEL_ESTIMATED = MODEL_TOKENS + FAMILY_TOKEN__MAX,
	MODEL_COST = MODEL_ESTIMATED + FAMILY_TOKEN__MAX,
	MODEL__MAX,

	CHANNEL_FIRST_TOKEN = 0,
	CHANNEL_UPSTREAM = CHANNEL_FIRST_TOKEN + CELLS(latency_us),
	CHANNEL_ATTEMPTS,
	CHANNEL_ERRORS,
	CHANNEL_FAILOVERS,
	CHANNEL_RETRIES,
	CHANNEL_HEDGES,
	CHANNEL__MAX = CHANNEL_HEDGES + FAMILY_HEDGE__MAX
};
#define FITS(cells) ((int)(cells) <= (int)STATE_CELLS_MAX)
_Static_assert(FITS(ALL__MAX) && FITS(MODEL__MAX) && FITS(CHANNEL__MAX) &&
    FITS(CELLS(latency_us)) && FITS(CALL_GAPS + 2),
    "a series has no more cells");

const struct group_info groups[GROUP__MAX] = {
	[GROUP_ALL] = { .name = "all", .cells = ALL__MAX },
	[GROUP_ANSWER] = { .name = "answer", .cells = 1,
	    .labels = { "method", "endpoint", "status" } },
	[GROUP_ROUTE] = { .name = "route", .cells = CELLS(latency_us),
	    .labels = { "method", "endpoint" } },
	[GROUP_MODEL] = { .name = "model", .cells = MODEL__MAX,
	    .labels = { "channel", "model" } },
	[GROUP_CHANNEL] = { .name = "channel", .cells = CHANNEL__MAX,
	    .labels = { "channel" } },
	[GROUP_OUTCOME] = { .name = "outcome", .cells = 1,
	    .labels = { "channel", "outcome" } },
	[GROUP_GAPS] = { .name = "gaps", .cells = CALL_GAPS + 2,
	    .labels = { "channel" } },
	[GROUP_REQUESTS] = { .name = "requests", .cells = 1,
	    .is_gauge = true },
	[GROUP_TRIES] = { .name = "tries", .cells = 1, .is_gauge = true,
	    .labels = { "channel" } },
	[GROUP_SHARED] = { .name = "", .labels = { "channel" } },
};

/* In millionths. */
static uint64_t
read_error_rate(const struct channel *c, uint64_t now_ms)
{
	return (uint64_t)(1e6 * average_faded(atomic_load_explicit(
	    &c->shared->error_rate, memory_order_relaxed), now_ms));
}

/* A channel that asked for a pause is of no more use than an open one. */
static uint64_t
read_breaker(const struct channel *c, uint64_t now_ms)
{
	enum breaker_state state = breaker_state(atomic_load_explicit(
	    &c->shared->breaker, memory_order_relaxed));

	return state == BREAKER_CLOSED && channel_is_out(c, now_ms) ?
	    BREAKER_OPEN : state;
}

#define LABELS(list) .labels = list, .label_count = COUNT(list)
#define SECONDS(list) .type = FAMILY_HISTOGRAM, .unit = US, \
	.bounds = list, .bound_count = COUNT(list)

const struct family_info families[FAMILY__MAX] = {
	[FAMILY_REQUESTS] = { .name = "gateway_requests_total",
	    .help = "Requests that were settled, by the status told to the "
	    "client (499: it left before there was one).",
	    .group = GROUP_ANSWER },
	[FAMILY_DURATION] = { .name = "gateway_request_duration_seconds",
	    .help = "Time from a request's head to its end.",
	    .group = GROUP_ROUTE, SECONDS(latency_us) },
	[FAMILY_HTTP_ERRORS] = { .name = "gateway_errors_total",
	    .help = "Type http: answers with status 400 or above, or that "
	    "failed on the way. Type channel: upstream tries that failed.",
	    .group = GROUP_ALL, .cell = ALL_HTTP_ERRORS, LABELS(http_labels) },
	[FAMILY_CHANNEL_ERRORS] = { .name = "gateway_errors_total",
	    .group = GROUP_CHANNEL, .cell = CHANNEL_ERRORS,
	    LABELS(channel_labels) },
	[FAMILY_LATENCY] = { .name = "gateway_channel_latency_seconds",
	    .help = "Total time of upstream tries that came to their end.",
	    .group = GROUP_MODEL, .cell = MODEL_LATENCY, SECONDS(latency_us) },
	[FAMILY_ERROR_RATE] = { .name = "gateway_channel_error_rate",
	    .help = "Share of the last tries that failed, faded by age.",
	    .type = FAMILY_GAUGE, .group = GROUP_SHARED,
	    .unit = 1000000, .read = read_error_rate },
	[FAMILY_FIRST_TOKEN] = { .name = "gateway_channel_first_token_seconds",
	    .help = "Time from a try's start to its first token, or to its "
	    "head where there are no tokens to be seen.",
	    .group = GROUP_CHANNEL, .cell = CHANNEL_FIRST_TOKEN,
	    SECONDS(latency_us) },
	[FAMILY_GAPS] = { .name = "gateway_stream_gap_seconds",
	    .help = "Time between two pieces of a stream.",
	    .type = FAMILY_HISTOGRAM, .group = GROUP_GAPS, .unit = MS,
	    .bounds = call_gap_bounds_ms, .bound_count = CALL_GAPS },
	[FAMILY_TOKENS] = { .name = "gateway_tokens_total",
	    .help = "Tokens that were consumed, those of failed and lost "
	    "tries and all estimates included. The types are disjoint.",
	    .group = GROUP_MODEL, .cell = MODEL_TOKENS, LABELS(token_types) },
	[FAMILY_ESTIMATED] = { .name = "gateway_tokens_estimated_total",
	    .help = "That part of gateway_tokens_total that is an estimate.",
	    .group = GROUP_MODEL, .cell = MODEL_ESTIMATED,
	    LABELS(token_types) },
	[FAMILY_COST] = { .name = "gateway_cost_total",
	    .help = "What those tokens cost that have prices, in what the "
	    "prices are in.",
	    .group = GROUP_MODEL, .cell = MODEL_COST, .unit = COST_UNIT },
	[FAMILY_GOOD_ATTEMPTS] = { .name = "gateway_attempts_total",
	    .help = "Upstream tries by outcome; upstream_status is a whole "
	    "answer with status 400 or above.",
	    .group = GROUP_CHANNEL, .cell = CHANNEL_ATTEMPTS,
	    LABELS(ok_labels) },
	[FAMILY_BAD_ATTEMPTS] = { .name = "gateway_attempts_total",
	    .group = GROUP_OUTCOME },
	[FAMILY_FAILOVERS] = { .name = "gateway_failovers_total",
	    .help = "How often a request left this channel for another.",
	    .group = GROUP_CHANNEL, .cell = CHANNEL_FAILOVERS },
	[FAMILY_RETRIES] = { .name = "gateway_retries_total",
	    .help = "How often a request was tried once more on this "
	    "channel.",
	    .group = GROUP_CHANNEL, .cell = CHANNEL_RETRIES },
	[FAMILY_HEDGES] = { .name = "gateway_hedges_total",
	    .help = "Tries that were started beside one that was slow.",
	    .group = GROUP_CHANNEL, .cell = CHANNEL_HEDGES,
	    LABELS(hedge_results) },
	[FAMILY_ABORTS] = { .name = "gateway_aborts_total",
	    .help = "Clients that left: while they sent their request, before "
	    "the first byte of the answer, in mid-answer.",
	    .group = GROUP_ALL, .cell = ALL_ABORTS, LABELS(abort_phases) },
	[FAMILY_BREAKER] = { .name = "gateway_channel_breaker_state",
	    .help = "0 closed; 1 open, or the channel asked for a pause; "
	    "2 half-open.",
	    .type = FAMILY_GAUGE, .group = GROUP_SHARED,
	    .read = read_breaker },
	[FAMILY_TRIES] = { .name = "gateway_channel_in_flight",
	    .help = "Upstream tries under way.",
	    .type = FAMILY_GAUGE, .group = GROUP_TRIES },
	[FAMILY_IN_FLIGHT] = { .name = "gateway_in_flight_requests",
	    .help = "Requests under way, the one that asks included.",
	    .type = FAMILY_GAUGE, .group = GROUP_REQUESTS },
	[FAMILY_UPSTREAM] = { .name = "gateway_upstream_seconds_total",
	    .help = "Time for which tries were under way.",
	    .group = GROUP_CHANNEL, .cell = CHANNEL_UPSTREAM, .unit = US },
	[FAMILY_OVERHEAD] = { .name = "gateway_overhead_seconds",
	    .help = "Time that the gateway adds to a model call: from the "
	    "request's last byte to the end, but for the tries and the pauses "
	    "between them.",
	    .group = GROUP_ALL, .cell = ALL_OVERHEAD, SECONDS(overhead_us) },
	[FAMILY_JOURNAL_LOST] = { .name = "gateway_journal_lines_lost_total",
	    .help = "Lines of the journal that could not be written, nor kept "
	    "until they could: their requests are in no usage.",
	    .group = GROUP_ALL, .cell = ALL_JOURNAL_LOST },
};
