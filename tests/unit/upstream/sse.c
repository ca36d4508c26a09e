/* Streams of several providers, cut at every byte. */
#include "config.h"

#include "upstream/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROLE "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n"
#define WORD "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n"

enum { BOUNDARY = 1, TOKEN = 2, DONE = 4 };

/* A stream and what is known at its end. */
static const struct { const char *text; unsigned flags; unsigned long events; } streams[] = {
	/* Nothing yet. */
	{ "", BOUNDARY, 0 },
	{ "\n", BOUNDARY, 0 },
	{ "\r\n", BOUNDARY, 0 },
	{ "\n\n\n", BOUNDARY, 0 },
	{ "\xEF\xBB\xBF\n", BOUNDARY, 0 },

	/* Comments are no events. */
	{ ":", 0, 0 },
	{ ": ping", 0, 0 },
	{ ": ping\n", BOUNDARY, 0 },
	{ ": ping\n\n", BOUNDARY, 0 },
	{ ": OPENROUTER PROCESSING\r\n\r\n", BOUNDARY, 0 },
	{ ": data: [DONE]\n\n", BOUNDARY, 0 },
	{ ":{\"type\":\"message_stop\"}\n\n", BOUNDARY, 0 },

	/* Where an event of ours may follow. */
	{ "d", 0, 0 },
	{ "data: x", 0, 0 },
	{ "data: x\n", 0, 0 },
	{ "data: x\n\n", BOUNDARY | TOKEN, 1 },
	{ "data: x\n\n\n", BOUNDARY | TOKEN, 1 },
	{ "data: x\n: c\n", 0, 0 },
	{ "data: x\n: c\n\n", BOUNDARY | TOKEN, 1 },
	{ "data: x\n\n: c", TOKEN, 1 },
	{ "data: x\n\n: c\n", BOUNDARY | TOKEN, 1 },
	{ "data: x\r\n\r\n", BOUNDARY | TOKEN, 1 },
	{ "data: x\r\n\r", TOKEN, 1 },
	{ "data: x\r\n", 0, 0 },
	{ "data: x\r", 0, 0 },
	{ "data: x\r\r", TOKEN, 1 },
	{ "data: x\r\r\n", BOUNDARY | TOKEN, 1 },
	{ "data: x\n\r\n", BOUNDARY | TOKEN, 1 },
	{ "data: x\r\rdata: y\r\r", TOKEN, 2 },
	{ "event: ping\n", 0, 0 },
	{ "event: ping\n\n", BOUNDARY, 0 },
	{ "id: 7\nretry: 10\n", 0, 0 },
	{ "id: 7\n\n", BOUNDARY, 0 },

	/* What data is. */
	{ "data\n\n", BOUNDARY, 1 },
	{ "data:\n\n", BOUNDARY, 1 },
	{ "data: \n\n", BOUNDARY, 1 },
	{ "data:  \n\n", BOUNDARY | TOKEN, 1 },
	{ "data:x\n\n", BOUNDARY | TOKEN, 1 },
	{ "data :x\n\n", BOUNDARY, 0 },
	{ "datax: x\n\n", BOUNDARY, 0 },
	{ " data: x\n\n", BOUNDARY, 0 },
	{ "Data: x\n\n", BOUNDARY, 0 },
	{ "{\"choices\":[{\"text\":\"x\"}]}\n\n", BOUNDARY, 0 },
	{ "\xEF\xBB\xBF" "data: x\n\n", BOUNDARY | TOKEN, 1 },
	{ "\n\xEF\xBB\xBF" "data: x\n\n", BOUNDARY, 0 },

	/* The first token of a chat. */
	{ ROLE, BOUNDARY, 1 },
	{ ROLE ROLE ": c\n\n", BOUNDARY, 2 },
	{ ROLE WORD, BOUNDARY | TOKEN, 2 },
	{ ROLE WORD WORD WORD, BOUNDARY | TOKEN, 4 },
	{ ROLE "data: [DONE]\n\n", BOUNDARY | DONE, 2 },
	{ ROLE WORD "data: [DONE]\n\n", BOUNDARY | TOKEN | DONE, 3 },
	{ "data: {\"choices\":[],\"prompt_filter_results\":[{\"x\":1}]}\n\n", BOUNDARY, 1 },
	{ "data: {\"choices\":[{\"index\":0,\"text\":\"\",\"logprobs\":null,\"finish_reason\":null}]}\n\n", BOUNDARY, 1 },
	{ "data: {\"error\":{\"message\":\"overloaded\"}}\n\n", BOUNDARY | TOKEN, 1 },
	{ "data: {\"choices\":\ndata: [{\"delta\":{\"role\":\"assistant\"}}]}\n\n", BOUNDARY, 1 },
	{ "data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"x\"}}]}\n\n", BOUNDARY | TOKEN, 1 },
	{ "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[]}}]\ndata\ndata:\ndata:  }\n\n", BOUNDARY, 1 },
	{ "data: {\"choices\":\ndata: []}\ndata: x\n\n", BOUNDARY | TOKEN, 1 },

	/* The end, in every dialect. */
	{ "data: [DONE]\n\n", BOUNDARY | DONE, 1 },
	{ "data:[DONE]\n\n", BOUNDARY | DONE, 1 },
	{ "data: [DONE]\n", DONE, 0 },
	{ "data: [DONE]", DONE, 0 },
	{ "data: [DONE]\r\n\r\n", BOUNDARY | DONE, 1 },
	{ "\xEF\xBB\xBF" "data: [DONE]\n\n", BOUNDARY | DONE, 1 },
	{ "data: [DONE", 0, 0 },
	{ "data:  [DONE]\n\n", BOUNDARY | TOKEN, 1 },
	{ "data: \"[DONE]\"\n\n", BOUNDARY | TOKEN, 1 },
	{ "event: [DONE]\n\n", BOUNDARY, 0 },
	{ "data: {\"choices\":[{\"delta\":{\"content\":\"data: [DONE]\"}}]}\n\n", BOUNDARY | TOKEN, 1 },
	{ "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{}}\n\n", BOUNDARY, 1 },
	{ "data: {\"type\":\"response.in_progress\",\"response\":{}}\n\n", BOUNDARY, 1 },
	{ "data: {\"type\":\"response.queued\",\"response\":{}}\n\n", BOUNDARY, 1 },
	{ "data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n", BOUNDARY | TOKEN, 1 },
	{ "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{}}\n\n", BOUNDARY | TOKEN | DONE, 1 },
	{ "data: {\"type\":\"response.completed\",\"response\":{}}\n\n", BOUNDARY | TOKEN | DONE, 1 },
	{ "data: {\"type\": \"response.failed\", \"response\": {}}\n\n", BOUNDARY | TOKEN | DONE, 1 },
	{ "data:{\"sequence_number\":12345,\"type\":\"response.incomplete\"}\n\n", BOUNDARY | TOKEN | DONE, 1 },
	{ "event: response.completed\n", DONE, 0 },
	{ "event:response.failed\n\n", BOUNDARY | DONE, 0 },
	{ "event: response.completedx\n\n", BOUNDARY, 0 },
	{ "event: response.completed", 0, 0 },
	{ "data: {\"type\":\"response.completed", 0, 0 },
	{ "data: {\"type\":\"response.completed\"", DONE, 0 },
	{ "data: {\"type\":\"response.completedx\"}\n\n", BOUNDARY | TOKEN, 1 },
	{ "data: {\"item\":{\"type\":\"message_stop\"}}\n\n", BOUNDARY | TOKEN, 1 },
	{ "data: {\"item\":[\"type\",\"message_stop\"]}\n\n", BOUNDARY | TOKEN, 1 },
	{ "data: {\"delta\":\"\\\"type\\\":\\\"message_stop\\\"\"}\n\n", BOUNDARY | TOKEN, 1 },
	{ "data: {\"delta\":\"x\",\"type\":\"message_delta\"}\n\n", BOUNDARY | TOKEN, 1 },
	{ "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"role\":\"assistant\",\"content\":[]}}\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\n", BOUNDARY, 2 },
	{ "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", BOUNDARY | TOKEN | DONE, 1 },
	{ "event: message_stop\ndata: {}\n\n", BOUNDARY | TOKEN | DONE, 1 },
};

