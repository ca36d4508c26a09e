/* What answers of many providers say that they consumed. */
#include "config.h"

#include "upstream/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/media.h"

#define CHAT(usage) "{\"id\":\"c\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"}}],\"usage\":" usage "}"
#define ONLY(usage) "{\"choices\":[],\"usage\":" usage "}"
#define WORDS "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"12345678\"},\"finish_reason\":null}],\"usage\":null}"
#define START(usage) "{\"type\":\"message_start\",\"message\":{\"role\":\"assistant\",\"content\":[],\"usage\":" usage "}}"
#define TEXT_DELTA "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"12345678\"}}"
#define DELTA(usage) "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":" usage "}"
#define RESPONSE(type, usage) "{\"type\":\"response." type "\",\"response\":{\"output\":[{\"content\":[{\"text\":\"12345678\"}]}],\"usage\":" usage ",\"metadata\":{}}}"

enum { INPUT_TOKENS = 100 };		/* an estimate */

/* Input, read from the cache, written to it, output, reasoning. */
#define REPORTED(...) { USAGE_REPORTED, __VA_ARGS__ }
#define PARTIAL(...) { USAGE_PARTIAL, __VA_ARGS__ }
#define ESTIMATED(...) { USAGE_ESTIMATED, __VA_ARGS__ }

