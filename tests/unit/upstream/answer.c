/* What a good answer looks like, and what only looks like one. */
#include "config.h"

#include "upstream/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(list) (sizeof (list) / sizeof *(list))

static void
test_types(void **state)
{
	static const struct { const char *type; enum answer_form form; }
	cases[] = {
		{ "", ANSWER_FORM_UNKNOWN },
		{ "application/json", ANSWER_FORM_JSON },
		{ "Application/JSON; charset=utf-8", ANSWER_FORM_JSON },
		{ "application/problem+json", ANSWER_FORM_JSON },
		{ "text/event-stream;charset=utf-8", ANSWER_FORM_EVENTS },
		{ "TEXT/HTML", ANSWER_FORM_HTML },
		{ "application/xhtml+xml", ANSWER_FORM_HTML },
		{ "text/plain", ANSWER_FORM_TEXT },
		{ "text/vtt", ANSWER_FORM_TEXT },
		{ "audio/mpeg", ANSWER_FORM_OTHER },
		{ "application/octet-stream", ANSWER_FORM_OTHER },
		{ "nonsense", ANSWER_FORM_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (answer_form_of_type(cases[i].type, strlen(cases[i].type))
		    != cases[i].form)
			fail_msg("%s", cases[i].type);
}

static const struct { const char *bytes; enum answer_form form; }
beginnings[] = {
	{ "{", ANSWER_FORM_JSON },
	{ " \r\n\t{\"", ANSWER_FORM_JSON },
	{ "\xEF\xBB\xBF{", ANSWER_FORM_JSON },
	{ "[1", ANSWER_FORM_JSON },
	{ "<!DOCTYPE html>", ANSWER_FORM_HTML },
	{ "\n<html>", ANSWER_FORM_HTML },
	{ "<?xml", ANSWER_FORM_HTML },
	{ "data: {}", ANSWER_FORM_EVENTS },
	{ "data\n", ANSWER_FORM_EVENTS },
	{ "data:{}", ANSWER_FORM_EVENTS },
	{ "\n\nevent: x", ANSWER_FORM_EVENTS },
	{ "id: 1", ANSWER_FORM_EVENTS },
	{ "retry: 1", ANSWER_FORM_EVENTS },
	{ ":", ANSWER_FORM_EVENTS },
	{ ": PROCESSING", ANSWER_FORM_EVENTS },
	{ "", ANSWER_FORM_UNKNOWN },
	{ " \n", ANSWER_FORM_UNKNOWN },
	{ "d", ANSWER_FORM_UNKNOWN },
	{ "data", ANSWER_FORM_UNKNOWN },
	{ "event", ANSWER_FORM_UNKNOWN },
	{ "date", ANSWER_FORM_OTHER },
	{ "database", ANSWER_FORM_OTHER },
	{ "Bad Gateway", ANSWER_FORM_OTHER },
	{ "\"x\"", ANSWER_FORM_OTHER },
	{ "null", ANSWER_FORM_OTHER },
	{ "1", ANSWER_FORM_OTHER },
	{ "\x1f\x8b", ANSWER_FORM_OTHER },
};

static void
test_beginnings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(beginnings); i++)
		if (answer_form_of_bytes(beginnings[i].bytes,
		    strlen(beginnings[i].bytes)) != beginnings[i].form)
			fail_msg("%s", beginnings[i].bytes);
}

/* Fewer bytes never say something else than more do, only less. */
static void
test_fewer_bytes_say_less(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(beginnings); i++)
		for (size_t n = 0; n < strlen(beginnings[i].bytes); n++) {
			enum answer_form form = answer_form_of_bytes(
			    beginnings[i].bytes, n);

			assert_true(form == ANSWER_FORM_UNKNOWN ||
			    form == beginnings[i].form);
		}
}

enum { NO = ANSWER_FORM_UNKNOWN, JSON = ANSWER_FORM_JSON,
	EVENTS = ANSWER_FORM_EVENTS, HTML = ANSWER_FORM_HTML,
	TEXT = ANSWER_FORM_TEXT, OTHER = ANSWER_FORM_OTHER };

