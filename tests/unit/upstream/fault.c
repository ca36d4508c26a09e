/* Error bodies of providers, whole and cut short. */
#include "config.h"

#include "upstream/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OPENAI(code) "{\"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":null,\"code\":\"" code "\"}}"
#define MESSAGE(text) "{\"object\":\"error\",\"message\":\"" text "\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}"
#define ANTHROPIC(type, text) "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" text "\"},\"request_id\":\"req_1\"}"

static const struct { int status; const char *body; enum fault fault; } answers[] = {
	/* The status alone. */
	{ 0, "", FAULT_NONE },
	{ 200, OPENAI("insufficient_quota"), FAULT_NONE },
	{ 302, "", FAULT_NONE },
	{ 400, "", FAULT_REQUEST },
	{ 401, "", FAULT_KEY },
	{ 402, "", FAULT_KEY },
	{ 403, "", FAULT_KEY },
	{ 404, "", FAULT_REQUEST },
	{ 405, "", FAULT_REQUEST },
	{ 408, "", FAULT_SERVER },
	{ 409, "", FAULT_REQUEST },
	{ 508, "", FAULT_REQUEST },
	{ 413, "", FAULT_REQUEST },
	{ 422, "", FAULT_REQUEST },
	{ 429, "", FAULT_RATE },
	{ 499, "", FAULT_REQUEST },
	{ 500, "", FAULT_SERVER },
	{ 501, "", FAULT_REQUEST },
	{ 502, "<html>Bad Gateway</html>", FAULT_SERVER },
	{ 503, "", FAULT_SERVER },
	{ 504, "", FAULT_SERVER },
	{ 505, "", FAULT_REQUEST },
	{ 529, ANTHROPIC("overloaded_error", "Overloaded"), FAULT_SERVER },

	/* No money is no matter of time. */
	{ 429, OPENAI("rate_limit_exceeded"), FAULT_RATE },
	{ 429, OPENAI("insufficient_quota"), FAULT_KEY },
	{ 429, "{\"error\": {\"type\" : \"insufficient_quota\", \"code\": null}}", FAULT_KEY },
	{ 429, OPENAI("billing_hard_limit_reached"), FAULT_KEY },
	{ 429, ANTHROPIC("rate_limit_error", "no insufficient_quota"), FAULT_RATE },
	{ 400, ANTHROPIC("invalid_request_error", "Your credit balance is too low to access the API."), FAULT_KEY },
	{ 400, "[{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"reason\":\"API_KEY_INVALID\"}]}}]", FAULT_KEY },
	{ 401, OPENAI("invalid_api_key"), FAULT_KEY },
	{ 402, ANTHROPIC("billing_error", "m"), FAULT_KEY },

	/* Too long. */
	{ 400, OPENAI("context_length_exceeded"), FAULT_CONTEXT },
	{ 413, OPENAI("context_length_exceeded"), FAULT_CONTEXT },
	{ 422, OPENAI("context_length_exceeded"), FAULT_CONTEXT },
	{ 400, MESSAGE("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."), FAULT_CONTEXT },
	{ 400, "{\"error\":" MESSAGE("The prompt is longer than the maximum model length of 4096") "}", FAULT_CONTEXT },
	{ 400, "{\"error\":{\"code\":400,\"message\":\"m\",\"type\":\"exceed_context_size_error\",\"n_ctx\":256}}", FAULT_CONTEXT },
	{ 500, "{\"error\":{\"code\":500,\"message\":\"the request exceeds the available context size.\",\"type\":\"server_error\"}}", FAULT_CONTEXT },
	{ 400, ANTHROPIC("invalid_request_error", "prompt is too long: 345320 tokens > 199999 maximum"), FAULT_CONTEXT },
	{ 400, ANTHROPIC("invalid_request_error", "input length and `max_tokens` exceed context limit: 1 + 2 > 2"), FAULT_CONTEXT },
	{ 400, "[{\"error\":{\"code\":400,\"message\":\"The input token count (9) exceeds the maximum number of tokens allowed (8).\"}}]", FAULT_CONTEXT },
	{ 400, "{\"error\":{\"message\":\"Your input exceeds the context window of this model.\"}}", FAULT_CONTEXT },
	{ 400, "PROMPT IS TOO LONG", FAULT_CONTEXT },
	{ 404, OPENAI("context_length_exceeded"), FAULT_REQUEST },
	{ 429, OPENAI("context_length_exceeded"), FAULT_RATE },
	{ 503, OPENAI("context_length_exceeded"), FAULT_SERVER },

	/* Refused. */
	{ 400, OPENAI("content_filter"), FAULT_POLICY },
	{ 400, OPENAI("content_policy_violation"), FAULT_POLICY },
	{ 400, "{\"error\":{\"code\":null,\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}", FAULT_POLICY },
	{ 403, OPENAI("content_filter"), FAULT_POLICY },
	{ 403, OPENAI("context_length_exceeded"), FAULT_KEY },
	{ 401, OPENAI("content_filter"), FAULT_KEY },
	{ 400, OPENAI("content_filter_x"), FAULT_REQUEST },

	/* What a message quotes, and what a member is called, is no code. */
	{ 400, OPENAI("x\\\"context_length_exceeded\\\"x"), FAULT_REQUEST },
	{ 400, OPENAI("x\\\"context_length_exceeded"), FAULT_REQUEST },
	{ 400, "{\"error\":{\"context_length_exceeded\" : false}}", FAULT_REQUEST },
	{ 400, "{\"error\":{\"context_length_exceeded\":1,\"code\":\"context_length_exceeded\"}}", FAULT_CONTEXT },
	{ 400, "{\"error\":{\"code\":\"x\"},\"echo\":\"prompt is too long\"}", FAULT_REQUEST },
	{ 400, "{\"error\":{\"m\":\"}\\\"}\",\"code\":\"content_filter\"}}", FAULT_POLICY },

	/* Cut short. */
	{ 400, "{\"error\":{\"code\":\"context_length_exceeded\"", FAULT_CONTEXT },
	{ 400, "{\"error\":{\"code\":\"context_length_exceeded", FAULT_REQUEST },
	{ 400, "{\"error\"", FAULT_REQUEST },
	{ 400, "{\"error\":", FAULT_REQUEST },
	{ 400, "\"", FAULT_REQUEST },
};

