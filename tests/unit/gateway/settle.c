/* One line of valid JSON for each request, whatever is in it. */
#include "config.h"

#include "gateway/settle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <yajl/yajl_tree.h>

#include "base/clock.h"
#include "base/log.h"

struct fixture {
	char		 dir[64];
	struct journal	 journal;
	struct state	*state;
	struct call	 call;
	struct conf_provider provider;
	struct channel	 channel;
	struct target	 target;
	struct call_attempt attempts[2];
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	strcpy(x->dir, "/tmp/sluice-settle.XXXXXX");
	if (mkdtemp(x->dir) == NULL)
		return -1;
	log_open(NULL, LOG_LEVEL_ERROR);
	journal_open(&x->journal, x->dir);
	x->state = state_open(x->dir);
	x->provider.name = x->channel.name = "openai";
	x->channel.provider = x->target.provider = &x->provider;
	x->target.channel = &x->channel;
	x->call = (struct call){
		.id = "req_0123456789abcdef",
		.start_us = clock_now_us() - 5000000,
		.start_wall_us = 1777896000123000,
		.client_host = "192.0.2.7",
		.key_id = "0123456789abcdef0123456789abcdef", .method = "POST",
		.path = "/v1/chat/completions", .model = "gpt-4o",
		.stream = true, .target = &x->target,
		.target_model = "gpt-4o-2024", .status = 200,
		.bytes = 1234567890123,
	};
	x->call.first_byte_us = x->call.start_us + 2500000;
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	char	 command[96];

	state_close(x->state);
	journal_close(&x->journal);
	snprintf(command, sizeof(command), "rm -rf '%s'", x->dir);
	if (system(command) != 0)
		return -1;
	free(x);
	return 0;
}

