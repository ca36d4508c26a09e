/* What is found in answers, in one piece and in many. */
#include "config.h"

#include "upstream/peek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { USAGE = 1, CHOICES = 2, FINISH = 4, ERROR = 8, SUMMARY = 16, IN_MESSAGE = 32, PART = 64 };

/* OBJECT: the last usage that was told of, NULL = none. */
static const struct { const char *text; unsigned flags; unsigned output; const char *object; } cases[] = {
	{ "", 0, 0, NULL },
	{ "{}", 0, 0, NULL },
	{ "[DONE]", 0, 0, NULL },

	/* Output, by the names of its members. */
	{ "{\"choices\":[{\"delta\":{\"content\":\"Hi there\"}}]}", CHOICES, 8, NULL },
	{ "{\"choices\": [{\"delta\": {\"content\": \"a\\\"b\\\\\"}}]}", CHOICES, 6, NULL },
	{ "{\"a\":{\"text\":\"1\",\"delta\":\"22\",\"arguments\":\"333\",\"partial_json\":\"4444\"}}", 0, 10, NULL },
	{ "{\"a\":{\"thinking\":\"1\",\"reasoning_content\":\"22\",\"reasoning\":\"333\",\"refusal\":\"4444\",\"input\":\"5\"}}", 0, 11, NULL },
	{ "{\"a\":{\"intent\":\"no\",\"context\":\"no\",\"object\":\"no\",\"id\":\"no\",\"contents\":\"no\"}}", 0, 0, NULL },
	{ "{\"a\":[\"content\",\"no\"],\"content\":null,\"text\":{\"x\":\"no\"}}", 0, 0, NULL },
	{ "{\"content\":[{\"token\":\"no\"}]}", 0, 0, NULL },
	{ "{\"content\" : \"x:y\"}", 0, 3, NULL },
	{ "{\"content\"\n:\n\"x\"}", 0, 1, NULL },
	{ "{\"content\":\"\xE4\xBD\xA0\"}", 0, 3, NULL },
	{ "{\"content\":\"cut", 0, 3, NULL },
	{ "{\"content\":\"cut\\", 0, 4, NULL },

	/* Usage, and where it is one. */
	{ "{\"usage\":{\"a\":1}}", USAGE, 0, "{\"a\":1}" },
	{ "{\"usage\" : {\"a\":{\"b\":[{}]}} }", USAGE, 0, "{\"a\":{\"b\":[{}]}}" },
	{ "{\"usage\":{\"a\":\"}\\\"}\"}}", USAGE, 0, "{\"a\":\"}\\\"}\"}" },
	{ "{\"usage\":{\"a\":1},\"usage\":{\"a\":2}}", USAGE, 0, "{\"a\":2}" },
	{ "{\"usage\":{\"usage\":{\"a\":1}}}", USAGE, 0, "{\"usage\":{\"a\":1}}" },
	{ "{\"usage\":null}", 0, 0, NULL },
	{ "{\"usage\":[{}]}", 0, 0, NULL },
	{ "{\"usage\":\"{}\"}", 0, 0, NULL },
	{ "{\"usage\":{\"a\":1", USAGE, 0, NULL },
	{ "[\"usage\",{\"a\":1}]", 0, 0, NULL },
	{ "{\"x\":\"\\\"usage\\\":{\\\"a\\\":1}\"}", 0, 0, NULL },
	{ "{\"content\":\"\\\"usage\\\":{}\"}", 0, 12, NULL },
	{ "{\"response\":{\"usage\":{\"a\":1}}}", 0, 0, "{\"a\":1}" },
	{ "{\"message\":{\"usage\":{\"a\":1}}}", IN_MESSAGE, 0, "{\"a\":1}" },
	{ "{\"x_groq\":{\"usage\":{\"a\":1}}}", 0, 0, "{\"a\":1}" },
	{ "{\"choices\":[{\"usage\":{\"a\":1}}]}", CHOICES, 0, "{\"a\":1}" },
	{ "{\"metadata\":{\"usage\":{\"a\":1}}}", 0, 0, NULL },
	{ "{\"response\":{\"tools\":[{\"usage\":{\"a\":1}}]}}", 0, 0, NULL },
	{ "{\"tools\":[{\"usage\":{\"a\":1}}]}", 0, 0, NULL },
	{ "{\"content\":[{\"input\":{\"usage\":{\"a\":1}}}]}", 0, 0, NULL },

	/* Ends and errors. */
	{ "{\"choices\":[]}", 0, 0, NULL },
	{ "{\"choices\":[{\"finish_reason\":null}]}", CHOICES, 0, NULL },
	{ "{\"choices\":[{\"finish_reason\": \"stop\"}]}", CHOICES | FINISH, 0, NULL },
	{ "{\"choices\":[{\"finish_reason\":null},{\"finish_reason\":\"length\"}]}", CHOICES | FINISH, 0, NULL },
	{ "{\"finish_reason\":\"stop\"}", 0, 0, NULL },
	{ "{\"choices\":[{\"x\":{\"finish_reason\":\"stop\"}}]}", CHOICES, 0, NULL },
	{ "{\"error\":null}", 0, 0, NULL },
	{ "{\"error\":{\"message\":\"m\"}}", ERROR, 0, NULL },
	{ "{\"error\" : \"m\"}", ERROR, 0, NULL },
	{ "{\"response\":{\"error\":{}}}", 0, 0, NULL },
	{ "{\"type\":\"error\"}", ERROR, 0, NULL },
	{ "{\"x\":{\"type\":\"error\"}}", 0, 0, NULL },
	{ "{\"type\":\"errors\"}", 0, 0, NULL },
	{ "{\"type\":\"response.failed\"}", ERROR | SUMMARY, 0, NULL },
	{ "{\"type\":\"response.completed\"}", SUMMARY, 0, NULL },
	{ "{\"type\":\"response.output_text.done\",\"text\":\"x\"}", SUMMARY | PART, 1, NULL },
	{ "{\"item\":{\"type\":\"x\"},\"type\":\"response.output_item.done\"}", SUMMARY | PART, 0, NULL },
	{ "{\"type\":\"content_block_stop\",\"index\":0}", PART, 0, NULL },
	{ "{\"x\":{\"type\":\"content_block_stop\"}}", 0, 0, NULL },
	{ "{\"type\":\"response.output_text.delta\",\"delta\":\"x\"}", 0, 1, NULL },
	{ "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}", 0, 1, NULL },

	/* No JSON. */
	{ "}]}", 0, 0, NULL },
	{ "{\"error\"", 0, 0, NULL },
	{ "::::{\"usage\":", 0, 0, NULL },
	{ "\"\\", 0, 0, NULL },
	{ ":", 0, 0, NULL },
};