struct view {
	unsigned	 flags;
	unsigned long	 events;
};

static struct view
view_of(const struct sse *s)
{
	return (struct view){ (s->at_boundary ? BOUNDARY : 0) |
	    (s->token_seen ? TOKEN : 0) | (s->done_seen ? DONE : 0), s->events };
}

/* Copies of exactly the right size, so that a sanitizer sees a step past. */
static void
feed(struct sse *s, const char *text, size_t n)
{
	char *copy = malloc(n == 0 ? 1 : n);

	memcpy(copy, text, n);
	sse_feed(s, copy, n);
	free(copy);
}

static struct view
follow(const char *text, size_t n, size_t first, size_t step)
{
	struct view view;
	struct sse s;

	sse_init(&s);
	feed(&s, text, first);
	for (size_t i = first; i < n; i += step)
		feed(&s, text + i, n - i < step ? n - i : step);
	view = view_of(&s);
	sse_fini(&s);
	return view;
}

static void
streams_are_understood_in_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
		const char *text = streams[i].text;
		size_t n = strlen(text);

		for (size_t k = 0; k <= n; k++) {
			struct view view = follow(text, n, k, n + 1);

			if (view.flags != streams[i].flags ||
			    view.events != streams[i].events)
				fail_msg("cut at %zu: flags %u, %lu events: %s", k,
				    view.flags, view.events, text);
		}
		for (size_t step = 1; step < 5; step++) {
			struct view view = follow(text, n, 0, step);

			assert_int_equal(view.flags, streams[i].flags);
			assert_int_equal(view.events, streams[i].events);
		}
	}
}