/* An answer that is no stream. */
static const struct { const char *text; struct usage usage; } answers[] = {
	/* OpenAI's shapes. */
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}"), REPORTED(10, 0, 0, 5, 0) },
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":4},\"completion_tokens_details\":{\"reasoning_tokens\":3}}"), REPORTED(6, 4, 0, 2, 3) },
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":null,\"completion_tokens_details\":null}"), REPORTED(10, 0, 0, 5, 0) },
	{ "{\"object\":\"list\",\"data\":[{\"embedding\":[0.1,-2e3]}],\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}", REPORTED(8, 0, 0, 0, 0) },
	{ "{\"output\":[{\"content\":[{\"text\":\"x\"}]}],\"usage\":{\"input_tokens\":10,\"input_tokens_details\":{\"cached_tokens\":4},\"output_tokens\":5,\"output_tokens_details\":{\"reasoning_tokens\":3},\"total_tokens\":15},\"user\":null,\"metadata\":{}}", REPORTED(6, 4, 0, 2, 3) },
	{ "{\"created\":1,\"data\":[{\"b64_json\":\"QUJD\"}],\"usage\":{\"input_tokens\":50,\"output_tokens\":1000,\"total_tokens\":1050,\"input_tokens_details\":{\"text_tokens\":10,\"image_tokens\":40}}}", REPORTED(50, 0, 0, 1000, 0) },
	{ "{\"text\":\"Hi\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\"output_tokens\":45,\"total_tokens\":59}}", REPORTED(14, 0, 0, 45, 0) },

	/* Others'. */
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_cache_hit_tokens\":6,\"prompt_cache_miss_tokens\":4}"), REPORTED(4, 6, 0, 5, 0) },
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":22,\"completion_tokens_details\":{\"reasoning_tokens\":7}}"), REPORTED(10, 0, 0, 5, 7) },
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":22}"), REPORTED(10, 0, 0, 5, 7) },
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"input_tokens\":0,\"output_tokens\":0}"), REPORTED(10, 0, 0, 5, 0) },
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"cache_read_input_tokens\":3,\"cache_creation_input_tokens\":2}"), REPORTED(5, 3, 2, 5, 0) },
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":3,\"cache_write_tokens\":2}}"), REPORTED(5, 3, 2, 5, 0) },
	{ "{\"results\":[],\"usage\":{\"total_tokens\":30}}", REPORTED(30, 0, 0, 0, 0) },
	{ "{\"candidates\":[],\"usageMetadata\":{\"promptTokenCount\":10,\"cachedContentTokenCount\":4,\"candidatesTokenCount\":5,\"thoughtsTokenCount\":7,\"totalTokenCount\":22}}", REPORTED(6, 4, 0, 5, 7) },
	{ "{\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}],\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":20,\"cache_read_input_tokens\":30,\"output_tokens\":5}}", REPORTED(10, 30, 20, 5, 0) },
	{ "{\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":null,\"output_tokens\":5}}", REPORTED(10, 0, 0, 5, 0) },

	/* Where it stands. */
	{ "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2},\"id\":\"x\"}", REPORTED(1, 0, 0, 2, 0) },
	{ "{\"content\":[{\"input\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":9}}}],\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}", REPORTED(1, 0, 0, 2, 0) },
	{ "{\"usage\":{\"input_tokens\":1,\"output_tokens\":2},\"content\":[{\"input\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":9}}}]}", REPORTED(1, 0, 0, 2, 0) },
	{ "{\"text\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":9}\",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}", REPORTED(1, 0, 0, 2, 0) },

	/* Never below 0. */
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":11},\"completion_tokens_details\":{\"reasoning_tokens\":6}}"), REPORTED(0, 10, 0, 0, 5) },
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"cache_read_input_tokens\":8,\"cache_creation_input_tokens\":5}"), REPORTED(0, 8, 2, 5, 0) },
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":1}"), REPORTED(10, 0, 0, 5, 0) },
	{ "{\"usage\":{\"completion_tokens\":5,\"total_tokens\":1}}", REPORTED(0, 0, 0, 5, 0) },

	/* Numbers that tell nothing: the rest is estimated. */
	{ "{\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":5}}", PARTIAL(100, 0, 0, 5, 0) },
	{ "{\"usage\":{\"prompt_tokens\":\"7\",\"completion_tokens\":5}}", PARTIAL(100, 0, 0, 5, 0) },
	{ "{\"usage\":{\"prompt_tokens\":[7],\"completion_tokens\":5}}", PARTIAL(100, 0, 0, 5, 0) },
	{ "{\"usage\":{\"prompt_tokens\":1.5,\"completion_tokens\":5}}", PARTIAL(100, 0, 0, 5, 0) },
	{ "{\"usage\":{\"prompt_tokens\":1e30,\"completion_tokens\":5}}", PARTIAL(100, 0, 0, 5, 0) },
	{ "{\"usage\":{\"prompt_tokens\":1e999,\"completion_tokens\":5}}", PARTIAL(100, 0, 0, 5, 0) },
	{ "{\"usage\":{\"prompt_tokens\":9007199254740993,\"completion_tokens\":5}}", PARTIAL(100, 0, 0, 5, 0) },
	{ "{\"usage\":{\"prompt_tokens\":99999999999999999999,\"completion_tokens\":5}}", PARTIAL(100, 0, 0, 5, 0) },
	{ "{\"usage\":{\"prompt_tokens\":9007199254740992,\"completion_tokens\":5}}", REPORTED(UINT64_C(9007199254740992), 0, 0, 5, 0) },
	{ "{\"usage\":{\"prompt_tokens\":12.0,\"completion_tokens\":1e1}}", REPORTED(12, 0, 0, 10, 0) },
	{ "{\"usage\":{\"prompt_tokens\":7}}\n\n\n\n\n\n\n\n\n\n\n\n", PARTIAL(7, 0, 0, 11, 0) },

	/* Zeros where the model has answered. */
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":0,\"total_tokens\":10}"), REPORTED(10, 0, 0, 0, 0) },
	{ CHAT("{\"prompt_tokens\":0,\"completion_tokens\":5,\"total_tokens\":5}"), REPORTED(0, 0, 0, 5, 0) },
	{ CHAT("{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}"), ESTIMATED(100, 0, 0, 32, 0) },
	{ CHAT("{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":15}"), REPORTED(0, 0, 0, 0, 15) },
	{ CHAT("{\"prompt_tokens\":10,\"completion_tokens\":0,\"total_tokens\":15}"), REPORTED(10, 0, 0, 0, 5) },
	{ CHAT("{\"input_tokens\":0,\"cache_read_input_tokens\":9,\"output_tokens\":5}"), REPORTED(0, 9, 0, 5, 0) },
	{ "{\"data\":[{\"embedding\":[1]}],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":0,\"total_tokens\":8}}", REPORTED(8, 0, 0, 0, 0) },
	{ "{\"data\":[{\"embedding\":[1]}],\"usage\":{\"prompt_tokens\":0,\"total_tokens\":0}}", ESTIMATED(100, 0, 0, 0, 0) },
	{ "{\"choices\":[],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}}", REPORTED(0, 0, 0, 0, 0) },

	/* Nothing is told. */
	{ "", ESTIMATED(100, 0, 0, 0, 0) },
	{ "1", ESTIMATED(100, 0, 0, 1, 0) },	/* little is not nothing */
	{ "12345678", ESTIMATED(100, 0, 0, 2, 0) },
	{ "{\"usage\":null}  ", ESTIMATED(100, 0, 0, 4, 0) },
	{ "{\"usage\":{}}    ", ESTIMATED(100, 0, 0, 4, 0) },
	{ "{\"usage\":{\"prompt_tokens\":1,}}", ESTIMATED(100, 0, 0, 8, 0) },
	{ "{\"usage\":{\"prompt_tokens\":1", ESTIMATED(100, 0, 0, 7, 0) },
	{ "{\"usage\":{\"type\":\"duration\",\"seconds\":12}}", ESTIMATED(100, 0, 0, 11, 0) },
};