struct seen {
	char	 object[256];
	bool	 any, in_message;
};

static void
on_usage(void *arg, const char *object, size_t n, bool in_message)
{
	struct seen *seen = arg;

	assert_true(n < sizeof seen->object);
	memcpy(seen->object, object, n);
	seen->object[n] = '\0';
	seen->any = true;
	seen->in_message = in_message;
}

static void
feed(struct peek *k, const char *text, size_t n)
{
	char *copy = malloc(n == 0 ? 1 : n);

	memcpy(copy, text, n);
	peek_feed(k, copy, n);
	free(copy);
}

static void
check(struct peek *k, const struct seen *seen, size_t i, unsigned ignored)
{
	unsigned flags = (k->has_usage ? USAGE : 0) |
	    (k->has_choices ? CHOICES : 0) | (k->has_finish ? FINISH : 0) |
	    (k->has_error ? ERROR : 0) | (k->is_summary ? SUMMARY : 0) |
	    (seen->in_message ? IN_MESSAGE : 0) |
	    (k->ends_part ? PART : 0);

	if (((flags ^ cases[i].flags) & ~ignored) != 0 ||
	    k->output_bytes != cases[i].output)
		fail_msg("%s: %u, %u bytes", cases[i].text, flags,
		    (unsigned)k->output_bytes);
	if (cases[i].object == NULL) {
		if (seen->any)
			fail_msg("%s: %s", cases[i].text, seen->object);
	} else
		assert_string_equal(seen->object, cases[i].object);
	peek_fini(k);
}