static void
line_ends_may_be_mixed(void **state)
{
	static const char *const ends[] = { "\n", "\r", "\r\n" };
	char text[256];

	(void)state;
	for (size_t a = 0; a < 3; a++)
		for (size_t b = 0; b < 3; b++) {
			struct view view;

			/* CR here and LF there are one line end, not two. */
			if (ends[a][0] == '\r' && ends[a][1] == '\0' &&
			    ends[b][0] == '\n')
				continue;
			strcpy(text, "event: message_start");
			strcat(text, ends[a]);
			strcat(text, "data: {\"type\":\"message_start\"}");
			strcat(text, ends[a]);
			strcat(text, ends[b]);
			strcat(text, "data: {\"type\":\"x\"}");
			strcat(text, ends[b]);
			strcat(text, ends[b]);
			view = follow(text, strlen(text), 0, 1);
			assert_int_equal(view.events, 2);
			assert_int_equal(view.flags & ~BOUNDARY, TOKEN);
		}
}

/* One event whose data has N bytes, before any token. */
static struct view
follow_long(size_t n, bool finished, size_t step)
{
	static const char head[] = "data: {\"choices\":[],\"x\":\"", tail[] = "\"}";
	char *text = malloc(n + 64), *p = text;
	size_t fill = n - (sizeof head - 1 - 6) - (sizeof tail - 1);
	struct view view;

	memcpy(p, head, sizeof head - 1);
	p += sizeof head - 1;
	memset(p, 'x', fill);
	p += fill;
	memcpy(p, tail, sizeof tail - 1);
	p += sizeof tail - 1;
	if (finished) {
		*p++ = '\n';
		*p++ = '\n';
	}
	view = follow(text, (size_t)(p - text), 0, step);
	free(text);
	return view;
}

static void
long_events_count_as_output(void **state)
{
	(void)state;
	for (size_t step = 1; step < 200000; step = step * 7 + 1) {
		assert_int_equal(follow_long(65536, true, step).flags, BOUNDARY);
		assert_int_equal(follow_long(65537, true, step).flags,
		    BOUNDARY | TOKEN);
		assert_int_equal(follow_long(65536, false, step).flags, 0);
		assert_int_equal(follow_long(65537, false, step).flags, TOKEN);
	}
}

static void
many_data_lines_are_bounded_too(void **state)
{
	struct sse s;

	(void)state;
	sse_init(&s);
	for (int i = 0; i < 32768; i++)
		feed(&s, "data: [\n", 8);
	assert_false(s.token_seen);
	feed(&s, "data: [\n", 8);
	feed(&s, "data: [\n", 8);
	assert_true(s.token_seen);
	assert_int_equal(s.data.size, 0);
	sse_fini(&s);
}

