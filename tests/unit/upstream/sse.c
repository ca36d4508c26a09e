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

enum { FINISH = 1, ERROR = 2, FIRST = 4 };

#define STOP "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define FAILURE "{\"error\":{\"message\":\"m\"}}"

/* A stream with a listener; the data that it is told of, a bar after each. */
static const struct { const char *text, *told; unsigned flags; } heard[] = {
	{ "", "", 0 },
	{ "data: x\n", "", 0 },
	{ "data: x\n\n", "x|", 0 },
	{ "data:x\n\ndata: y\n\n", "x|y|", 0 },
	{ ": c\n\ndata: x\n: c\n\n:\n", "x|", 0 },
	{ "data\n\n", "|", 0 },
	{ "data: \r\n\r\n", "|", 0 },
	{ "data: a\ndata: b\ndata\ndata:c\n\n", "a\nb\n\nc|", 0 },
	{ "id: 1\ndata: a\nretry: 1\nevent: e\n\n", "a|", 0 },
	{ "event: ping\n\ndata: x\n\n", "x|", 0 },
	{ "\xEF\xBB\xBF" "data: x\r\rdata: y\r\n\r\ndata: z\n\r\n", "x|y|z|", 0 },
	{ "data: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\ndata: x\n\n",
	  "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\nx|", 0 },
	{ "data: [DONE]\n\n", "[DONE]|", 0 },

	{ WORD STOP, NULL, FINISH },
	{ WORD WORD, NULL, 0 },
	{ STOP, NULL, FINISH },
	{ "data: {\"choices\":[{\"finish_reason\":\ndata: \"stop\"}]}\n\n", NULL, FINISH },
	{ "data: {\"choices\":[{\"text\":\"\\\"finish_reason\\\":1\",\"finish_reason\":null}]}\n\n", NULL, 0 },
	{ "data: {\"type\":\"message_stop\"}\n\n", NULL, FINISH },
	{ "event: response.completed\ndata: {}\n\n", NULL, FINISH },
	{ "data: {\"choices\":[{\"finish_reason\":\"stop\"}]\n", NULL, 0 },

	{ "data: " FAILURE "\n\n", FAILURE "|", ERROR | FIRST },
	{ ROLE "data: " FAILURE "\n\n", NULL, ERROR | FIRST },
	{ WORD "data: " FAILURE "\n\n", NULL, ERROR },
	{ WORD "data: " FAILURE "\n\ndata: " FAILURE "\n\n", NULL, ERROR },
	{ "data: " FAILURE "\n\n" WORD "data: " FAILURE "\n\n", NULL, ERROR | FIRST },
	{ "data: " FAILURE "\n", NULL, 0 },
	{ "data: {\"error\":null,\"x\":{\"error\":{}}}\n\n", NULL, 0 },
	{ "data: {\"choices\":[],\"error\":\"m\"}\n\n", NULL, ERROR | FIRST },
	{ "data: {\"type\":\"error\",\"message\":\"m\"}\n\n", NULL, ERROR | FIRST },
	{ "event: error\ndata: x\n\n", NULL, ERROR | FIRST },
	{ "data: x\nevent: error\n\n", NULL, ERROR | FIRST },
	{ "event: error\n\ndata: x\n\n", NULL, 0 },
	{ "event: error\nevent: x\ndata: x\n\n", NULL, 0 },
	{ "event: errors\ndata: x\n\n", NULL, 0 },
	{ "data: {\"type\":\"response.failed\",\"response\":{}}\n\n", NULL, FINISH | ERROR | FIRST },
	{ "event: response.failed\ndata: x\n\n", NULL, FINISH | ERROR | FIRST },
};

/* A listener that cuts out events, as a filter does that sees pieces. */
struct filter {
	struct sse	 sse;
	const char	*unwanted;	/* beginning of such an event's data, or NULL */
	struct buf	 told, passed;
	struct buf	 pieces;	/* of an event that is not kept */
	struct buf	 held;		/* neither passed nor cut out yet */
	const char	*bytes;		/* that are being fed */
	size_t		 from;		/* of them, what no event was told of */
	bool		 lent;		/* the last data lay in them */
};

static void
filter_pass(struct filter *f)
{
	buf_append(&f->passed, buf_data(&f->held), buf_len(&f->held));
	buf_consume(&f->held, buf_len(&f->held));
}