/* Settle, and parse the one line that this makes. */
static yajl_val
settled(struct fixture *x)
{
	static char text[1 << 20];
	char	 error[256] = "";
	FILE	*f;
	size_t	 n;
	yajl_val tree;

	settle(x->state, &x->journal, &x->call);
	f = fopen(x->journal.path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	assert_true(n > 0);
	assert_ptr_equal(strchr(text, '\n'), text + n - 1);
	tree = yajl_tree_parse(text, error, sizeof(error));
	if (tree == NULL)
		fail_msg("%s: %s", error, text);
	return tree;
}

static yajl_val
member(yajl_val tree, const char *name)
{
	const char *path[] = { name, NULL };
	yajl_val v = yajl_tree_get(tree, path, yajl_t_any);

	assert_non_null(v);
	return v;
}

static const char *
text_of(yajl_val tree, const char *name)
{
	yajl_val v = member(tree, name);

	assert_true(YAJL_IS_STRING(v));
	return v->u.string;
}

static void
assert_text(yajl_val tree, const char *name, const char *want)
{
	assert_string_equal(text_of(tree, name), want);
}

static void
every_field_is_there(void **state)
{
	struct fixture *x = *state;
	yajl_val tree = settled(x);

	assert_int_equal(strlen(text_of(tree, "asctime")), 23);
	assert_non_null(strstr(text_of(tree, "asctime"),
	    ":00.123"));
	assert_text(tree, "levelname", "INFO");
	assert_true(YAJL_IS_STRING(member(tree, "message")));
	assert_text(tree, "request_id", "req_0123456789abcdef");
	assert_text(tree, "client_host", "192.0.2.7");
	assert_text(tree, "key_id", "0123456789abcdef0123456789abcdef");
	assert_text(tree, "method", "POST");
	assert_text(tree, "api_path", "/v1/chat/completions");
	assert_text(tree, "request_model_name", "gpt-4o");
	assert_text(tree, "target_provider", "openai");
	assert_text(tree, "target_model_name", "gpt-4o-2024");
	assert_true(YAJL_IS_TRUE(member(tree, "stream")));
	assert_int_equal(YAJL_GET_INTEGER(member(tree, "status")), 200);
	assert_text(tree, "outcome", "ok");
	assert_true(YAJL_GET_INTEGER(member(tree, "duration_ms")) >= 5000);
	assert_int_equal(YAJL_GET_INTEGER(member(tree, "ttfb_ms")), 2500);
	assert_true(YAJL_GET_INTEGER(member(tree, "bytes")) == 1234567890123);
	assert_true(YAJL_IS_NULL(member(tree, "trace_id")));
	assert_true(YAJL_IS_NULL(member(tree, "usage")));
	assert_true(YAJL_IS_NULL(member(tree, "cost")));
	assert_int_equal(member(tree, "attempts")->u.array.len, 0);
	yajl_tree_free(tree);
}

/* The call's second try, whose answer was passed on. */
static void
try_twice(struct fixture *x)
{
	x->attempts[0] = (struct call_attempt){
		.target = &x->target, .outcome = ERR_UPSTREAM_RESET,
		.start_us = x->call.start_us, .end_us = x->call.start_us + 7000,
		.usage = { .source = USAGE_ESTIMATED, .input_tokens = 9 },
	};
	x->attempts[1] = (struct call_attempt){
		.target = &x->target, .model = "gpt-4o-2024", .status = 200,
		.is_hedge = true, .first_token_us = 2000000,
		.start_us = x->call.start_us,
		.end_us = x->call.start_us + 3000000,
	};
	x->call.attempts[0] = &x->attempts[0];
	x->call.attempts[1] = &x->attempts[1];
	x->call.attempt_count = 2;
}

static void
every_attempt_is_there(void **state)
{
	struct fixture *x = *state;
	yajl_val tree, first, second;

	try_twice(x);
	x->call.trace_id = "0af7651916cd43dd8448eb211c80319c";
	tree = settled(x);
	assert_text(tree, "trace_id", "0af7651916cd43dd8448eb211c80319c");
	assert_int_equal(member(tree, "attempts")->u.array.len, 2);
	first = member(tree, "attempts")->u.array.values[0];
	second = member(tree, "attempts")->u.array.values[1];
	assert_text(first, "provider", "openai");
	assert_true(YAJL_IS_NULL(member(first, "model")));
	assert_text(first, "outcome", "upstream_reset");
	assert_int_equal(YAJL_GET_INTEGER(member(first, "status")), 0);
	assert_int_equal(YAJL_GET_INTEGER(member(first, "duration_ms")), 7);
	assert_true(YAJL_IS_NULL(member(first, "first_token_ms")));
	assert_true(YAJL_IS_FALSE(member(first, "hedge")));
	assert_text(member(first, "usage"), "source", "estimated");
	assert_text(second, "model", "gpt-4o-2024");
	assert_text(second, "outcome", "ok");
	assert_int_equal(YAJL_GET_INTEGER(member(second, "status")), 200);
	assert_int_equal(YAJL_GET_INTEGER(member(second, "first_token_ms")),
	    2000);
	assert_true(YAJL_IS_TRUE(member(second, "hedge")));
	yajl_tree_free(tree);
}

static void
usage_is_told_by_its_source(void **state)
{
	static const char *const sources[] = {
		[USAGE_REPORTED] = "reported", [USAGE_PARTIAL] = "partial",
		[USAGE_ESTIMATED] = "estimated",
	};
	yajl_val tree, usage;

	for (enum usage_source s = USAGE_REPORTED; s <= USAGE_ESTIMATED; s++) {
		struct fixture *x;

		tear_down(state);
		set_up(state);
		x = *state;
		x->call.usage = (struct usage){ s, 1, 2, 3, 4, 5 };
		tree = settled(x);
		usage = member(tree, "usage");
		assert_text(usage, "source", sources[s]);
		assert_int_equal(YAJL_GET_INTEGER(member(usage,
		    "input_tokens")), 1);
		assert_int_equal(YAJL_GET_INTEGER(member(usage,
		    "cache_read_tokens")), 2);
		assert_int_equal(YAJL_GET_INTEGER(member(usage,
		    "cache_write_tokens")), 3);
		assert_int_equal(YAJL_GET_INTEGER(member(usage,
		    "output_tokens")), 4);
		assert_int_equal(YAJL_GET_INTEGER(member(usage,
		    "reasoning_tokens")), 5);
		yajl_tree_free(tree);
	}
}

/* The text of a number: a double would round it. */
static void
assert_number(yajl_val tree, const char *name, const char *want)
{
	yajl_val v = member(tree, name);

	assert_true(YAJL_IS_NUMBER(v));
	assert_string_equal(YAJL_GET_NUMBER(v), want);
}

static yajl_val
attempt_of(yajl_val tree, size_t i)
{
	return member(tree, "attempts")->u.array.values[i];
}

static bool
has_cost(yajl_val tree)
{
	const char *path[] = { "cost", NULL };

	return yajl_tree_get(tree, path, yajl_t_any) != NULL;
}

static const struct usage answered = { USAGE_REPORTED, 10, 5, 2, 7, 3 };

static void
each_try_costs_at_its_own_prices(void **state)
{
	struct fixture *x = *state;
	struct target other = x->target;
	yajl_val tree;

	try_twice(x);
	x->attempts[0].target = &other;
	other.prices = (struct cost_prices){ .input = 40000 * COST_UNIT };
	x->target.prices = (struct cost_prices){ .input = 2500000000,
	    .cache_read = 1250000000, .cache_write = 3125000000,
	    .output = 10000000001 };
	x->call.usage = answered;
	x->call.main = &x->attempts[1];
	tree = settled(x);
	assert_number(attempt_of(tree, 0), "cost", "0.36");
	assert_false(has_cost(attempt_of(tree, 1)));
	assert_number(tree, "cost", "0.3601375");
	yajl_tree_free(tree);
}

static void
what_has_no_prices_adds_nothing(void **state)
{
	struct fixture *x = *state;
	struct target other = x->target;
	yajl_val tree;

	try_twice(x);
	x->attempts[0].target = &other;
	x->target.prices.output = 2 * COST_UNIT;
	x->call.usage = answered;
	x->call.main = &x->attempts[1];
	tree = settled(x);
	assert_false(has_cost(attempt_of(tree, 0)));
	assert_number(tree, "cost", "0.00002");
	yajl_tree_free(tree);
}

/* No answer was passed on: what was tried costs all the same. */
static void
what_failed_costs_too(void **state)
{
	struct fixture *x = *state;
	yajl_val tree;

	try_twice(x);
	x->target.prices.input = COST_UNIT;
	x->call.target = NULL;
	x->attempts[1].usage = answered;
	tree = settled(x);
	assert_true(YAJL_IS_NULL(member(tree, "usage")));
	assert_number(attempt_of(tree, 0), "cost", "0.000009");
	assert_number(attempt_of(tree, 1), "cost", "0.00001");
	assert_number(tree, "cost", "0.000019");
	yajl_tree_free(tree);
}

static void
the_highest_costs_are_numbers(void **state)
{
	struct fixture *x = *state;
	struct usage most = { USAGE_REPORTED, UINT64_MAX, UINT64_MAX,
		UINT64_MAX, UINT64_MAX, UINT64_MAX };
	yajl_val tree;

	x->target.prices.input = x->target.prices.output = 1000000 * COST_UNIT;
	for (unsigned i = 0; i < RETRY_TRIES_MAX; i++)
		x->call.attempts[i] = &x->attempts[0];
	x->call.attempt_count = RETRY_TRIES_MAX;
	x->attempts[0].target = &x->target;
	x->attempts[0].usage = most;
	tree = settled(x);
	assert_number(tree, "cost", "6000000000");
	yajl_tree_free(tree);
}

static void
note_requests(void *arg, const char *text, const uint64_t *cells,
    unsigned count, bool is_gauge)
{
	uint64_t *requests = arg;

	(void)count;
	(void)is_gauge;
	if (strncmp(text, "answer{", 7) == 0)
		*requests += cells[0];
}

static void
a_line_is_counted_once(void **state)
{
	struct fixture *x = *state;
	uint64_t requests = 0;

	try_twice(x);
	yajl_tree_free(settled(x));
	state_each(x->state, note_requests, &requests);
	assert_int_equal(requests, 1);
}

static void
what_is_not_known_is_null(void **state)
{
	struct fixture *x = *state;
	yajl_val tree;

	x->call.model = x->call.target_model = NULL;
	x->call.target = NULL;
	x->call.key_id = NULL;
	x->call.first_byte_us = 0;
	x->call.stream = false;
	x->call.path = "";
	tree = settled(x);
	assert_true(YAJL_IS_NULL(member(tree, "request_model_name")));
	assert_true(YAJL_IS_NULL(member(tree, "target_provider")));
	assert_true(YAJL_IS_NULL(member(tree, "key_id")));
	assert_true(YAJL_IS_NULL(member(tree, "target_model_name")));
	assert_true(YAJL_IS_NULL(member(tree, "ttfb_ms")));
	assert_true(YAJL_IS_FALSE(member(tree, "stream")));
	assert_text(tree, "api_path", "");
	yajl_tree_free(tree);
}

static void
texts_cannot_break_the_line(void **state)
{
	struct fixture *x = *state;
	yajl_val tree;

	x->call.model = "a\nb\"c\\d\x01\x1f\x7f,\"status\":0}";
	x->call.path = "/v1/\xff\xc3(\xed\xa0\x80/x";
	x->call.client_host = "\xc3\xa9\xf0\x9f\x98\x80";
	tree = settled(x);
	assert_text(tree, "request_model_name",
	    "a\nb\"c\\d\x01\x1f\x7f,\"status\":0}");
	assert_text(tree, "client_host", "\xc3\xa9\xf0\x9f\x98\x80");
	assert_int_equal(YAJL_GET_INTEGER(member(tree, "status")), 200);
	assert_non_null(strstr(text_of(tree, "api_path"),
	    "\xef\xbf\xbd"));
	yajl_tree_free(tree);
}

static void
long_texts_are_cut(void **state)
{
	static char path[100000];
	struct fixture *x = *state;
	yajl_val tree;

	for (size_t i = 0; i + 2 < sizeof(path); i += 2)
		memcpy(path + i, "\xc3\xa9", 3);
	memmove(path + 1, path, sizeof(path) - 2);	/* cut in mid-letter */
	path[0] = '/';
	x->call.path = path;
	tree = settled(x);
	assert_true(strlen(text_of(tree, "api_path")) < 1100);
	assert_text(tree, "target_provider", "openai");
	yajl_tree_free(tree);
}

static void
the_level_follows_the_outcome(void **state)
{
	static const struct { int status; enum err outcome; const char *level,
	    *name; } cases[] = {
		{ 200, ERR_NONE, "INFO", "ok" },
		{ 404, ERR_NONE, "WARNING", "ok" },
		{ 401, ERR_INVALID_API_KEY, "WARNING", "invalid_api_key" },
		{ 500, ERR_NONE, "ERROR", "ok" },
		{ 502, ERR_UPSTREAM_CONNECT, "ERROR", "upstream_connect" },
		{ 200, ERR_UPSTREAM_CUT, "ERROR", "upstream_cut" },
		{ 200, ERR_CLIENT_GONE, "INFO", "client_gone" },
		{ 499, ERR_CLIENT_GONE, "INFO", "client_gone" },
		{ 426, ERR_NO_WEBSOCKET, "INFO", "no_websocket" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fixture *x;
		yajl_val tree;

		tear_down(state);
		set_up(state);
		x = *state;
		x->call.status = cases[i].status;
		x->call.outcome = cases[i].outcome;
		tree = settled(x);
		assert_text(tree, "levelname", cases[i].level);
		assert_text(tree, "outcome", cases[i].name);
		yajl_tree_free(tree);
	}
}

static void
every_text_may_be_at_its_worst(void **state)
{
	static char worst[5000];
	struct fixture *x = *state;
	yajl_val tree;

	memset(worst, 1, sizeof(worst) - 1);
	x->call.client_host = x->call.method = x->call.path = worst;
	x->call.model = x->call.target_model = x->provider.name = worst;
	tree = settled(x);
	assert_text(tree, "outcome", "ok");
	yajl_tree_free(tree);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(every_field_is_there),
		TEST(every_attempt_is_there),
		TEST(usage_is_told_by_its_source),
		TEST(each_try_costs_at_its_own_prices),
		TEST(what_has_no_prices_adds_nothing),
		TEST(what_failed_costs_too),
		TEST(the_highest_costs_are_numbers),
		TEST(a_line_is_counted_once),
		TEST(what_is_not_known_is_null),
		TEST(texts_cannot_break_the_line),
		TEST(long_texts_are_cut),
		TEST(the_level_follows_the_outcome),
		TEST(every_text_may_be_at_its_worst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