/* The events of a stream. */
static const struct { const char *events[6]; struct usage usage; } streams[] = {
	{ { WORDS, WORDS, ONLY("{\"prompt_tokens\":10,\"completion_tokens\":5}"), "[DONE]" }, REPORTED(10, 0, 0, 5, 0) },
	{ { WORDS, CHAT("{\"prompt_tokens\":10,\"completion_tokens\":1}"), CHAT("{\"prompt_tokens\":10,\"completion_tokens\":2}") }, REPORTED(10, 0, 0, 2, 0) },
	{ { ONLY("{\"prompt_tokens\":10,\"completion_tokens\":5}"), WORDS }, REPORTED(10, 0, 0, 5, 0) },
	{ { "{\"choices\":[{\"delta\":{},\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}]}" }, REPORTED(10, 0, 0, 5, 0) },
	{ { "{\"x_groq\":{\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}}" }, REPORTED(10, 0, 0, 5, 0) },
	{ { WORDS, WORDS, WORDS }, ESTIMATED(100, 0, 0, 6, 0) },
	{ { WORDS, "{bad", "", "{\"choices\":[{\"delta\":{\"content\":\"1234\"}}", WORDS }, ESTIMATED(100, 0, 0, 5, 0) },
	{ { "{\"choices\":[{\"delta\":{\"reasoning_content\":\"1234\",\"tool_calls\":[{\"id\":\"call\",\"function\":{\"name\":\"f\",\"arguments\":\"1234\"}}]}}]}" }, ESTIMATED(100, 0, 0, 2, 0) },

	{ { START("{\"input_tokens\":10,\"cache_read_input_tokens\":20,\"cache_creation_input_tokens\":0,\"output_tokens\":1}"), TEXT_DELTA, DELTA("{\"output_tokens\":5}"), "{\"type\":\"message_stop\"}" }, REPORTED(10, 20, 0, 5, 0) },
	{ { START("{\"input_tokens\":10,\"output_tokens\":1}"), DELTA("{\"input_tokens\":11,\"cache_read_input_tokens\":3,\"output_tokens\":5}") }, REPORTED(11, 3, 0, 5, 0) },
	{ { START("{\"input_tokens\":10,\"output_tokens\":1}"), TEXT_DELTA, TEXT_DELTA }, PARTIAL(10, 0, 0, 4, 0) },
	{ { START("{\"input_tokens\":10,\"output_tokens\":9}"), TEXT_DELTA }, PARTIAL(10, 0, 0, 9, 0) },
	{ { START("{\"input_tokens\":10}"), TEXT_DELTA }, PARTIAL(10, 0, 0, 2, 0) },
	{ { TEXT_DELTA, DELTA("{\"output_tokens\":5}") }, PARTIAL(100, 0, 0, 5, 0) },

	{ { RESPONSE("created", "null"), RESPONSE("completed", "{\"input_tokens\":10,\"output_tokens\":5}") }, REPORTED(10, 0, 0, 5, 0) },
	{ { RESPONSE("incomplete", "{\"input_tokens\":10,\"output_tokens\":5}") }, REPORTED(10, 0, 0, 5, 0) },
	{ { RESPONSE("failed", "{\"input_tokens\":10,\"output_tokens\":5}") }, REPORTED(10, 0, 0, 5, 0) },
	{ { "{\"type\":\"response.output_text.delta\",\"delta\":\"12345678\"}", "{\"type\":\"response.output_text.done\",\"text\":\"12345678\"}", RESPONSE("failed", "null") }, ESTIMATED(100, 0, 0, 2, 0) },
	{ { "{\"type\":\"response.completed\",\"response\":{\"tools\":[{\"parameters\":{\"properties\":{\"usage\":{\"input_tokens\":9}}}}],\"usage\":null}}" }, ESTIMATED(100, 0, 0, 0, 0) },
	{ { "{\"type\":\"transcript.text.done\",\"text\":\"x\",\"usage\":{\"input_tokens\":14,\"output_tokens\":45}}" }, REPORTED(14, 0, 0, 45, 0) },
};