static void
on_event(void *arg, const char *data, size_t n)
{
	struct filter *f = arg;
	const struct sse *s = &f->sse;
	size_t len = f->unwanted == NULL ? 0 : strlen(f->unwanted);

	if (data == NULL) {
		buf_printf(&f->told, "(%zu %zu %c)", s->head_len,
		    buf_len(&f->pieces),
		    buf_data(&f->pieces)[buf_len(&f->pieces) - 1]);
		assert_memory_equal(s->head, buf_data(&f->pieces),
		    s->head_len);
		buf_consume(&f->pieces, buf_len(&f->pieces));
	}
	buf_append(&f->told, data, n);
	buf_puts(&f->told, "|");
	f->lent = data >= f->bytes && data + n < f->bytes + s->event_end;
	if (len == 0 || n < len || memcmp(data, f->unwanted, len) != 0) {
		buf_append(&f->held, f->bytes + f->from, s->event_end - f->from);
		filter_pass(f);
	} else if (s->event_is_whole) {
		buf_append(&f->held, f->bytes + f->from,
		    s->event_start - f->from);
		filter_pass(f);
	} else
		buf_consume(&f->held, buf_len(&f->held));
	f->from = s->event_end;
}

static void
on_piece(void *arg, const char *data, size_t n)
{
	struct filter *f = arg;

	buf_append(&f->pieces, data, n);
}

static void
filter_begin(struct filter *f, const char *unwanted)
{
	*f = (struct filter){ .unwanted = unwanted };
	sse_init(&f->sse);
	buf_init(&f->told, 1 << 20);
	buf_init(&f->passed, 1 << 20);
	buf_init(&f->held, 1 << 20);
	buf_init(&f->pieces, 1 << 20);
	f->sse.event = on_event;
	f->sse.piece = on_piece;
	f->sse.arg = f;
}

static void
filter_end(struct filter *f)
{
	sse_fini(&f->sse);
	buf_fini(&f->told);
	buf_fini(&f->pieces);
	buf_fini(&f->passed);
	buf_fini(&f->held);
}

static void
filter_feed(struct filter *f, const char *text, size_t n)
{
	char *copy = malloc(n == 0 ? 1 : n);
	size_t ready;

	memcpy(copy, text, n);
	f->bytes = copy;
	f->from = 0;
	sse_feed(&f->sse, copy, n);
	buf_append(&f->held, copy + f->from, n - f->from);
	assert_true(f->sse.pending <= buf_len(&f->held));
	ready = buf_len(&f->held) - f->sse.pending;
	buf_append(&f->passed, buf_data(&f->held), ready);
	buf_consume(&f->held, ready);
	free(copy);
}

static void
filter_follow(struct filter *f, const char *text, size_t n, size_t first,
    size_t step)
{
	filter_feed(f, text, first);
	for (size_t i = first; i < n; i += step)
		filter_feed(f, text + i, n - i < step ? n - i : step);
}

static bool
holds(const struct buf *b, const char *text)
{
	return buf_len(b) == strlen(text) &&
	    memcmp(buf_data(b), text, strlen(text)) == 0;
}

static void
check_heard(size_t i, size_t first, size_t step)
{
	const char *text = heard[i].text;
	struct filter f;
	unsigned flags;

	filter_begin(&f, NULL);
	filter_follow(&f, text, strlen(text), first, step);
	flags = (f.sse.finish_seen ? FINISH : 0) |
	    (f.sse.error_seen ? ERROR : 0) | (f.sse.error_first ? FIRST : 0);
	if (flags != heard[i].flags)
		fail_msg("cut at %zu, step %zu: %u: %s", first, step, flags, text);
	if (heard[i].told != NULL && !holds(&f.told, heard[i].told))
		fail_msg("cut at %zu, step %zu: %.*s: %s", first, step,
		    (int)buf_len(&f.told), buf_data(&f.told), text);
	buf_append(&f.passed, buf_data(&f.held), buf_len(&f.held));
	assert_true(holds(&f.passed, text));
	filter_end(&f);
}

static void
a_listener_hears_each_event_in_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof heard / sizeof heard[0]; i++) {
		size_t n = strlen(heard[i].text);

		for (size_t cut = 0; cut <= n; cut++)
			check_heard(i, cut, n + 1);
		for (size_t step = 1; step < 5; step++)
			check_heard(i, 0, step);
	}
}

static void
an_event_can_be_cut_out_in_every_split(void **state)
{
	static const char text[] =
	    ": c\n\nevent: e\ndata: cut 1\n\ndata: keep 1\ndata: x\n\n"
	    "event: ping\n\ndata: cut\ndata: 2\n\n\ndata: cut 3\n\ndata: keep 2\n\n";
	static const char rest[] =
	    ": c\n\ndata: keep 1\ndata: x\n\nevent: ping\n\n\ndata: keep 2\n\n";
	struct filter f;

	(void)state;
	for (size_t cut = 0; cut < sizeof text; cut++)
		for (size_t step = 1; step <= sizeof text; step++) {
			filter_begin(&f, "cut");
			filter_follow(&f, text, sizeof text - 1, cut, step);
			if (!holds(&f.passed, rest))
				fail_msg("cut at %zu, step %zu: %.*s", cut, step,
				    (int)buf_len(&f.passed), buf_data(&f.passed));
			assert_int_equal(buf_len(&f.held), 0);
			filter_end(&f);
		}
}

