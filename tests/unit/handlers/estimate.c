/* What is reserved for a request. */
#include "config.h"

#include "handlers/estimate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "handlers/prompt.h"
#include "handlers/route.h"

static const struct target target;

static struct limit_ask
estimate(struct body b, const char *api_path)
{
	struct exchange x = { .body = { .len = 4001 } };
	char	 path[64];

	snprintf(path, sizeof path, "/v1/%s", api_path);
	assert_int_equal(route_find(&x.route, "POST", path), ERR_NONE);
	return estimate_make(&x, &b, &target);
}

static void
output_is_what_may_be_answered(void **state)
{
	static const struct { struct body body; const char *path;
	    uint64_t output; } cases[] = {
		{ { .is_stream = true }, "chat/completions",
		  ESTIMATE_OUTPUT_TOKENS },
		{ { .answers = 3 }, "completions",
		  3 * ESTIMATE_OUTPUT_TOKENS },
		{ { .has_max_output = true, .max_output = 7 }, "messages", 7 },
		{ { .has_max_output = true, .max_output = 7, .answers = 2 },
		  "responses", 14 },
		{ { .has_max_output = true }, "chat/completions", 0 },
		{ { .has_max_output = true, .max_output = 7 }, "embeddings",
		  0 },
		{ { .is_stream = false }, "images/generations", 0 },
		{ { .has_max_output = true, .max_output = UINT64_MAX,
		  .answers = UINT64_MAX }, "completions",
		  UINT64_C(100000000000000) },
	};
	struct limit_ask ask;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ask = estimate(cases[i].body, cases[i].path);
		assert_int_equal(ask.input_tokens, 1001);
		assert_int_equal(ask.output_tokens, cases[i].output);
		assert_ptr_equal(ask.prices, &target.prices);
	}
}

static void
a_prompt_is_input_too(void **state)
{
	const struct prompt_text text = { .len = 2000 };
	const struct prompt prompt = { .texts = { &text, &text }, .count = 2 };
	struct limit_ask ask = estimate((struct body){ .prompt = &prompt },
		    "chat/completions");

	(void)state;
	assert_int_equal(ask.input_tokens, 2001);
}

static void
an_upload_is_no_text(void **state)
{
	struct limit_ask ask = estimate((struct body){ .is_form = true },
		    "audio/transcriptions");

	(void)state;
	assert_int_equal(ask.input_tokens, 0);
	assert_int_equal(ask.output_tokens, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_is_what_may_be_answered),
		cmocka_unit_test(a_prompt_is_input_too),
		cmocka_unit_test(an_upload_is_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
