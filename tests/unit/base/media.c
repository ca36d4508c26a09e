/* What of a body is no text, wherever the body is cut. */
#include "config.h"

#include "base/media.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

/* An @ is 8000 bytes of base64, 6000 decoded; a # as many of prose. */
enum { FILL_BYTES = 8000, BODY_MAX = 64 * 1024 };

#define CHAT(part) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"What is it?\"}," part "]}]}"
#define PART(type, value) CHAT("{\"type\":\"" type "\",\"" type "\":" value "}")
#define MESSAGES(block) "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[" block "]}]}"
#define RESULT(block) MESSAGES("{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[" block "]}")
#define SOURCE(type, rest) "{\"type\":\"" type "\",\"source\":{" rest "}}"
#define RESPONSES(part) "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"What?\"}," part "]}]}"
#define PICTURE MEDIA_PICTURE_TOKENS
#define PAGE MEDIA_PAGE_TOKENS
#define LINK_SOUND (MEDIA_SECOND_TOKENS * MEDIA_LINK_SECONDS)
#define LINK_FILM (MEDIA_FILM_TOKENS * MEDIA_LINK_SECONDS)

/*
 * TOKENS of what stands in the place of WHAT, which is all that is no text;
 * NULL: all is text.
 */
static const struct { const char *text, *what; uint64_t tokens; } cases[] = {
	/* Chat. */
	{ CHAT("{\"type\":\"text\",\"text\":\"x\"}"), NULL, 0 },
	{ PART("image_url", "{\"url\":\"data:image/png;base64,@\"}"), "\"data:image/png;base64,@\"", PICTURE },
	{ PART("image_url", "{\"detail\":\"low\",\"url\":\"DATA:image/jpeg;base64,@\"}"), "\"DATA:image/jpeg;base64,@\"", PICTURE },
	{ PART("image_url", "{\"url\":\"data:image\\/png;base64,@\\/\\u002b\"}"), "\"data:image\\/png;base64,@\\/\\u002b\"", PICTURE },
	{ PART("image_url", "{\"url\":\"https://host/a.png?x=(1)\"}"), "\"https://host/a.png?x=(1)\"", PICTURE },
	{ PART("image_url", "{\"url\":\"data:image/png;base64,iVBO\"}"), "\"data:image/png;base64,iVBO\"", PICTURE },
	{ PART("image_url", "\"data:image/png;base64,@\""), "\"data:image/png;base64,@\"", PICTURE },
	{ PART("input_audio", "{\"data\":\"@\",\"format\":\"mp3\"}"), "\"@\"", 24 },
	{ PART("input_audio", "{\"format\":\"wav\",\"data\":\"UklGR@@@@\"}"), "\"UklGR@@@@\"", 25 },
	{ PART("file", "{\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,@\"}"), "\"data:application/pdf;base64,@\"", PAGE },
	{ PART("file", "{\"file_data\":\"JVBERi0x@\"}"), "\"JVBERi0x@\"", PAGE },
	{ PART("file", "{\"file_data\":\"data:image/png;base64,@\"}"), "\"data:image/png;base64,@\"", PICTURE },
	{ PART("file", "{\"file_data\":\"data:text/plain;base64,@\"}"), "\"data:text/plain;base64,@\"", 1505 },
	{ PART("file", "{\"file_id\":\"file-abc\"}"), "\"file-abc\"", PAGE },
	{ PART("video_url", "{\"url\":\"https://host/a.mp4\"}"), "\"https://host/a.mp4\"", LINK_FILM },
	{ PART("video_url", "{\"url\":\"data:video/mp4;base64,@\"}"), "\"data:video/mp4;base64,@\"", 16 },
	{ PART("audio_url", "{\"url\":\"https://host/a.mp3\"}"), "\"https://host/a.mp3\"", LINK_SOUND },

	/* Messages. */
	{ MESSAGES(SOURCE("image", "\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBO@\"")), "\"iVBO@\"", PICTURE },
	{ MESSAGES(SOURCE("image", "\"data\":\"iVBO\",\"type\":\"base64\"")), "\"iVBO\"", PICTURE },
	{ MESSAGES(SOURCE("image", "\"type\":\"url\",\"url\":\"https://host/a.png\"")), "\"https://host/a.png\"", PICTURE },
	{ MESSAGES(SOURCE("image", "\"type\":\"file\",\"file_id\":\"file_1\"")), "\"file_1\"", PAGE },
	{ MESSAGES(SOURCE("document", "\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBERi0x@@@@@@@@\"")), "\"JVBERi0x@@@@@@@@\"", PAGE },
	{ MESSAGES(SOURCE("document", "\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"#\"")), NULL, 0 },
	{ MESSAGES(SOURCE("document", "\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"some words\"")), NULL, 0 },
	{ RESULT(SOURCE("image", "\"type\":\"base64\",\"data\":\"iVBO@\"")), "\"iVBO@\"", PICTURE },

	/* Responses. */
	{ RESPONSES("{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,@\"}"), "\"data:image/png;base64,@\"", PICTURE },
	{ RESPONSES("{\"type\":\"input_image\",\"image_url\":\"https://host/a.png\"}"), "\"https://host/a.png\"", PICTURE },
	{ RESPONSES("{\"type\":\"input_file\",\"file_data\":\"data:application/pdf;base64,@\"}"), "\"data:application/pdf;base64,@\"", PAGE },
	{ RESPONSES("{\"type\":\"input_file\",\"file_url\":\"https://host/a.pdf\"}"), "\"https://host/a.pdf\"", PAGE },
	{ RESPONSES("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"@\",\"format\":\"mp3\"}}"), "\"@\"", 24 },
	{ "{\"input\":\"#\"}", NULL, 0 },
	{ "{\"input\":[\"#\",\"#\"]}", NULL, 0 },

	/* Token numbers. */
	{ "{\"input\":[1,22,333]}", "[1,22,333]", 3 },
	{ "{\"input\":[1, 22,\n 333 ]}", "[1, 22,\n 333 ]", 3 },
	{ "{\"prompt\":[1,22,333]}", "[1,22,333]", 3 },
	{ "{\"input\":[[1,2,3]]}", "[1,2,3]", 3 },
	{ "{\"input\":[1,\"#\",3]}", NULL, 0 },
	{ "{\"input\":[1,null]}", NULL, 0 },
	{ "{\"input\":[1,[]]}", "[]", 0 },
	{ "{\"input\":{\"a\":[1,2,3]}}", NULL, 0 },
	{ "{\"x\":[1,2,3],\"input\":\"\",\"y\":[1,2]}", NULL, 0 },
	{ "{\"messages\":[{\"input\":[1,2,3]}]}", NULL, 0 },

	/* Others that take pictures. */
	{ "{\"images\":[\"data:image/png;base64,@\"]}", "\"data:image/png;base64,@\"", PICTURE },
	{ "{\"input\":[{\"image\":\"@\"}]}", "\"@\"", PICTURE },
	{ "{\"image\":{\"url\":\"https://host/a.png\"}}", "\"https://host/a.png\"", PICTURE },
	{ "{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"@\"}}]}]}", "\"@\"", PICTURE },

	/* What only looks like it. */
	{ CHAT("{\"type\":\"text\",\"text\":\"data:image/png;base64,@\"}"), NULL, 0 },
	{ "{\"messages\":[{\"role\":\"user\",\"content\":\"data:image/png;base64,@\"}]}", NULL, 0 },
	{ "{\"messages\":[{\"role\":\"user\",\"content\":\"data: #\"}]}", NULL, 0 },
	{ PART("image_url", "{\"url\":\"data:image/png;base64,#\"}"), NULL, 0 },
	{ PART("image_url", "{\"url\":\"#\"}"), NULL, 0 },
	{ PART("image_url", "{\"url\":\"@\\\"@\"}"), NULL, 0 },
	{ PART("image_url", "{\"url\":\"@\xE4\xBD\xA0\"}"), NULL, 0 },
	{ PART("image_url", "{\"x\":{\"url\":\"data:image/png;base64,@\"}}"), NULL, 0 },
	{ PART("image_url", "null"), NULL, 0 },
	{ CHAT("{\"url\":\"data:image/png;base64,@\"}"), NULL, 0 },
	{ CHAT("{\"data\":\"@\"}"), NULL, 0 },
	{ CHAT("{\"image_ur\\u006c\":\"data:image/png;base64,@\"}"), NULL, 0 },
	{ CHAT("{\"image_url\xC3\xA9\":\"data:image/png;base64,@\"}"), NULL, 0 },
	{ CHAT("{\"IMAGE_URL\":\"data:image/png;base64,@\"}"), NULL, 0 },
	{ MESSAGES("{\"type\":\"tool_use\",\"input\":{\"data\":\"@\",\"image\":\"nginx:1.2\",\"bytes\":\"1\"}}"), NULL, 0 },
	{ "{\"tools\":[{\"function\":{\"parameters\":{\"properties\":{\"image_url\":{\"type\":\"string\",\"description\":\"#\"},\"file_id\":{\"type\":\"string\"}}}}}]}", NULL, 0 },
	{ "{\"messages\":[{\"tool_calls\":[{\"function\":{\"arguments\":\"{\\\"image_url\\\":\\\"data:image/png;base64,@\\\"}\"}}]}]}", NULL, 0 },
	{ "[[[[[[[[[[[[[[[[[{\"file_data\":\"@\"}]]]]]]]]]]]]]]]]]", NULL, 0 },
};

static size_t
expand(const char *text, char *out)
{
	static const char prose[] = "words and more words. ";
	char	*p = out;

	for (; *text != '\0'; text++)
		if (*text == '@' || *text == '#')
			for (int i = 0; i < FILL_BYTES; i++)
				*p++ = *text == '@' ? "QUJD+/8"[i % 7] :
				    prose[i % (sizeof prose - 1)];
		else
			*p++ = *text;
	return (size_t)(p - out);
}

/* In a copy of exactly the right size. */
static void
feed(struct json_scan *s, const char *text, size_t n)
{
	char	*copy = malloc(n == 0 ? 1 : n);

	memcpy(copy, text, n);
	json_scan_feed(s, copy, n);
	free(copy);
}

static void
check(size_t i, const char *body, size_t n, size_t first, size_t step)
{
	static const char *const watched[] = { "model", "input" };
	char	 what[BODY_MAX];
	size_t	 skipped = cases[i].what == NULL ? 0 :
		    expand(cases[i].what, what);
	struct json_scan s;

	json_scan_init(&s, watched, 2);
	feed(&s, body, first);
	for (size_t at = first; at < n; at += step)
		feed(&s, body + at, n - at < step ? n - at : step);
	if (s.media.skipped_bytes != skipped ||
	    s.media.tokens != cases[i].tokens)
		fail_msg("%llu for %llu, cut at %zu and each %zu: %s",
		    (unsigned long long)s.media.tokens,
		    (unsigned long long)s.media.skipped_bytes, first, step,
		    cases[i].text);
}

static void
media_are_told_from_text_in_every_split(void **state)
{
	char	 body[BODY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t n = expand(cases[i].text, body);

		for (size_t at = 0; at < n && at < 400; at++)
			check(i, body, n, at, n);
		for (size_t at = n > 400 ? n - 400 : 0; at <= n; at++)
			check(i, body, n, at, n);
		for (size_t step = 1; step < n; step = step * 5 + 1)
			check(i, body, n, 0, step);
	}
}

static void
what_is_measured_counts_by_its_size(void **state)
{
	static const struct { enum media_kind kind; const char *head;
	    uint64_t bytes, tokens; } sizes[] = {
		{ MEDIA_PICTURE, "", 0, PICTURE },
		{ MEDIA_PICTURE, "/9j/", 100000000, PICTURE },
		{ MEDIA_PICTURE, "JVBERi0", 66664, PAGE },
		{ MEDIA_DOCUMENT, "", 0, 0 },
		{ MEDIA_DOCUMENT, "", 4, PAGE },
		{ MEDIA_DOCUMENT, "", 66664, PAGE },
		{ MEDIA_DOCUMENT, "", 66672, 2 * PAGE },
		{ MEDIA_DOCUMENT, "", 1333328, 20 * PAGE },
		{ MEDIA_SOUND, "//uQ", 4 * 8000 * 20, 1920 },
		{ MEDIA_SOUND, "UklGR", 4 * 32000 * 20, 1920 },
		{ MEDIA_PICTURE, "UklGR", 4000, PICTURE },	/* WebP */
		{ MEDIA_FILM, "", 4 * 120000 * 20, 18000 },
		{ MEDIA_TEXT, "", 400, 75 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		assert_int_equal(media_weigh(sizes[i].kind, sizes[i].head,
		    strlen(sizes[i].head), sizes[i].bytes), sizes[i].tokens);
}

/* A picture may be of any size: 100 pieces of a megabyte are one. */
static void
nothing_of_a_medium_is_kept(void **state)
{
	static const char head[] = "{\"a\":{\"source\":{\"data\":\"";
	char	*piece = malloc(1 << 20);
	struct json_scan s;

	(void)state;
	memset(piece, 'A', 1 << 20);
	json_scan_init(&s, NULL, 0);
	json_scan_feed(&s, head, sizeof head - 1);
	for (int i = 0; i < 100; i++)
		json_scan_feed(&s, piece, 1 << 20);
	json_scan_feed(&s, "\"}}}", 4);
	assert_int_equal(json_scan_end(&s), ERR_NONE);
	assert_int_equal(s.media.tokens, PICTURE);
	assert_int_equal(s.media.skipped_bytes, (100 << 20) + 2);
	free(piece);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(media_are_told_from_text_in_every_split),
		cmocka_unit_test(what_is_measured_counts_by_its_size),
		cmocka_unit_test(nothing_of_a_medium_is_kept),
	};

	return cmocka_run_group_tests_name("media", tests, NULL, NULL);
}