/* A line feed that is there belongs to the event; one that comes later passes. */
static void
an_event_is_cut_out_with_its_line_ends(void **state)
{
	static const char text[] =
	    "data: cut\r\n\r\ndata: keep\r\n\r\ndata: cut\r\r";
	struct filter f;

	(void)state;
	filter_begin(&f, "cut");
	filter_feed(&f, text, sizeof text - 1);
	assert_true(holds(&f.passed, "data: keep\r\n\r\n"));
	filter_end(&f);
	filter_begin(&f, "cut");
	filter_follow(&f, text, sizeof text - 1, 12, sizeof text);
	assert_true(holds(&f.passed, "\ndata: keep\r\n\r\n"));
	filter_end(&f);
}

static void
pending_is_what_an_incomplete_event_has(void **state)
{
	static const struct { const char *text; size_t pending; } cases[] = {
		{ "", 0 },
		{ "\n", 0 },
		{ ": c\n", 0 },
		{ ": c", 3 },
		{ "data: x", 7 },
		{ "data: x\n", 8 },
		{ "data: x\r\n", 9 },
		{ "data: x\n\n", 0 },
		{ "data: x\r\n\r", 0 },
		{ "data: x\n\nda", 2 },
		{ "data: x\n\r\n: c\nid: 1\n", 6 },
		{ "data: x\n: c\n", 12 },
	};
	struct filter f;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (size_t step = 1; step < 9; step++) {
			filter_begin(&f, NULL);
			filter_follow(&f, cases[i].text, strlen(cases[i].text),
			    0, step);
			if (f.sse.pending != cases[i].pending)
				fail_msg("%zu: %s", f.sse.pending, cases[i].text);
			filter_end(&f);
		}
}

static void
only_events_in_pieces_are_copied(void **state)
{
	static const char role[] = ROLE;
	struct filter f;

	(void)state;
	filter_begin(&f, NULL);
	filter_feed(&f, WORD WORD, strlen(WORD WORD));
	assert_true(f.lent);
	assert_int_equal(f.sse.data.size, 0);
	filter_feed(&f, role, 100);
	assert_true(f.sse.data.size > 0);
	filter_feed(&f, role + 100, sizeof role - 1 - 100);
	assert_false(f.lent);
	assert_int_equal(f.sse.data.size, 0);
	assert_int_equal(f.sse.events, 3);
	filter_end(&f);
}

/* One event of N bytes, the last of which is a Z, and one more. */
static void
check_long(size_t n, const char *told, size_t step)
{
	char *text = malloc(n + 32);
	struct filter f;
	size_t len = n + 6;

	memcpy(text, "data: ", 6);
	memset(text + 6, 'x', n);
	text[len - 1] = 'z';
	memcpy(text + len, "\n\ndata: y\n\n", 12);
	len += 12;
	filter_begin(&f, NULL);
	filter_follow(&f, text, len, 0, step);
	if (told != NULL)
		assert_true(holds(&f.told, told));
	else
		assert_int_equal(buf_len(&f.told), n + 3);
	assert_true(f.sse.token_seen);
	assert_int_equal(f.sse.data.size, 0);
	filter_end(&f);
	free(text);
}

static void
long_events_are_told_in_pieces(void **state)
{
	(void)state;
	for (size_t step = 1; step < 400000; step = step * 7 + 1) {
		check_long(65536, NULL, step);
		check_long(65537, "(65536 65537 z)|y|", step);
		check_long(200000, "(65536 200000 z)|y|", step);
	}
}

/* Wherever it stands in an event that is too long to keep. */
static void
long_events_are_looked_into(void **state)
{
	static const struct { const char *first, *last; unsigned flags; } cases[] = {
		{ "{\"choices\":[{\"delta\":{\"content\":\"", "\"},\"finish_reason\":\"stop\"}]}", FINISH },
		{ "{\"choices\":[{\"finish_reason\":\"stop\",\"delta\":{\"content\":\"", "\"}}]}", FINISH },
		{ "{\"choices\":[{\"delta\":{\"content\":\"", "\"},\"finish_reason\":null}]}", 0 },
		{ "{\"error\":{\"message\":\"", "\"}}", ERROR },
		{ "{\"x\":\"", "\",\"error\":{\"message\":\"m\"}}", ERROR },
		{ "{\"x\":{\"error\":\"", "\"},\"y\":\"\\\"error\\\":{}\"}", 0 },
	};
	struct filter f;
	struct buf text;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (size_t step = 1; step < 300000; step = step * 11 + 1) {
			buf_init(&text, 1 << 20);
			buf_puts(&text, "data: ");
			buf_puts(&text, cases[i].first);
			for (int k = 0; k < 10000; k++)
				buf_puts(&text, "long text ");
			buf_puts(&text, cases[i].last);
			buf_puts(&text, "\n\n");
			filter_begin(&f, NULL);
			filter_follow(&f, buf_data(&text), buf_len(&text), 0,
			    step);
			assert_int_equal((f.sse.finish_seen ? FINISH : 0) |
			    (f.sse.error_seen ? ERROR : 0), cases[i].flags);
			filter_end(&f);
			buf_fini(&text);
		}
}