static void
begin(struct peek *k, struct seen *seen)
{
	*seen = (struct seen){ .any = false };
	peek_init(k);
	k->usage = on_usage;
	k->arg = seen;
}

static void
everything_is_found_in_every_split(void **state)
{
	struct seen seen;
	struct peek k;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *text = cases[i].text;
		size_t n = strlen(text);

		for (size_t cut = 0; cut <= n; cut++) {
			begin(&k, &seen);
			feed(&k, text, cut);
			feed(&k, text + cut, n - cut);
			check(&k, &seen, i, 0);
		}
		begin(&k, &seen);
		for (size_t at = 0; at < n; at++)
			feed(&k, text + at, 1);
		check(&k, &seen, i, 0);
	}
}

static void
a_glance_finds_the_same(void **state)
{
	uint64_t output_bytes;
	struct seen seen;
	struct peek k;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t n = strlen(cases[i].text);
		char *copy = malloc(n == 0 ? 1 : n);

		memcpy(copy, cases[i].text, n);
		begin(&k, &seen);
		if (peek_glance(copy, n, &output_bytes))
			k.output_bytes = output_bytes;
		else
			peek_feed(&k, copy, n);
		check(&k, &seen, i, CHOICES);
		free(copy);
	}
}

/* Else it would be right to say always that it takes a peek. */
static void
a_glance_is_enough_for_most(void **state)
{
	static const char *const words[] = {
		"{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi: \\\"x\\\":1\"},\"finish_reason\":null}],\"usage\":null}",
		"{\"choices\": [{\"delta\": {\"reasoning\": \"Hi\"}, \"finish_reason\": null}], \"usage\": null}",
		"{\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}",
		"{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}",
	};
	uint64_t output_bytes;

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (!peek_glance(words[i], strlen(words[i]), &output_bytes))
			fail_msg("%s", words[i]);
}

static size_t object_bytes;

static void
note_bytes(void *arg, const char *object, size_t n, bool in_message)
{
	(void)arg;
	(void)object;
	(void)in_message;
	object_bytes = n;
}

static void
long_objects_are_no_usage(void **state)
{
	enum { HEAD = 9, N = PEEK_OBJECT_MAX + HEAD + 1 };
	char *text = malloc(N);
	struct peek k;

	(void)state;
	for (size_t step = 1; step < 9 * N; step = step * 9 + 1)
		for (size_t more = 0; more < 2; more++) {
			size_t len = N - 1 + more;

			memset(text, ' ', N);
			memcpy(text, "{\"usage\":{", HEAD + 1);
			text[len - 1] = '}';
			object_bytes = 0;
			peek_init(&k);
			k.usage = note_bytes;
			for (size_t i = 0; i < len; i += step)
				feed(&k, text + i, len - i < step ? len - i : step);
			assert_int_equal(object_bytes,
			    more ? 0 : PEEK_OBJECT_MAX);
			assert_int_equal(k.object.size, 0);
			peek_fini(&k);
		}
	free(text);
}

static void
depth_is_no_danger(void **state)
{
	enum { N = 1000000 };
	char *text = malloc(N);
	struct peek k;

	(void)state;
	memset(text, '[', N);
	peek_init(&k);
	feed(&k, text, N);
	memset(text, '}', N);
	feed(&k, text, N);
	feed(&k, text, N);
	feed(&k, "{\"usage\":{}}", 12);
	assert_true(k.has_usage);
	peek_fini(&k);
	free(text);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_found_in_every_split),
		cmocka_unit_test(a_glance_finds_the_same),
		cmocka_unit_test(a_glance_is_enough_for_most),
		cmocka_unit_test(long_objects_are_no_usage),
		cmocka_unit_test(depth_is_no_danger),
	};

	return cmocka_run_group_tests_name("peek", tests, NULL, NULL);
}