static void
compare(const struct usage *a, const struct usage *b, const char *what)
{
	if (a->source != b->source || a->input_tokens != b->input_tokens ||
	    a->cache_read_tokens != b->cache_read_tokens ||
	    a->cache_write_tokens != b->cache_write_tokens ||
	    a->output_tokens != b->output_tokens ||
	    a->reasoning_tokens != b->reasoning_tokens)
		fail_msg("%d: %llu %llu %llu, %llu %llu: %s", (int)a->source,
		    (unsigned long long)a->input_tokens,
		    (unsigned long long)a->cache_read_tokens,
		    (unsigned long long)a->cache_write_tokens,
		    (unsigned long long)a->output_tokens,
		    (unsigned long long)a->reasoning_tokens, what);
}

/* Copies of exactly the right size, so that a sanitizer sees a step past. */
static char *
copy_of(const char *text, size_t n)
{
	char *copy = malloc(n == 0 ? 1 : n);

	memcpy(copy, text, n);
	return copy;
}

static void
feed(struct meter *m, const char *text, size_t n)
{
	char *copy = copy_of(text, n);

	meter_feed(m, copy, n);
	free(copy);
}

static void
note(struct meter *m, const char *text)
{
	size_t n = strlen(text);
	char *copy = copy_of(text, n);

	meter_event(m, copy, n);
	free(copy);
}

static void
answers_are_read_in_every_split(void **state)
{
	struct usage usage;
	struct meter m;

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		const char *text = answers[i].text;
		size_t n = strlen(text);

		for (size_t cut = 0; cut <= n; cut++) {
			meter_init(&m);
			feed(&m, text, cut);
			feed(&m, text + cut, n - cut);
			meter_usage(&m, INPUT_TOKENS, true, &usage);
			compare(&usage, &answers[i].usage, text);
			meter_fini(&m);
		}
	}
}

static void
streams_are_read(void **state)
{
	struct usage usage;
	struct meter m;

	(void)state;
	for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
		meter_init(&m);
		for (size_t k = 0; k < 6 && streams[i].events[k] != NULL; k++)
			note(&m, streams[i].events[k]);
		meter_usage(&m, INPUT_TOKENS, true, &usage);
		compare(&usage, &streams[i].usage, streams[i].events[0]);
		meter_fini(&m);
	}
}

/* The zeros of each dialect, and what is told of 10 and 5. */
static const struct { const char *zeros, *counts; } spellings[] = {
	{ ONLY("{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}"),
	  ONLY("{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}") },
	{ ONLY("{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0,\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}"),
	  ONLY("{\"prompt_tokens\":10,\"completion_tokens\":5}") },
	{ ONLY("{\"prompt_tokens\":0.0,\"completion_tokens\":0.0}"),
	  "{\"choices\":[{\"delta\":{},\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}]}" },
	{ "{\"x_groq\":{\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}}}",
	  "{\"x_groq\":{\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}}" },
	{ DELTA("{\"input_tokens\":0,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":0}"),
	  DELTA("{\"input_tokens\":10,\"output_tokens\":5}") },
	{ START("{\"input_tokens\":0,\"output_tokens\":0}"),
	  DELTA("{\"input_tokens\":10,\"output_tokens\":5}") },
	{ RESPONSE("in_progress", "{\"input_tokens\":0,\"output_tokens\":0,\"total_tokens\":0,\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens_details\":{\"reasoning_tokens\":0}}"),
	  RESPONSE("completed", "{\"input_tokens\":10,\"output_tokens\":5,\"total_tokens\":15}") },
	{ "{\"usageMetadata\":{\"promptTokenCount\":0,\"candidatesTokenCount\":0,\"totalTokenCount\":0}}",
	  "{\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":5,\"totalTokenCount\":15}}" },
};

