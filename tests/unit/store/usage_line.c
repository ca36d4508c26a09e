/* What a journal line says of usage, and that no line can do harm. */
#include "config.h"

#include "store/usage_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define NOON_MS 1777896000000			/* 2026-05-04 12:00:00 UTC */
#define HEAD "{\"asctime\":\"2026-05-04 12:00:00.123\",\"time_ms\":1777896000123," \
	"\"request_id\":\"req_1\",\"request_model_name\":\"m\""
#define USAGE "{\"source\":\"reported\",\"input_tokens\":12," \
	"\"cache_read_tokens\":8,\"cache_write_tokens\":7," \
	"\"output_tokens\":9,\"reasoning_tokens\":5}"

static struct usage_line line;

static bool
reads(const char *text)
{
	return usage_line_read(&line, text, strlen(text));
}

static void
every_member(void **state)
{
	const struct usage_record *r = &line.request;

	(void)state;
	assert_true(reads("{\"asctime\":\"2026-05-04 12:00:00.123\","
	    "\"time_ms\":1777896000123,\"levelname\":\"INFO\","
	    "\"message\":\"request settled\",\"request_id\":\"req_1\","
	    "\"client_host\":\"192.0.2.7\",\"method\":\"POST\","
	    "\"api_path\":\"/v1/chat/completions\","
	    "\"request_model_name\":\"llama\",\"target_provider\":\"cloud\","
	    "\"target_model_name\":\"llama-3\",\"stream\":true,"
	    "\"status\":200,\"outcome\":\"ok\",\"duration_ms\":106,"
	    "\"ttfb_ms\":0,\"bytes\":255,\"trace_id\":\"x\","
	    "\"key_id\":\"00112233445566778899aabbccddeeff\","
	    "\"cost\":0.001234567,\"attempts\":["
	    "{\"provider\":\"gpu\",\"model\":\"l\",\"status\":401,"
	    "\"outcome\":\"upstream_status\",\"duration_ms\":3,"
	    "\"first_token_ms\":null,\"hedge\":false,\"usage\":" USAGE
	    ",\"cost\":2},"
	    "{\"provider\":\"cloud\",\"model\":\"llama-3\",\"status\":200,"
	    "\"outcome\":\"ok\",\"duration_ms\":102,\"first_token_ms\":101,"
	    "\"hedge\":false}],\"usage\":" USAGE "}"));
	assert_true(r->time_ms == NOON_MS + 123);
	assert_string_equal(r->id, "req_1");
	assert_string_equal(r->key_id, "00112233445566778899aabbccddeeff");
	assert_string_equal(r->model, "llama");
	assert_string_equal(r->provider, "cloud");
	assert_string_equal(r->target_model, "llama-3");
	assert_string_equal(r->path, "/v1/chat/completions");
	assert_string_equal(r->outcome, "ok");
	assert_string_equal(r->source, "reported");
	assert_true(r->stream && !r->is_error);
	assert_true(r->status == 200 && r->duration_ms == 106 &&
	    r->ttfb_ms == 0 && r->first_token_ms == 101);
	assert_true(r->input_tokens == 12 && r->cache_read_tokens == 8 &&
	    r->cache_write_tokens == 7 && r->output_tokens == 9 &&
	    r->reasoning_tokens == 5);
	assert_true(r->cost_nano == 1234567);
	assert_int_equal(line.try_count, 2);
	assert_string_equal(line.tries[0].provider, "gpu");
	assert_string_equal(line.tries[0].target_model, "l");
	assert_string_equal(line.tries[0].source, "reported");
	assert_true(line.tries[0].cost_nano == 2 * (int64_t)USAGE_NANO);
	assert_true(line.tries[0].first_token_ms == -1);
	assert_string_equal(line.tries[1].source, "");
}

static void
what_is_null_or_missing(void **state)
{
	const struct usage_record *r = &line.request;

	(void)state;
	assert_true(reads(HEAD ",\"target_provider\":null,\"cost\":null,"
	    "\"key_id\":null,\"ttfb_ms\":null,\"usage\":null,"
	    "\"status\":404,\"outcome\":\"model_not_found\"}"));
	assert_string_equal(r->provider, "");
	assert_string_equal(r->key_id, "");
	assert_string_equal(r->source, "");
	assert_true(r->cost_nano == -1 && r->ttfb_ms == -1);
	assert_true(r->is_error && r->first_token_ms == -1);
	assert_int_equal(line.try_count, 0);
}

/* Nothing of one line is left for the next. */
static void
lines_know_nothing_of_each_other(void **state)
{
	(void)state;
	assert_true(reads(HEAD ",\"key_id\":\"admin\",\"cost\":1,\"attempts\":["
	    "{\"provider\":\"p\"}],\"usage\":" USAGE "}"));
	assert_string_equal(line.request.key_id, "admin");
	assert_true(reads(HEAD "}"));
	assert_string_equal(line.request.key_id, "");
	assert_true(line.request.cost_nano == -1);
	assert_true(line.request.input_tokens == 0);
	assert_int_equal(line.try_count, 0);
}

static void
what_is_an_error(void **state)
{
	static const struct { const char *text; bool is_error; } rows[] = {
		{ "\"status\":200,\"outcome\":\"ok\"", false },
		{ "\"status\":400,\"outcome\":\"ok\"", true },
		{ "\"status\":200,\"outcome\":\"upstream_cut\"", true },
		{ "\"status\":200,\"outcome\":\"client_gone\",\"ttfb_ms\":1",
		    false },
		{ "\"status\":499,\"outcome\":\"client_gone\"", false },
		{ "\"status\":500,\"outcome\":\"client_gone\",\"ttfb_ms\":1",
		    true },
	};
	char	 text[512];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(text, sizeof text, HEAD ",%s}", rows[i].text);
		assert_true(reads(text));
		assert_int_equal(line.request.is_error, rows[i].is_error);
	}
}