static void
test_what_a_body_is_taken_for(void **state)
{
	static const struct {
		enum answer_kind kind;
		bool	 is_stream;
		int	 type, bytes, form;
	} cases[] = {
		{ ANSWER_CHAT, false, JSON, JSON, JSON },
		{ ANSWER_CHAT, false, TEXT, JSON, JSON },
		{ ANSWER_CHAT, false, NO, JSON, JSON },
		{ ANSWER_CHAT, false, HTML, JSON, JSON },	/* PHP's default */
		{ ANSWER_CHAT, false, HTML, HTML, NO },
		{ ANSWER_CHAT, false, JSON, HTML, NO },
		{ ANSWER_CHAT, false, TEXT, OTHER, NO },
		{ ANSWER_CHAT, false, OTHER, OTHER, NO },
		{ ANSWER_CHAT, false, JSON, EVENTS, NO },
		{ ANSWER_CHAT, true, JSON, EVENTS, EVENTS },
		{ ANSWER_CHAT, true, NO, EVENTS, EVENTS },
		{ ANSWER_CHAT, true, TEXT, EVENTS, EVENTS },
		{ ANSWER_CHAT, true, JSON, JSON, JSON },
		{ ANSWER_CHAT, true, EVENTS, EVENTS, EVENTS },
		{ ANSWER_CHAT, false, EVENTS, EVENTS, EVENTS },
		{ ANSWER_CHAT, true, EVENTS, OTHER, EVENTS },	/* an unknown field */
		{ ANSWER_CHAT, true, EVENTS, JSON, JSON },
		{ ANSWER_CHAT, true, EVENTS, HTML, NO },
		{ ANSWER_CHAT, true, EVENTS, NO, NO },
		{ ANSWER_VECTORS, false, OTHER, OTHER, OTHER },
		{ ANSWER_VECTORS, false, OTHER, JSON, JSON },
		{ ANSWER_VECTORS, false, JSON, OTHER, NO },
		{ ANSWER_VECTORS, false, HTML, HTML, NO },
		{ ANSWER_TEXT, false, JSON, JSON, JSON },
		{ ANSWER_TEXT, false, TEXT, OTHER, TEXT },
		{ ANSWER_TEXT, false, TEXT, JSON, TEXT },	/* "[Music]" */
		{ ANSWER_TEXT, false, TEXT, HTML, TEXT },
		{ ANSWER_TEXT, false, HTML, OTHER, TEXT },	/* Flask's default */
		{ ANSWER_TEXT, false, HTML, HTML, NO },
		{ ANSWER_TEXT, true, EVENTS, EVENTS, EVENTS },
		{ ANSWER_AUDIO, false, OTHER, OTHER, OTHER },
		{ ANSWER_AUDIO, false, OTHER, HTML, OTHER },
		{ ANSWER_AUDIO, true, OTHER, EVENTS, OTHER },
		{ ANSWER_AUDIO, false, OTHER, NO, OTHER },
		{ ANSWER_AUDIO, false, JSON, JSON, JSON },
		{ ANSWER_AUDIO, false, HTML, HTML, NO },
		{ ANSWER_AUDIO, false, NO, HTML, NO },
		{ ANSWER_AUDIO, false, NO, OTHER, OTHER },
		{ ANSWER_AUDIO, true, EVENTS, EVENTS, EVENTS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if ((int)answer_form_find(cases[i].kind, cases[i].is_stream,
		    (enum answer_form)cases[i].type,
		    (enum answer_form)cases[i].bytes) != cases[i].form)
			fail_msg("case %zu", i);
}

static enum answer_finding
judge(enum answer_kind kind, const char *text, size_t piece)
{
	struct peek k;
	size_t	 n = strlen(text);
	enum answer_finding found;

	peek_init(&k);
	for (size_t i = 0; i < n; i += piece)
		peek_feed(&k, text + i, n - i < piece ? n - i : piece);
	found = answer_judge(kind, &k);
	peek_fini(&k);
	return found;
}

enum { GOOD = ANSWER_IS_GOOD, ERROR = ANSWER_IS_ERROR,
	BROKEN = ANSWER_IS_BROKEN };

static const struct { enum answer_kind kind; const char *text; int found; }
bodies[] = {
	{ ANSWER_CHAT, "{\"id\":\"x\",\"choices\":[{\"message\":{}}]}", GOOD },
	{ ANSWER_CHAT, "\n {\"choices\":[{}],\"error\":null} \n", GOOD },
	{ ANSWER_CHAT, "{\"choices\":[{}],\"code\":0,\"message\":\"\"}", GOOD },
	{ ANSWER_CHAT, "{\"choices\":[{\"x\":\"}]\"}]}", GOOD },
	{ ANSWER_CHAT, "{\"choices\":[{\"x\":\"\\\"{\"}]}", GOOD },
	{ ANSWER_CHAT, "{}", GOOD },
	{ ANSWER_CHAT, "{\"error\":{\"code\":502}}", ERROR },
	{ ANSWER_CHAT, "{\"error\":\"overloaded\"}", ERROR },
	{ ANSWER_CHAT, "{\"error\":{\"code\":502},\"choices\":[]}", ERROR },
	{ ANSWER_CHAT, "{\"error\":{\"code\":502},\"choices\":null}", ERROR },
	{ ANSWER_CHAT, "{\"error\":false,\"object\":\"x\"}", GOOD },
	{ ANSWER_CHAT, "{\"type\":\"error\",\"x\":1}", ERROR },
	{ ANSWER_CHAT, "{\"detail\":\"Not Found\"}", ERROR },
	{ ANSWER_CHAT, "{\"message\":\"no\",\"code\":500}", ERROR },
	{ ANSWER_CHAT, "{\"object\":\"error\",\"message\":\"no\"}", ERROR },
	{ ANSWER_CHAT, "{\"code\":\"1113\",\"msg\":\"no\"}", ERROR },
	{ ANSWER_CHAT, "{\"errors\":[{\"x\":1}]}", ERROR },
	{ ANSWER_CHAT, "{\"fault\":{\"x\":1}}", ERROR },
	{ ANSWER_CHAT, "{\"base_resp\":{\"status_code\":1004},\"choices\":null}",
	    ERROR },
	{ ANSWER_CHAT, "[]", BROKEN },
	{ ANSWER_CHAT, "[{\"error\":{}}]", BROKEN },
	{ ANSWER_CHAT, "", BROKEN },
	{ ANSWER_CHAT, " ", BROKEN },
	{ ANSWER_CHAT, "{", BROKEN },
	{ ANSWER_CHAT, "{\"choices\":[{\"message\":{\"content\":\"Hel", BROKEN },
	{ ANSWER_CHAT, "{\"choices\":[{}]", BROKEN },
	{ ANSWER_CHAT, "{\"choices\":[{}]}}", BROKEN },
	{ ANSWER_CHAT, "{\"choices\":[{}]}{\"choices\":[{}]}", BROKEN },
	{ ANSWER_CHAT, "{\"choices\":[{}]} oops", BROKEN },
	{ ANSWER_CHAT, "{\"choices\":[{}]} \"x", BROKEN },
	{ ANSWER_CHAT, "oops {\"choices\":[{}]}", BROKEN },
	{ ANSWER_CHAT, "null", BROKEN },
	{ ANSWER_CHAT, "\"x\"", BROKEN },
	{ ANSWER_CHAT, "<html></html>", BROKEN },
	{ ANSWER_MESSAGE, "{\"type\":\"message\",\"content\":[]}", GOOD },
	{ ANSWER_MESSAGE, "{\"type\":\"error\",\"error\":{\"type\":\"x\"}}",
	    ERROR },
	{ ANSWER_RESPONSE, "{\"output\":[],\"status\":\"queued\"}", GOOD },
	{ ANSWER_RESPONSE, "{\"output\":[],\"status\":\"failed\",\"error\":"
	    "{\"code\":\"server_error\"}}", GOOD },
	{ ANSWER_RESPONSE, "{\"error\":{\"code\":\"server_error\"}}", ERROR },
	{ ANSWER_COUNT, "{\"input_tokens\":3}", GOOD },
	{ ANSWER_COUNT, "{\"message\":\"no\"}", ERROR },
	{ ANSWER_VECTORS, "{\"data\":[{\"embedding\":[1]}]}", GOOD },
	{ ANSWER_VECTORS, "{\"embeddings\":[[1]]}", GOOD },
	{ ANSWER_VECTORS, "[[0.1]]", GOOD },
	{ ANSWER_VECTORS, "{\"detail\":[]}", ERROR },
	{ ANSWER_JSON, "{\"results\":[],\"message\":\"fine\",\"code\":200}",
	    GOOD },
	{ ANSWER_JSON, "{\"message\":\"fine\",\"code\":200}", GOOD },
	{ ANSWER_JSON, "[{\"index\":0,\"score\":1}]", GOOD },
	{ ANSWER_JSON, "{\"id\":\"video_1\",\"error\":null}", GOOD },
	{ ANSWER_JSON, "{\"error\":{\"message\":\"no\"}}", ERROR },
	{ ANSWER_JSON, "{\"error\":{\"message\":\"no\"", BROKEN },
	{ ANSWER_TEXT, "{\"text\":\"\"}", GOOD },
	{ ANSWER_TEXT, "{\"error\":\"no\"}", ERROR },
	{ ANSWER_AUDIO, "{\"error\":\"no\"}", ERROR },
	{ ANSWER_AUDIO, "{\"data\":{\"audio\":\"00\"}}", GOOD },
};

static void
test_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++)
		for (size_t piece = 1; piece < 200; piece += piece < 9 ? 1 : 95)
			if ((int)judge(bodies[i].kind, bodies[i].text, piece) !=
			    bodies[i].found)
				fail_msg("%s by %zu", bodies[i].text, piece);
}

static size_t
length_without_space(const char *text)
{
	size_t	 n = strlen(text);

	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\n'))
		n--;
	return n;
}

/* No beginning of a good answer is one. */
static void
test_halves_are_broken(void **state)
{
	char	 text[256];

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		size_t	 end = length_without_space(bodies[i].text);

		for (size_t n = 0; bodies[i].found == GOOD && n < end; n++) {
			memcpy(text, bodies[i].text, n);
			text[n] = '\0';
			assert_int_equal(judge(bodies[i].kind, text, 64),
			    BROKEN);
		}
	}
}

static void
test_only_text_may_be_empty(void **state)
{
	(void)state;
	for (int kind = 0; kind < ANSWER__MAX; kind++)
		for (int type = NO; type <= OTHER; type++)
			assert_true(answer_may_be_empty((enum answer_kind)kind,
			    (enum answer_form)type) == (kind == ANSWER_ANY ||
			    (kind == ANSWER_TEXT && type == TEXT)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_beginnings),
		cmocka_unit_test(test_fewer_bytes_say_less),
		cmocka_unit_test(test_what_a_body_is_taken_for),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_halves_are_broken),
		cmocka_unit_test(test_only_text_may_be_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