static const struct { const char *data; enum fault fault; } events[] = {
	{ "", FAULT_SERVER },
	{ "x", FAULT_SERVER },
	{ "{\"error\":{\"message\":\"m\"}}", FAULT_SERVER },
	{ "{\"error\":\"m\"}", FAULT_SERVER },
	{ "{\"error\":{\"code\":429,\"message\":\"m\"}}", FAULT_RATE },
	{ "{\"error\":{\"code\": \"429\",\"message\":\"m\"}}", FAULT_RATE },
	{ "{\"error\":{\"code\":502,\"message\":\"m\"},\"choices\":[{\"finish_reason\":\"error\"}]}", FAULT_SERVER },
	{ "{\"error\":{\"code\":401}}", FAULT_KEY },
	{ "{\"error\":{\"code\":400,\"type\":\"BadRequestError\"}}", FAULT_REQUEST },
	{ "{\"error\":{\"object\":\"error\",\"message\":\"Requested token count exceeds the model's maximum context length of 9 tokens.\",\"code\":400}}", FAULT_CONTEXT },
	{ "{\"error\":{\"code\":\"content_filter\",\"status\":400}}", FAULT_POLICY },
	{ "{\"error\":{\"code\":\"insufficient_quota\",\"type\":\"insufficient_quota\"}}", FAULT_KEY },
	{ "{\"error\":{\"code\":4290}}", FAULT_SERVER },
	{ "{\"error\":{\"code\":200,\"status\":404}}", FAULT_REQUEST },
	{ "{\"error\":{\"code\":99999999999999999999}}", FAULT_SERVER },
	{ "{\"error\":{\"code\":null,\"status\":\"RESOURCE_EXHAUSTED\"}}", FAULT_RATE },
	{ ANTHROPIC("overloaded_error", "Overloaded"), FAULT_SERVER },
	{ ANTHROPIC("rate_limit_error", "m"), FAULT_RATE },
	{ ANTHROPIC("authentication_error", "m"), FAULT_KEY },
	{ ANTHROPIC("invalid_request_error", "m"), FAULT_REQUEST },
	{ ANTHROPIC("invalid_request_error", "prompt is too long: 2 tokens > 1 maximum"), FAULT_CONTEXT },
	{ "{\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}", FAULT_RATE },
	{ "{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\"},\"instructions\":\"prompt is too long\"}}", FAULT_SERVER },
	{ "{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\"}}}", FAULT_RATE },
};