static void
older_lines_have_local_time(void **state)
{
	(void)state;
	assert_true(reads("{\"asctime\":\"2026-05-04 12:00:00.123\","
	    "\"request_id\":\"r\",\"target_provider\":\"p\"}"));
	assert_true(line.request.time_ms == NOON_MS + 123);
	assert_false(reads("{\"asctime\":\"yesterday\","
	    "\"request_id\":\"r\",\"target_provider\":\"p\"}"));
}

static void
members_count_at_their_places_only(void **state)
{
	(void)state;
	assert_true(reads(HEAD ",\"x\":{\"request_id\":\"no\",\"usage\":" USAGE
	    ",\"attempts\":[{}]},\"y\":[[{\"status\":7}]],"
	    "\"usage\":[" USAGE "],\"attempts\":{\"provider\":\"no\"},"
	    "\"input_tokens\":3,\"source\":\"no\"}"));
	assert_string_equal(line.request.id, "req_1");
	assert_string_equal(line.request.source, "");
	assert_true(line.request.input_tokens == 0);
	assert_true(line.request.status == 0);
	assert_int_equal(line.try_count, 0);
	assert_true(reads(HEAD ",\"attempts\":[1,[{\"provider\":\"no\"}],"
	    "{\"provider\":\"p\",\"usage\":{\"x\":{\"source\":\"no\"}}}],"
	    "\"status\":7}"));
	assert_int_equal(line.try_count, 1);
	assert_string_equal(line.tries[0].provider, "p");
	assert_string_equal(line.tries[0].source, "");
	assert_true(line.request.status == 7);
}

static void
numbers_have_bounds(void **state)
{
	const struct usage_record *r = &line.request;

	(void)state;
	assert_true(reads(HEAD ",\"status\":-5,\"duration_ms\":1e300,"
	    "\"ttfb_ms\":12.9,\"cost\":1e30,\"usage\":{\"input_tokens\":"
	    "99999999999999999999999999999999999999999999999999999999999,"
	    "\"output_tokens\":9223372036854775807,"
	    "\"reasoning_tokens\":\"5\"}}"));
	assert_true(r->status == 0 && r->ttfb_ms == 12);
	assert_true(r->duration_ms == USAGE_NUMBER_MAX);
	assert_true(r->input_tokens == 0 && r->reasoning_tokens == 0);
	assert_true(r->output_tokens == USAGE_NUMBER_MAX);
	assert_true(r->cost_nano == (int64_t)USAGE_COST_MAX * USAGE_NANO);
	assert_true(reads(HEAD ",\"cost\":-1}"));
	assert_true(r->cost_nano == -1);
	assert_true(reads(HEAD ",\"cost\":12345.678901234}"));
	assert_true(r->cost_nano == 12345678901234);
}

/* Characters of two bytes, so that the end would be in the middle of one. */
static void
texts_have_bounds(void **state)
{
	char	 text[4096] = "{\"asctime\":\"\",\"time_ms\":1777896000123,"
		 "\"request_id\":\"req_1\",\"request_model_name\":\"";

	(void)state;
	for (int i = 0; i < 1000; i++)
		strcat(text, "\xC3\xA4");
	strcat(text, "\",\"target_provider\":\"a\\u0000b\"}");
	assert_true(reads(text));
	assert_int_equal(strlen(line.request.model), USAGE_TEXT_SIZE - 2);
	assert_string_equal(line.request.provider, "a");
}

static void
tries_have_bounds(void **state)
{
	char	*text = calloc(1, 1 << 20);

	(void)state;
	strcpy(text, HEAD ",\"attempts\":[{\"provider\":\"p0\"}");
	for (int i = 1; i < 1000; i++)
		sprintf(text + strlen(text), ",{\"provider\":\"p%d\","
		    "\"status\":9}", i);
	strcat(text, "],\"status\":200}");
	assert_true(reads(text));
	assert_int_equal(line.try_count, 1000);
	assert_string_equal(line.tries[15].provider, "p15");
	assert_true(line.request.status == 200);
	assert_string_equal(line.request.provider, "");
	free(text);
}

static void
what_is_no_line(void **state)
{
	static const char *const texts[] = {
		"", "{", "{}", "[]", "7", "null", "\"x\"", HEAD, HEAD "]",
		HEAD "}}", HEAD "} x", HEAD ",}", HEAD ",\"status\":}",
		HEAD ",\"x\":\"\xFF\"}",
		"{\"time_ms\":1777896000123,\"target_provider\":\"p\"}",
		"{\"time_ms\":1777896000123,\"request_id\":\"r\"}",
		"{\"time_ms\":1777896000123,\"request_id\":\"\","
		    "\"target_provider\":\"p\"}",
		"{\"request_id\":\"r\",\"target_provider\":\"p\"}",
		"{\"time_ms\":-1,\"request_id\":\"r\",\"target_provider\":\"p\"}",
	};
	char	*deep = malloc(200001);

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (reads(texts[i]))
			fail_msg("taken: %s", texts[i]);
	memset(deep, '[', 200000);
	deep[200000] = '\0';
	assert_false(reads(deep));
	free(deep);
}

static int
set_up(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member),
		cmocka_unit_test(what_is_null_or_missing),
		cmocka_unit_test(lines_know_nothing_of_each_other),
		cmocka_unit_test(what_is_an_error),
		cmocka_unit_test(older_lines_have_local_time),
		cmocka_unit_test(members_count_at_their_places_only),
		cmocka_unit_test(numbers_have_bounds),
		cmocka_unit_test(texts_have_bounds),
		cmocka_unit_test(tries_have_bounds),
		cmocka_unit_test(what_is_no_line),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