static void
follow(const char *const *events, size_t count, const struct usage *expected)
{
	struct usage usage;
	struct meter m;

	meter_init(&m);
	for (size_t i = 0; i < count; i++)
		note(&m, events[i]);
	meter_usage(&m, INPUT_TOKENS, true, &usage);
	compare(&usage, expected, events[count - 1]);
	meter_fini(&m);
}

static size_t
expand(const char *text, char *out)
{
	char	*p = out;

	for (; *text != '\0'; text++) {
		if (*text != '@') {
			*p++ = *text;
			continue;
		}
		memset(p, 'x', 1 << 20);
		p += 1 << 20;
	}
	return (size_t)(p - out);
}

/* Of @, which is a megabyte in base64. */
static void
what_is_no_text_is_estimated_as_such(void **state)
{
	static const struct { const char *answer, *event; uint64_t output; }
	cases[] = {
		{ "{\"choices\":[{\"message\":{\"images\":[{\"image_url\":{\"url\":\"data:image/png;base64,@\"}}]}}]}", NULL, 16 + MEDIA_PICTURE_TOKENS },
		{ "{\"data\":[{\"b64_json\":\"@\"},{\"b64_json\":\"@\"}]}", NULL, 11 + 2 * MEDIA_PICTURE_TOKENS },
		{ "{\"output\":[{\"type\":\"image_generation_call\",\"result\":\"@\"}]}", NULL, 15 + MEDIA_PICTURE_TOKENS },
		{ "{\"choices\":[{\"message\":{\"audio\":{\"data\":\"@\"}}}]}", NULL, 12 + 787 },
		{ "{\"data\":[{\"embedding\":\"@\"}]}", NULL, 0 },
		{ "{\"choices\":[{\"message\":{\"content\":\"@\"}}]}", NULL, 262144 + 10 },
		{ NULL, "{\"choices\":[{\"delta\":{\"content\":\"12345678\",\"images\":[{\"image_url\":{\"url\":\"data:image/png;base64,@\"}}]}}]}", 2 + MEDIA_PICTURE_TOKENS },
		{ NULL, "{\"choices\":[{\"delta\":{\"audio\":{\"data\":\"@\"}}}]}", 787 },
		{ NULL, "{\"choices\":[{\"delta\":{\"content\":\"@\"}}]}", 262144 },
		{ NULL, "{\"type\":\"response.output_item.done\",\"item\":{\"result\":\"@\"}}", 0 },
	};
	char	*text = malloc(4 << 20);
	struct usage usage;
	struct meter m;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (size_t step = 7; step < 5 << 20; step = step * 1000 + 1) {
			const char *what = cases[i].answer != NULL ?
			    cases[i].answer : cases[i].event;
			size_t n = expand(what, text);

			meter_init(&m);
			for (size_t at = 0; at < n; at += step)
				(cases[i].answer != NULL ? meter_feed :
				    meter_event_piece)(&m, text + at,
				    n - at < step ? n - at : step);
			if (cases[i].answer == NULL)
				meter_event_end(&m);
			meter_usage(&m, INPUT_TOKENS, true, &usage);
			compare(&usage, &(struct usage)ESTIMATED(100, 0, 0,
			    cases[i].output, 0), what);
			meter_fini(&m);
			if (cases[i].answer != NULL)
				continue;
			meter_init(&m);
			meter_event(&m, text, n);
			meter_usage(&m, INPUT_TOKENS, true, &usage);
			compare(&usage, &(struct usage)ESTIMATED(100, 0, 0,
			    cases[i].output, 0), what);
			meter_fini(&m);
		}
	free(text);
}