/* ---- The end. ---- */

struct heard {
	unsigned	 events;
	char		 last[64];
};

static void
on_end_event(void *arg, const char *data, size_t n)
{
	struct heard *h = arg;

	h->events++;
	assert_true(n < sizeof h->last);
	memcpy(h->last, data, n);
	h->last[n] = '\0';
}

/* What TEXT says that ends there, fed in pieces of any size. */
static void
check_end(const char *text, unsigned contents, const char *last, bool is_done,
    bool is_finished, bool is_error)
{
	size_t n = strlen(text);

	for (size_t piece = 1; piece <= n; piece++) {
		struct heard h = { .events = 0 };
		struct sse s;

		sse_init(&s);
		s.event = on_end_event;
		s.arg = &h;
		for (size_t i = 0; i < n; i += piece)
			sse_feed(&s, text + i, n - i < piece ? n - i : piece);
		sse_end(&s);
		assert_int_equal(s.contents, contents);
		assert_string_equal(h.last, last);
		assert_int_equal(s.done_seen, is_done);
		assert_int_equal(s.finish_seen, is_finished);
		assert_int_equal(s.error_seen, is_error);
		sse_fini(&s);
	}
}

static void
the_end_ends_the_last_event(void **state)
{
	static const char stop[] =
	    "{\"choices\":[{\"finish_reason\":\"stop\"}]}";
	static const char usage[] = "{\"choices\":[],\"usage\":{}}";
	char	 text[128];

	(void)state;
	check_end("data: 1", 1, "1", false, false, false);
	check_end("data: 1\n", 1, "1", false, false, false);
	check_end("data: 1\ndata: 2", 1, "1\n2", false, false, false);
	check_end("data: 1\r\n\r\n", 1, "1", false, false, false);
	check_end("data: 1\n\ndata: 2", 2, "2", false, false, false);
	check_end("data: [DONE]", 0, "[DONE]", true, false, false);
	check_end("data: [DONE]\n\n", 0, "[DONE]", true, false, false);
	check_end(": x\n\n", 0, "", false, false, false);
	check_end("event: x\n", 0, "", false, false, false);
	check_end("{\"error\":{}}\n", 0, "", false, false, false);
	check_end("<html>\n", 0, "", false, false, false);
	check_end("data: {\"error\":{}}", 1, "{\"error\":{}}", false, false,
	    true);
	check_end("event: error\ndata: {}\n", 1, "{}", false, false, true);
	check_end("event: message_stop\ndata: {}", 1, "{}", true, true, false);
	check_end("data: {\"type\":\"image_edit.completed\"}\n\n", 1,
	    "{\"type\":\"image_edit.completed\"}", false, true, false);
	snprintf(text, sizeof text, "data: %s", stop);
	check_end(text, 1, stop, false, true, false);
	snprintf(text, sizeof text, "data: %s\n\n", usage);
	check_end(text, 1, usage, false, true, false);
}

static void
comments_are_seen_when_they_are_complete(void **state)
{
	struct sse s;

	(void)state;
	sse_init(&s);
	sse_feed(&s, ": PROCESSING", 12);
	assert_false(s.comment_seen);
	sse_feed(&s, "\n", 1);
	assert_true(s.comment_seen);
	sse_fini(&s);
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
		cmocka_unit_test(a_listener_hears_each_event_in_every_split),
		cmocka_unit_test(an_event_can_be_cut_out_in_every_split),
		cmocka_unit_test(an_event_is_cut_out_with_its_line_ends),
		cmocka_unit_test(pending_is_what_an_incomplete_event_has),
		cmocka_unit_test(only_events_in_pieces_are_copied),
		cmocka_unit_test(long_events_are_told_in_pieces),
		cmocka_unit_test(long_events_are_looked_into),
		cmocka_unit_test(the_end_ends_the_last_event),
		cmocka_unit_test(comments_are_seen_when_they_are_complete),
	};

	return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