static void
nothing_is_held_after_the_first_token(void **state)
{
	struct sse s;

	(void)state;
	sse_init(&s);
	feed(&s, ROLE, strlen(ROLE));
	assert_int_equal(buf_len(&s.data), 0);
	feed(&s, WORD, strlen(WORD));
	assert_true(s.token_seen);
	for (int i = 0; i < 1000; i++)
		feed(&s, WORD, strlen(WORD) - 1);
	assert_int_equal(s.data.size, 0);
	sse_fini(&s);
}

static void
deep_data_does_not_recurse(void **state)
{
	enum { N = 60000 };
	char *text = malloc(N);

	(void)state;
	memset(text, '[', N);
	assert_true(sse_is_token(text, N));
	memset(text + N / 2, ']', N / 2);
	assert_true(sse_is_token(text, N));
	free(text);
}

static void
output_is_told_from_prelude(void **state)
{
	static const struct { const char *data; bool output; } cases[] = {
		{ "", false },
		{ "[DONE]", false },
		{ "{}", true },
		{ "[]", true },
		{ "x", true },
		{ "{", true },
		{ "{\"choices\":[}", true },
		{ "{\"choices\":[]}", false },
		{ "{\"choices\":null}", true },
		{ "{\"choices\":{}}", true },
		{ "{\"choices\":[1]}", true },
		{ "{\"choices\":[{}]}", false },
		{ "{\"choices\":[{\"index\":0}]}", false },
		{ "{\"choices\":[{\"index\":0,\"delta\":{}}]}", false },
		{ "{\"choices\":[{\"delta\":null}]}", false },
		{ "{\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}", false },
		{ "{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}", false },
		{ "{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}}]}", false },
		{ "{\"choices\":[{\"delta\":{\"tool_calls\":[],\"function_call\":{}}}]}", false },
		{ "{\"choices\":[{\"delta\":{\"content\":\" \"}}]}", true },
		{ "{\"choices\":[{\"delta\":{\"content\":\"\\u0041\"}}]}", true },
		{ "{\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}", true },
		{ "{\"choices\":[{\"delta\":{\"refusal\":\"no\"}}]}", true },
		{ "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0}]}}]}", true },
		{ "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}", true },
		{ "{\"choices\":[{\"delta\":{},\"finish_reason\":null,\"logprobs\":null}]}", false },
		{ "{\"choices\":[{\"delta\":{\"content\":\"\"}},{\"delta\":{\"content\":\"x\"}}]}", true },
		{ "{\"choices\":[{\"delta\":\"x\"}]}", true },
		{ "{\"choices\":[{\"text\":\"\"}]}", false },
		{ "{\"choices\":[{\"text\":\"x\"}]}", true },
		{ "{\"choices\":[{\"message\":{\"content\":\"x\"}}]}", true },
		{ "{\"choices\":[],\"usage\":{\"total_tokens\":1}}", false },
		{ "{\"type\":\"ping\"}", false },
		{ "{\"type\":\"message_start\"}", false },
		{ "{\"type\":\"content_block_start\"}", true },
		{ "{\"type\":\"response.created\"}", false },
		{ "{\"type\":\"response.in_progress\"}", false },
		{ "{\"type\":\"response.queued\"}", false },
		{ "{\"type\":\"response.output_item.added\"}", true },
		{ "{\"type\":\"response.createdx\"}", true },
		{ "{\"type\":1}", true },
		{ "{\"error\":{\"message\":\"x\"}}", true },
		{ "{\"content\":\"x\"}", true },
		{ "{\"choices\":[]}x", true },
		{ " {\"choices\":[]}\n", false },
		{ "{\"choices\":[],\"x\":\"\xFF\"}", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (sse_is_token(cases[i].data, strlen(cases[i].data)) !=
		    cases[i].output)
			fail_msg("%s", cases[i].data);
	assert_true(sse_is_token("{\"choices\":[]}\0", 15));
	assert_false(sse_is_token("{\"choices\":[]}x", 14));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_understood_in_every_split),
		cmocka_unit_test(line_ends_may_be_mixed),
		cmocka_unit_test(long_events_count_as_output),
		cmocka_unit_test(many_data_lines_are_bounded_too),
		cmocka_unit_test(nothing_is_held_after_the_first_token),
		cmocka_unit_test(deep_data_does_not_recurse),
		cmocka_unit_test(output_is_told_from_prelude),
	};

	return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