/* Wherever they stand, and also of two that tell one half each. */
static void
zeros_erase_nothing(void **state)
{
	static const struct usage told = REPORTED(10, 0, 0, 5, 0);
	static const struct usage estimated = ESTIMATED(100, 0, 0, 2, 0);
	size_t count = sizeof spellings / sizeof spellings[0];

	(void)state;
	for (size_t i = 0; i < count * count; i++) {
		const char *zeros = spellings[i % count].zeros;
		const char *counts = spellings[i / count].counts;

		follow((const char *[]){ zeros, WORDS, counts }, 3, &told);
		follow((const char *[]){ WORDS, counts, zeros }, 3, &told);
		follow((const char *[]){ zeros, counts, zeros }, 3, &told);
		follow((const char *[]){ zeros, WORDS, zeros }, 3, &estimated);
	}
}

static void
the_larger_of_each_count_stays(void **state)
{
	static const struct usage told = REPORTED(25, 1000, 100, 15, 0);

	(void)state;
	follow((const char *[]){
	    START("{\"input_tokens\":25,\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":1000,\"output_tokens\":1}"),
	    TEXT_DELTA,
	    DELTA("{\"input_tokens\":0,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":15}") },
	    3, &told);
}

static void
calls_without_tokens_have_no_estimate(void **state)
{
	static const struct usage none = { .source = USAGE_NONE };
	static const struct usage told = REPORTED(1, 0, 0, 2, 0);
	struct usage usage;
	struct meter m;

	(void)state;
	meter_init(&m);
	feed(&m, "ID3 sound", 9);
	meter_usage(&m, INPUT_TOKENS, false, &usage);
	compare(&usage, &none, "sound");
	note(&m, ONLY("{\"input_tokens\":1,\"output_tokens\":2}"));
	meter_usage(&m, INPUT_TOKENS, false, &usage);
	compare(&usage, &told, "told all the same");
	meter_fini(&m);
}

static void
estimates_are_bounded(void **state)
{
	static const struct usage most =
	    ESTIMATED(METER_TOKENS_MAX, 0, 0, 0, 0);
	struct usage usage;
	struct meter m;

	(void)state;
	meter_init(&m);
	meter_usage(&m, UINT64_MAX, true, &usage);
	compare(&usage, &most, "a huge request");
	meter_fini(&m);
}

/*
 * Events with a megabyte for each @, and what of them is believed: the usage at
 * the dialect's own place, wherever in the event that is, and no other.
 */
#define TOOL "\"tools\":[{\"parameters\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":9,\"cache_read_input_tokens\":9}}}]"
#define TOLD "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}"

static const struct { const char *text; bool is_told; } long_events[] = {
	{ "{\"type\":\"response.completed\",\"response\":{\"x\":\"@\"," TOLD ",\"y\":\"@\"}}", true },
	{ "{\"type\":\"response.completed\",\"response\":{" TOLD "," TOOL ",\"y\":\"@\"," TOOL "}}", true },
	{ "{\"type\":\"response.completed\",\"response\":{" TOOL ",\"y\":\"@\"," TOOL "," TOLD "}}", true },
	{ "{\"type\":\"image_generation.completed\"," TOLD ",\"b64_json\":\"@\"}", true },
	{ "{\"type\":\"image_generation.completed\",\"b64_json\":\"@\"," TOLD "}", true },
	{ "{\"type\":\"message_start\",\"message\":{\"x\":\"@\"," TOLD "}}", true },
	{ "{\"choices\":[{\"delta\":{\"content\":\"@\"}," TOLD "}]}", true },
	{ "{\"response\":{\"x\":\"@\"," TOOL ",\"y\":\"@\"}}", false },
	{ "{\"response\":{\"x\":\"@\"," TOOL "}}", false },
	{ "{\"response\":{\"metadata\":{" TOLD "},\"x\":\"@\"}}", false },
	{ "{\"response\":{\"x\":\"@\",\"output\":[{" TOLD "}]}}", false },
	{ "{\"x\":\"@\",\"response\":{\"instructions\":\"\\\"usage\\\":{\\\"input_tokens\\\":9}\"}}", false },
	{ "{\"x\":\"@\",\"metadata\":{" TOLD "}}", false },
	{ "{\"x\":[{\"y\":\"@\"," TOLD "}]}", false },
	{ "{\"content\":[{\"input\":{\"y\":\"@\"," TOLD "}}]}", false },
	{ "{\"choices\":[{\"message\":{\"y\":\"@\"," TOLD "}}]}", false },
};

static void
usage_is_found_anywhere_in_a_long_event(void **state)
{
	char	*text = malloc(4 << 20);
	struct usage usage;
	struct meter m;

	(void)state;
	for (size_t i = 0; i < sizeof long_events / sizeof long_events[0]; i++)
		for (size_t step = 1; step < 9000000; step = step * 97 + 3) {
			size_t n = expand(long_events[i].text, text);

			meter_init(&m);
			for (size_t at = 0; at < n; at += step)
				meter_event_piece(&m, text + at,
				    n - at < step ? n - at : step);
			meter_event_end(&m);
			assert_int_equal(m.answer.object.size, 0);
			meter_usage(&m, 0, true, &usage);
			if (long_events[i].is_told !=
			    (usage.source != USAGE_ESTIMATED) ||
			    usage.input_tokens != long_events[i].is_told)
				fail_msg("%s", long_events[i].text);
			meter_fini(&m);
		}
	free(text);
}

static void
chunks_with_only_usage_are_known(void **state)
{
	static const struct { const char *data; bool is_only; } cases[] = {
		{ ONLY("{\"prompt_tokens\":1}"), true },
		{ "{ \"usage\" : { } , \"choices\" : [ ] }", true },
		{ "{\"id\":\"c\",\"choices\":[],\"usage\":{\"x\":{\"choices\":[{}]}}}", true },
		{ ONLY("null"), false },
		{ ONLY("[]"), false },
		{ ONLY("{}") "x", false },
		{ "{\"choices\":[]}", false },
		{ "{\"usage\":{}}", false },
		{ "{\"choices\":null,\"usage\":{}}", false },
		{ "{\"choices\":[1],\"usage\":{}}", false },
		{ "{\"choices\":[{\"delta\":{}}],\"usage\":{}}", false },
		{ "{\"choices\":[],\"usage\":{},\"error\":{}}", false },
		{ "{\"x\":{\"choices\":[]},\"usage\":{}}", false },
		{ "{\"choices\":[],\"x\":{\"usage\":{}}}", false },
		{ WORDS, false },
		{ "[DONE]", false },
		{ "", false },
	};
	struct meter m;

	(void)state;
	meter_init(&m);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t n = strlen(cases[i].data);
		char *copy = copy_of(cases[i].data, n);

		if (meter_is_usage_only(copy, n) != cases[i].is_only)
			fail_msg("%s", cases[i].data);
		meter_event(&m, copy, n);
		assert_int_equal(m.usage_only, cases[i].is_only);
		free(copy);
	}
	meter_fini(&m);
}