/* A copy of exactly the right size, so that a sanitizer sees a step past. */
static char *
copy_of(const char *text, size_t n)
{
	char *copy = malloc(n == 0 ? 1 : n);

	memcpy(copy, text, n);
	return copy;
}

static void
answers_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		size_t n = strlen(answers[i].body);
		char *body = copy_of(answers[i].body, n);
		enum fault fault = fault_of_answer(answers[i].status, body, n);

		free(body);
		if (fault != answers[i].fault)
			fail_msg("%d %s: %d", answers[i].status, answers[i].body,
			    (int)fault);
	}
}

static void
events_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
		size_t n = strlen(events[i].data);
		char *data = copy_of(events[i].data, n);
		enum fault fault = fault_of_event(data, n);

		free(data);
		if (fault != events[i].fault)
			fail_msg("%s: %d", events[i].data, (int)fault);
	}
}

/* With the status that it should have had, an error says the same. */
static void
errors_with_a_good_status_have_another(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
		size_t n = strlen(events[i].data);
		int status = fault_status_of_error(events[i].data, n);

		assert_true(status >= 400 && status < 600);
		if (fault_of_answer(status, events[i].data, n) !=
		    events[i].fault)
			fail_msg("%s: %d", events[i].data, status);
	}
	assert_int_equal(fault_status_of_error("", 0), 502);
	assert_int_equal(fault_status_of_error("{\"error\":\"busy\"}", 16), 502);
}

static void
a_model_that_is_not_there_is_told(void **state)
{
	static const char code[] = "{\"error\":{\"code\":\"model_not_found\"}}";
	static const char ollama[] =
	    "{\"error\":{\"message\":\"model \\\"m-1\\\" not found\"}}";

	(void)state;
	assert_int_equal(fault_of_answer(404, code, sizeof code - 1),
	    FAULT_MODEL);
	assert_int_equal(fault_of_answer(500, code, sizeof code - 1),
	    FAULT_SERVER);
	assert_int_equal(fault_of_event(code, sizeof code - 1), FAULT_MODEL);
	assert_int_equal(fault_status_of_error(code, sizeof code - 1), 404);
	assert_int_equal(fault_of_answer(404, ollama, sizeof ollama - 1),
	    FAULT_REQUEST);
	assert_true(fault_names_model(ollama, sizeof ollama - 1, "m-1"));
	assert_false(fault_names_model(ollama, sizeof ollama - 1, "m-2"));
	assert_false(fault_names_model(ollama, sizeof ollama - 1, ""));
	assert_false(fault_names_model("", 0, "m-1"));
}

static void
only_the_beginning_of_a_body_is_read(void **state)
{
	enum { N = 64 * 1024 };
	static const char code[] = "\"content_filter\"";
	char *body = malloc(N);

	(void)state;
	memset(body, ' ', N);
	memcpy(body + 8192, code, sizeof code - 1);
	assert_int_equal(fault_of_answer(400, body, N), FAULT_POLICY);
	memset(body, ' ', N);
	memcpy(body + 16384, code, sizeof code - 1);
	assert_int_equal(fault_of_answer(400, body, N), FAULT_REQUEST);
	free(body);
}

static void
every_cut_of_every_body_has_an_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
		for (size_t n = 0; n < strlen(answers[i].body); n++) {
			char *body = copy_of(answers[i].body, n);

			if (answers[i].status >= 400)
				assert_int_not_equal(fault_of_answer(
				    answers[i].status, body, n), FAULT_NONE);
			assert_int_not_equal(fault_of_event(body, n), FAULT_NONE);
			free(body);
		}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_told_apart),
		cmocka_unit_test(events_are_told_apart),
		cmocka_unit_test(errors_with_a_good_status_have_another),
		cmocka_unit_test(a_model_that_is_not_there_is_told),
		cmocka_unit_test(only_the_beginning_of_a_body_is_read),
		cmocka_unit_test(every_cut_of_every_body_has_an_answer),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