static void
a_long_answer_is_not_kept(void **state)
{
	static const struct usage told = REPORTED(1, 0, 0, 2, 0);
	char block[1000];
	struct usage usage;
	struct meter m;

	(void)state;
	memset(block, 'x', sizeof block);
	meter_init(&m);
	feed(&m, "{\"b64_json\":\"", 13);
	for (int i = 0; i < 1000; i++)
		feed(&m, block, sizeof block);
	assert_int_equal(m.answer.object.size, 0);
	note(&m, ONLY("{\"input_tokens\":1}"));
	feed(&m, "\",\"usage\":{\"output_tokens\":2}}", 30);
	meter_usage(&m, INPUT_TOKENS, true, &usage);
	compare(&usage, &told, "after a long string");
	meter_fini(&m);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_read_in_every_split),
		cmocka_unit_test(streams_are_read),
		cmocka_unit_test(what_is_no_text_is_estimated_as_such),
		cmocka_unit_test(zeros_erase_nothing),
		cmocka_unit_test(the_larger_of_each_count_stays),
		cmocka_unit_test(calls_without_tokens_have_no_estimate),
		cmocka_unit_test(estimates_are_bounded),
		cmocka_unit_test(usage_is_found_anywhere_in_a_long_event),
		cmocka_unit_test(chunks_with_only_usage_are_known),
		cmocka_unit_test(a_long_answer_is_not_kept),
	};

	return cmocka_run_group_tests_name("meter", tests, NULL, NULL);
}
