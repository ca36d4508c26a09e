/* The scanner against a corpus, every text in every split; decode and write. */
#include "config.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

#define TEXT(s) s, sizeof(s) - 1

static const char *const names[] = { "model", "stream", "messages", "n", "\xC3\xA9\xF0\x9F\x98\x80" };
enum { MODEL, STREAM, MESSAGES, N, EMOJI, NAMES };

/* Texts that must pass. */
static const struct { const char *text; size_t n; } good[] = {
	{ TEXT("{}") },
	{ TEXT(" {} ") },
	{ TEXT("\t\n\r {\t\n\r }\t\n\r ") },
	{ TEXT("{\"a\":1}") },
	{ TEXT("{\"a\":0}") },
	{ TEXT("{\"a\":-0}") },
	{ TEXT("{\"a\":-1}") },
	{ TEXT("{\"a\":10}") },
	{ TEXT("{\"a\":0.0}") },
	{ TEXT("{\"a\":0.5}") },
	{ TEXT("{\"a\":-0.5}") },
	{ TEXT("{\"a\":1.50}") },
	{ TEXT("{\"a\":1e5}") },
	{ TEXT("{\"a\":1E5}") },
	{ TEXT("{\"a\":1e+5}") },
	{ TEXT("{\"a\":1e-5}") },
	{ TEXT("{\"a\":0e0}") },
	{ TEXT("{\"a\":0E-00}") },
	{ TEXT("{\"a\":1.5e007}") },
	{ TEXT("{\"a\":-0.0e-0}") },
	{ TEXT("{\"a\":123456789012345678901234567890}") },
	{ TEXT("{\"a\":1e999999}") },
	{ TEXT("{\"a\":0 }") },
	{ TEXT("{\"a\":1.0\n,\"b\":2}") },
	{ TEXT("{\"a\":true}") },
	{ TEXT("{\"a\":false}") },
	{ TEXT("{\"a\":null}") },
	{ TEXT("{\"a\":true,\"b\":false,\"c\":null}") },
	{ TEXT("{\"a\":[]}") },
	{ TEXT("{\"a\":[ ]}") },
	{ TEXT("{\"a\":{}}") },
	{ TEXT("{\"a\":{ }}") },
	{ TEXT("{\"a\":[1]}") },
	{ TEXT("{\"a\":[1,2 , 3]}") },
	{ TEXT("{\"a\":[[],[[]],{}]}") },
	{ TEXT("{\"a\":[true,false,null]}") },
	{ TEXT("{\"a\":{\"b\":{\"c\":{}}}}") },
	{ TEXT("{\"a\":[{\"b\":[{\"c\":[]}]}]}") },
	{ TEXT("{\"a\":\"\"}") },
	{ TEXT("{\"\":\"\"}") },
	{ TEXT("{\"a\":\"b\"}") },
	{ TEXT("{\"a\":\"\\\"\"}") },
	{ TEXT("{\"a\":\"\\\\\"}") },
	{ TEXT("{\"a\":\"\\/\\b\\f\\n\\r\\t\"}") },
	{ TEXT("{\"a\":\"\\u0000\"}") },
	{ TEXT("{\"a\":\"\\u00e9\\uABCD\\uabcd\"}") },
	{ TEXT("{\"a\":\"\\uD83D\\uDE00\"}") },
	{ TEXT("{\"a\":\"\\uD83D\"}") },
	{ TEXT("{\"a\":\"\\uDE00\"}") },
	{ TEXT("{\"a\":\"\\uDE00\\uD83D\"}") },
	{ TEXT("{\"a\":\"\\uD83Dx\"}") },
	{ TEXT("{\"a\":\"\x7F\"}") },
	{ TEXT("{\"a\":\"/ // # ' `\"}") },
	{ TEXT("{\"a\":\"[{,:}]\"}") },
	{ TEXT("{\"a\":\"0123456701234567012345670123456701234567\"}") },
	{ TEXT("{\"a\":\"0123456701234567\\n0123456701234567\"}") },
	{ TEXT("{\"a\":\"\xC2\x80\"}") },
	{ TEXT("{\"a\":\"\xDF\xBF\"}") },
	{ TEXT("{\"a\":\"\xE0\xA0\x80\"}") },
	{ TEXT("{\"a\":\"\xED\x9F\xBF\"}") },
	{ TEXT("{\"a\":\"\xEE\x80\x80\"}") },
	{ TEXT("{\"a\":\"\xEF\xBF\xBF\"}") },
	{ TEXT("{\"a\":\"\xEF\xBB\xBF\"}") },
	{ TEXT("{\"a\":\"\xF0\x90\x80\x80\"}") },
	{ TEXT("{\"a\":\"\xF4\x8F\xBF\xBF\"}") },
	{ TEXT("{\"a\":\"\xE4\xBD\xA0\xE5\xA5\xBD, \xD0\xBC\xD0\xB8\xD1\x80\"}") },
	{ TEXT("{\"\xC3\xA9\":1}") },
	{ TEXT("{\"a\":1,\"a\":2}") },
	{ TEXT("{\"a\":{\"model\":1,\"model\":2}}") },
	{ TEXT("{\"a\":[{\"model\":1},{\"model\":1}],\"model\":1}") },
	{ TEXT("{\"Model\":1,\"model\":2,\"models\":3,\"mode\":4}") },
	{ TEXT("{\"model\":\"gpt-4o\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"n\":1}") },
	{ TEXT("{ \"model\" : \"x\" , \"n\" : 2 }") },
	{ TEXT("{\"\\u006dodel\":\"x\"}") },
	{ TEXT("{\"\xC3\xA9\xF0\x9F\x98\x80\":1}") },
	{ TEXT("{\"\\u00e9\\ud83d\\ude00\":1}") },
	{ TEXT("{\"\\u00E9\xF0\x9F\x98\x80\":1}") },
	{ TEXT("{\"model\\u0000\":1,\"model\":2}") },
	{ TEXT("{\"model\\ud83d\":1,\"\\ude00model\":2,\"model\":3}") },
	{ TEXT("{\"modelmodelmodelmodelmodelmodelmodelmodelmodel\":1,\"model\":2}") },
};

/* Texts that must not, with what is wrong and where. */
static const struct {
	const char *text; size_t n; enum err err; unsigned offset;
} bad[] = {
	{ TEXT(""), ERR_JSON_TRUNCATED, 0 },
	{ TEXT("   "), ERR_JSON_TRUNCATED, 3 },
	{ TEXT("{"), ERR_JSON_TRUNCATED, 1 },
	{ TEXT("{\"a"), ERR_JSON_TRUNCATED, 3 },
	{ TEXT("{\"a\""), ERR_JSON_TRUNCATED, 4 },
	{ TEXT("{\"a\":"), ERR_JSON_TRUNCATED, 5 },
	{ TEXT("{\"a\":1"), ERR_JSON_TRUNCATED, 6 },
	{ TEXT("{\"a\":1."), ERR_JSON_TRUNCATED, 7 },
	{ TEXT("{\"a\":-"), ERR_JSON_TRUNCATED, 6 },
	{ TEXT("{\"a\":tru"), ERR_JSON_TRUNCATED, 8 },
	{ TEXT("{\"a\":true"), ERR_JSON_TRUNCATED, 9 },
	{ TEXT("{\"a\":1,"), ERR_JSON_TRUNCATED, 7 },
	{ TEXT("{\"a\":[1,2"), ERR_JSON_TRUNCATED, 9 },
	{ TEXT("{\"a\":[1,2]"), ERR_JSON_TRUNCATED, 10 },
	{ TEXT("{\"a\":\"\\"), ERR_JSON_TRUNCATED, 7 },
	{ TEXT("{\"a\":\"\\u12"), ERR_JSON_TRUNCATED, 10 },
	{ TEXT("{\"a\":\"\xE4\xBD"), ERR_JSON_TRUNCATED, 8 },
	{ TEXT("{{"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("[]"), ERR_JSON_NOT_OBJECT, 0 },
	{ TEXT(" [1]"), ERR_JSON_NOT_OBJECT, 1 },
	{ TEXT("\"a\""), ERR_JSON_NOT_OBJECT, 0 },
	{ TEXT("1"), ERR_JSON_NOT_OBJECT, 0 },
	{ TEXT("-1"), ERR_JSON_NOT_OBJECT, 0 },
	{ TEXT("0"), ERR_JSON_NOT_OBJECT, 0 },
	{ TEXT("null"), ERR_JSON_NOT_OBJECT, 0 },
	{ TEXT("true"), ERR_JSON_NOT_OBJECT, 0 },
	{ TEXT("false"), ERR_JSON_NOT_OBJECT, 0 },
	{ TEXT("x"), ERR_JSON_SYNTAX, 0 },
	{ TEXT("}"), ERR_JSON_SYNTAX, 0 },
	{ TEXT(","), ERR_JSON_SYNTAX, 0 },
	{ TEXT("\0{}"), ERR_JSON_SYNTAX, 0 },
	{ TEXT("\xEF\xBB\xBF{}"), ERR_JSON_SYNTAX, 0 },
	{ TEXT("\xFE\xFF\0{\0}"), ERR_JSON_SYNTAX, 0 },
	{ TEXT("model=gpt-4o&n=1"), ERR_JSON_SYNTAX, 0 },
	{ TEXT("{}{}"), ERR_JSON_SYNTAX, 2 },
	{ TEXT("{} x"), ERR_JSON_SYNTAX, 3 },
	{ TEXT("{},"), ERR_JSON_SYNTAX, 2 },
	{ TEXT("{}]"), ERR_JSON_SYNTAX, 2 },
	{ TEXT("{}}"), ERR_JSON_SYNTAX, 2 },
	{ TEXT("{}\0"), ERR_JSON_SYNTAX, 2 },
	{ TEXT("{}//"), ERR_JSON_SYNTAX, 2 },
	{ TEXT("\f{}"), ERR_JSON_SYNTAX, 0 },
	{ TEXT("\v{}"), ERR_JSON_SYNTAX, 0 },
	{ TEXT("{\f}"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{\v}"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{\xC2\xA0}"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{\xE2\x80\xA8}"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{\0}"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{/* */}"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{,}"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{:1}"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{1:1}"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{a:1}"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{'a':1}"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{null:1}"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{[]:1}"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{]"), ERR_JSON_SYNTAX, 1 },
	{ TEXT("{\"a\"}"), ERR_JSON_SYNTAX, 4 },
	{ TEXT("{\"a\",1}"), ERR_JSON_SYNTAX, 4 },
	{ TEXT("{\"a\" 1}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\"::1}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\":}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\":,}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\":]"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\":1,}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":1,,\"b\":1}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":1 \"b\":1}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":1:2}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":1]"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":1;}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":\"b\"\"c\"}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":[,]}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":[1,]}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":[,1]}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":[1 2]}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":[1:2]}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":[1}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":[}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":[]]}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":{]}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":{\"b\"}}"), ERR_JSON_SYNTAX, 9 },
	{ TEXT("{\"a\":{\"b\":1]}"), ERR_JSON_SYNTAX, 11 },
	{ TEXT("{\"a\":{1}}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":+1}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\":01}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":-01}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":00}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":-}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":--1}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":-a}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":.5}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\":1.}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":1.e1}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":1.5.5}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":1e}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":1e+}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":1e1.5}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":1e+-5}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":1e5e5}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":0x10}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":1_000}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":1a}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":1-2}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":1+2}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":Infinity}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\":-Infinity}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":NaN}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\":nan}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":undefined}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\":True}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\":TRUE}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\":trUe}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":tru}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":truee}"), ERR_JSON_SYNTAX, 9 },
	{ TEXT("{\"a\":nul\0}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":nulll}"), ERR_JSON_SYNTAX, 9 },
	{ TEXT("{\"a\":falsetrue}"), ERR_JSON_SYNTAX, 10 },
	{ TEXT("{\"a\":'b'}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\":b}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"a\":\"\n\"}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":\"\r\"}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":\"\t\"}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":\"\0\"}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":\"\x1F\"}"), ERR_JSON_SYNTAX, 6 },
	{ TEXT("{\"a\":\"0123456701234567\x01\"}"), ERR_JSON_SYNTAX, 22 },
	{ TEXT("{\"a\":\"0123456\x1F" "01234567\"}"), ERR_JSON_SYNTAX, 13 },
	{ TEXT("{\"a\nb\":1}"), ERR_JSON_SYNTAX, 3 },
	{ TEXT("{\"a\":\"\\a\"}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":\"\\'\"}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":\"\\0\"}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":\"\\x41\"}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":\"\\U0041\"}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":\"\\\n\"}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":\"\\\0\"}"), ERR_JSON_SYNTAX, 7 },
	{ TEXT("{\"a\":\"\\u\"}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":\"\\u00g0\"}"), ERR_JSON_SYNTAX, 10 },
	{ TEXT("{\"a\":\"\\u123\"}"), ERR_JSON_SYNTAX, 11 },
	{ TEXT("{\"a\":\"\\u 123\"}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":\"\\u{41}\"}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":\"\\u@ABC\"}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":\"\\uGABC\"}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":\"\\u/ABC\"}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":\"\\u:ABC\"}"), ERR_JSON_SYNTAX, 8 },
	{ TEXT("{\"a\":\"\\ud83d\\\"}"), ERR_JSON_TRUNCATED, 15 },
	{ TEXT("{\"a\":\"\x80\"}"), ERR_JSON_UTF8, 6 },
	{ TEXT("{\"a\":\"\xBF\"}"), ERR_JSON_UTF8, 6 },
	{ TEXT("{\"a\":\"\xC0\x80\"}"), ERR_JSON_UTF8, 6 },
	{ TEXT("{\"a\":\"\xC1\xBF\"}"), ERR_JSON_UTF8, 6 },
	{ TEXT("{\"a\":\"\xC2\"}"), ERR_JSON_UTF8, 7 },
	{ TEXT("{\"a\":\"\xC2\xC2\"}"), ERR_JSON_UTF8, 7 },
	{ TEXT("{\"a\":\"\xE0\x9F\xBF\"}"), ERR_JSON_UTF8, 7 },
	{ TEXT("{\"a\":\"\xE4\xBD\"}"), ERR_JSON_UTF8, 8 },
	{ TEXT("{\"a\":\"\xE4\xBD\xE4\"}"), ERR_JSON_UTF8, 8 },
	{ TEXT("{\"a\":\"\xED\xA0\x80\"}"), ERR_JSON_UTF8, 7 },
	{ TEXT("{\"a\":\"\xED\xBF\xBF\"}"), ERR_JSON_UTF8, 7 },
	{ TEXT("{\"a\":\"\xF0\x8F\xBF\xBF\"}"), ERR_JSON_UTF8, 7 },
	{ TEXT("{\"a\":\"\xF0\x90\x80\"}"), ERR_JSON_UTF8, 9 },
	{ TEXT("{\"a\":\"\xF4\x90\x80\x80\"}"), ERR_JSON_UTF8, 7 },
	{ TEXT("{\"a\":\"\xF5\x80\x80\x80\"}"), ERR_JSON_UTF8, 6 },
	{ TEXT("{\"a\":\"\xF8\x88\x80\x80\x80\"}"), ERR_JSON_UTF8, 6 },
	{ TEXT("{\"a\":\"\xFF\"}"), ERR_JSON_UTF8, 6 },
	{ TEXT("{\"a\":\"\xFE\"}"), ERR_JSON_UTF8, 6 },
	{ TEXT("{\"a\":\"\xE4\n\"}"), ERR_JSON_UTF8, 7 },
	{ TEXT("{\"a\":\"0123456\x80" "01234567\"}"), ERR_JSON_UTF8, 13 },
	{ TEXT("{\"a\":\"\xE4\xBD\xA0\xE5\xA5\"}"), ERR_JSON_UTF8, 11 },
	{ TEXT("{\"\xC0\x80\":1}"), ERR_JSON_UTF8, 2 },
	{ TEXT("{\"a\":\xE4\xBD\xA0}"), ERR_JSON_SYNTAX, 5 },
	{ TEXT("{\"model\":1,\"model\":1}"), ERR_JSON_DUPLICATE, 11 },
	{ TEXT("{\"model\":1, \"mod\\u0065l\":1}"), ERR_JSON_DUPLICATE, 12 },
	{ TEXT("{\"\\u006D\\u006f\\u0064\\u0065\\u006c\":1,\"model\":1}"), ERR_JSON_DUPLICATE, 36 },
	{ TEXT("{\"\\u00e9\\ud83d\\ude00\":1,\"\xC3\xA9\xF0\x9F\x98\x80\":1}"), ERR_JSON_DUPLICATE, 24 },
	{ TEXT("{\"\xC3\xA9\xF0\x9F\x98\x80\":1,\"\xC3\xA9\\uD83D\\uDE00\":1}"), ERR_JSON_DUPLICATE, 12 },
	{ TEXT("{\"stream\":[{\"model\":1}],\"model\":2,\"stream\":3}"), ERR_JSON_DUPLICATE, 34 },
};

struct outcome {
	enum err		 err;
	uint64_t		 err_offset, object_start;
	size_t			 err_name;
	struct json_range	 ranges[NAMES];
};

static void
outcome_of(struct json_scan *s, struct outcome *out)
{
	memset(out, 0, sizeof *out);
	out->err = json_scan_end(s);
	out->err_offset = s->err_offset;
	out->object_start = s->object_start;
	out->err_name = s->err_name;
	for (size_t i = 0; i < NAMES; i++) {
		out->ranges[i].start = s->ranges[i].start;
		out->ranges[i].end = s->ranges[i].end;
		out->ranges[i].kind = s->ranges[i].kind;
	}
}

/* Feed copies of exactly the right size, so that a sanitizer sees a step past. */
static void
feed(struct json_scan *s, const char *text, size_t n)
{
	char *copy = malloc(n == 0 ? 1 : n);

	memcpy(copy, text, n);
	json_scan_feed(s, copy, n);
	free(copy);
}

static struct outcome
scan_whole(const char *text, size_t n)
{
	struct json_scan s;
	struct outcome out;

	json_scan_init(&s, names, NAMES);
	feed(&s, text, n);
	outcome_of(&s, &out);
	return out;
}

static void
check_splits(const char *text, size_t n, const struct outcome *want)
{
	struct json_scan s;
	struct outcome got;

	for (size_t i = 0; i <= n; i++) {
		json_scan_init(&s, names, NAMES);
		feed(&s, text, i);
		feed(&s, text + i, n - i);
		outcome_of(&s, &got);
		assert_memory_equal(&got, want, sizeof got);
	}
	for (size_t step = 1; step < 8; step++) {
		json_scan_init(&s, names, NAMES);
		for (size_t i = 0; i < n; i += step)
			feed(&s, text + i, n - i < step ? n - i : step);
		outcome_of(&s, &got);
		assert_memory_equal(&got, want, sizeof got);
	}
}

static void
good_texts_pass_in_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct outcome out = scan_whole(good[i].text, good[i].n);

		if (out.err != ERR_NONE)
			fail_msg("refused: %s", good[i].text);
		check_splits(good[i].text, good[i].n, &out);
	}
}

static void
bad_texts_fail_at_the_right_byte_in_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct outcome out = scan_whole(bad[i].text, bad[i].n);

		if (out.err != bad[i].err || out.err_offset != bad[i].offset)
			fail_msg("%s: error %d at %u", bad[i].text, out.err,
			    (unsigned)out.err_offset);
		check_splits(bad[i].text, bad[i].n, &out);
	}
}

/* Every prefix of a good text is unfinished, never wrong. */
static void
prefixes_of_good_texts_are_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		size_t n = good[i].n;

		while (good[i].text[n - 1] != '}')
			n--;
		while (n-- > 0) {
			struct outcome out = scan_whole(good[i].text, n);

			assert_int_equal(out.err, ERR_JSON_TRUNCATED);
			assert_int_equal(out.err_offset, n);
		}
	}
}

static void
ranges_are_exact(void **state)
{
	static const char text[] = "{ \"model\" : \"a\\\"b\" ,\"stream\":true,"
	    "\"x\":{\"n\":7},\"messages\": [ {\"n\":[]} ] ,\"n\":-1.5e3\n}";
	static const struct { int name; enum json_kind kind; const char *raw; } want[] = {
		{ MODEL, JSON_STRING, "\"a\\\"b\"" },
		{ STREAM, JSON_TRUE, "true" },
		{ MESSAGES, JSON_ARRAY, "[ {\"n\":[]} ]" },
		{ N, JSON_NUMBER, "-1.5e3" },
	};
	struct outcome out = scan_whole(TEXT(text));

	(void)state;
	assert_int_equal(out.err, ERR_NONE);
	assert_int_equal(out.ranges[EMOJI].kind, JSON_ABSENT);
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		const struct json_range *r = &out.ranges[want[i].name];

		assert_int_equal(r->kind, want[i].kind);
		assert_int_equal(r->end - r->start, strlen(want[i].raw));
		assert_memory_equal(text + r->start, want[i].raw, strlen(want[i].raw));
	}
	check_splits(TEXT(text), &out);
}

static void
an_empty_object_is_told_from_others(void **state)
{
	static const struct { const char *text; bool has_members; } cases[] = {
		{ "{}", false }, { " { \n } ", false }, { "{", false },
		{ "{\"a\":{}}", true }, { "{ \"\":1}", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct json_scan s;

		json_scan_init(&s, names, NAMES);
		for (const char *p = cases[i].text; *p != '\0'; p++)
			feed(&s, p, 1);
		assert_int_equal(s.has_members, cases[i].has_members);
	}
}

static void
an_empty_array_is_told_from_others(void **state)
{
	static const struct { const char *text; bool has_items; } cases[] = {
		{ "{\"model\":[]}", false }, { "{\"model\":[ \n ] }", false },
		{ "{\"model\":[", false }, { "{\"model\":[1]}", true },
		{ "{\"model\":[ []]}", true }, { "{\"model\":[{}]}", true },
		{ "{\"x\":[1],\"model\":[]}", false },
		{ "{\"model\":[],\"x\":[1]}", false },
		{ "{\"model\":{\"a\":[1]}}", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct json_scan s;

		json_scan_init(&s, names, NAMES);
		for (const char *p = cases[i].text; *p != '\0'; p++)
			feed(&s, p, 1);
		assert_int_equal(s.ranges[0].has_items, cases[i].has_items);
	}
}

static void
every_kind_is_told_apart(void **state)
{
	static const struct { const char *raw; enum json_kind kind; } kinds[] = {
		{ "null", JSON_NULL }, { "false", JSON_FALSE },
		{ "true", JSON_TRUE }, { "0", JSON_NUMBER },
		{ "\"\"", JSON_STRING }, { "[]", JSON_ARRAY },
		{ "{}", JSON_OBJECT }, { "{\"model\":{\"model\":1}}", JSON_OBJECT },
		{ "[[1],[\"model\"]]", JSON_ARRAY },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		int n = snprintf(text, sizeof text, "{\"model\":%s}", kinds[i].raw);
		struct outcome out = scan_whole(text, (size_t)n);

		assert_int_equal(out.err, ERR_NONE);
		assert_int_equal(out.ranges[MODEL].kind, kinds[i].kind);
		assert_int_equal(out.ranges[MODEL].start, 9);
		assert_int_equal(out.ranges[MODEL].end, n - 1);
	}
}

static void
names_are_compared_decoded(void **state)
{
	static const struct { const char *text; int name; } spelled[] = {
		{ "{\"\\u006d\\u006F\\u0064\\u0065\\u006c\":1}", MODEL },
		{ "{\"mod\\u0065l\":1}", MODEL },
		{ "{\"\\u00e9\\ud83d\\ude00\":1}", EMOJI },
		{ "{\"\\u00E9\\uD83D\\uDE00\":1}", EMOJI },
		{ "{\"\\u006E\":1}", N },
	};
	static const char *const others[] = {
		"{\"\\u004Dodel\":1}", "{\"model\\u0000\":1}", "{\"model \":1}",
		"{\"mode\":1}", "{\"models\":1}", "{\"\":1}",
		"{\"\\u00e9\\ude00\\ud83d\":1}", "{\"\\u00e9\\ud83d\":1}",
		"{\"\\u00e9\\ud83d\\ud83d\\ude00\":1}", "{\"\\tn\":1}",
		"{\"\\u00e9\\ud83dx\\ude00\":1}", "{\"x\":{\"model\":1,\"n\":2}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof spelled / sizeof spelled[0]; i++) {
		struct outcome out = scan_whole(spelled[i].text, strlen(spelled[i].text));

		for (int k = 0; k < NAMES; k++)
			assert_int_equal(out.ranges[k].kind,
			    k == spelled[i].name ? JSON_NUMBER : JSON_ABSENT);
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		struct outcome out = scan_whole(others[i], strlen(others[i]));

		assert_int_equal(out.err, ERR_NONE);
		for (int k = 0; k < NAMES; k++)
			assert_int_equal(out.ranges[k].kind, JSON_ABSENT);
	}
}

/* A strict scan of TEXT: what is wrong, and with which name. */
static struct outcome
scan_strictly(const struct spelling *spelling, const char *text, size_t n,
    size_t step)
{
	struct json_scan s;
	struct outcome out;

	json_scan_init_strict(&s, spelling);
	for (size_t i = 0; i < n; i += step)
		feed(&s, text + i, n - i < step ? n - i : step);
	outcome_of(&s, &out);
	return out;
}

static void
other_spellings_are_as_bad_as_duplicates(void **state)
{
	static const struct {
		const char *text; size_t n; enum err err; unsigned offset; int name;
	} cases[] = {
		{ TEXT("{\"model\":1,\"Models\":2,\"mode\":3}"), ERR_NONE, 0, 0 },
		{ TEXT("{\"\\u006dodel\":1,\"stream\":true}"), ERR_NONE, 0, 0 },
		{ TEXT("{\"x\":{\"Model\":1},\"model\":[{\"MODEL\":1}]}"), ERR_NONE, 0, 0 },
		{ TEXT("{\"model\":1,\"x\":1,\"x\":1}"), ERR_NONE, 0, 0 },
		{ TEXT("{\"model\":1, \"Model\":1}"), ERR_JSON_SPELLING, 12, MODEL },
		{ TEXT("{\"Model\":1}"), ERR_JSON_SPELLING, 1, MODEL },
		{ TEXT("{\"\\u004dodel\":1}"), ERR_JSON_SPELLING, 1, MODEL },
		{ TEXT("{\"a\":1,\"\\u017ftream\":1}"), ERR_JSON_SPELLING, 7, STREAM },
		{ TEXT("{\"\xC5\xBFtream\":1}"), ERR_JSON_SPELLING, 1, STREAM },
		{ TEXT("{\"model\\ud83d\":1}"), ERR_JSON_SPELLING, 1, MODEL },
		{ TEXT("{\"N\":1}"), ERR_JSON_SPELLING, 1, N },
		{ TEXT("{\"model\":1,\"model\":1}"), ERR_JSON_DUPLICATE, 11, MODEL },
		{ TEXT("{\"model\\u0000\":1}"), ERR_JSON_NAME, 1, 0 },
		{ TEXT("{\"x\\u0000y\":1}"), ERR_JSON_NAME, 1, 0 },
		{ TEXT("{\"a\":{\"x\\u0000\":1}}"), ERR_NONE, 0, 0 },
		{ TEXT("{\"__proto__\":{\"model\":1}}"), ERR_JSON_NAME, 1, 0 },
	};
	struct spelling spelling;

	(void)state;
	spelling_init(&spelling);
	for (size_t i = 0; i < EMOJI; i++)
		spelling_add(&spelling, names[i]);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (size_t step = 1; step <= cases[i].n; step++) {
			struct outcome out = scan_strictly(&spelling,
			    cases[i].text, cases[i].n, step);

			if (out.err != cases[i].err ||
			    out.err_offset != cases[i].offset ||
			    out.err_name != (size_t)cases[i].name)
				fail_msg("%s: %d at %u", cases[i].text, out.err,
				    (unsigned)out.err_offset);
		}
}

/* What does not fit is cut off, but not a U+0000 in it. */
static void
long_names_are_judged_as_far_as_they_are_kept(void **state)
{
	char text[JSON_KEY_MAX + 32] = "{\"model";
	struct spelling spelling;

	(void)state;
	spelling_init(&spelling);
	spelling_add(&spelling, names[MODEL]);
	memset(text + 7, '_', JSON_KEY_MAX);
	memcpy(text + 2 + JSON_KEY_MAX, "\":1}", 5);
	assert_int_equal(scan_strictly(&spelling, text, strlen(text), 7).err,
	    ERR_JSON_SPELLING);
	memcpy(text + 2 + JSON_KEY_MAX, "_\":1}", 6);
	assert_int_equal(scan_strictly(&spelling, text, strlen(text), 7).err,
	    ERR_NONE);
	memcpy(text + 7, "\\u0000", 6);
	assert_int_equal(scan_strictly(&spelling, text, strlen(text), 7).err,
	    ERR_JSON_NAME);
}

static void
names_of_32_bytes_can_be_watched(void **state)
{
	static const char *const one[] = { "abcdefghijklmnopqrstuvwxyz012345" };
	static const char text[] = "{\"abcdefghijklmnopqrstuvwxyz0123456\":1,"
	    "\"abcdefghijklmnopqrstuvwxyz01234\":2,"
	    "\"abcdefghijklmnopqrstuvwxyz\\u00301234\\u0035\":3}";
	struct json_scan s;

	(void)state;
	json_scan_init(&s, one, 1);
	assert_int_equal(json_scan_feed(&s, TEXT(text)), ERR_NONE);
	assert_int_equal(json_scan_end(&s), ERR_NONE);
	assert_int_equal(text[s.ranges[0].start], '3');
}

static void
a_duplicate_says_which_name(void **state)
{
	struct outcome out = scan_whole(TEXT("{\"n\":1,\"messages\":[],\"n\":2}"));

	(void)state;
	assert_int_equal(out.err, ERR_JSON_DUPLICATE);
	assert_int_equal(out.err_name, N);
	assert_int_equal(out.err_offset, 21);
}

/* BRACKETS open brackets in all, the top-level object included. */
static struct outcome
scan_deep(size_t brackets, const char *open, const char *close)
{
	size_t step = strlen(open), n = 0;
	char *text = malloc(brackets * (step + 1) + 64);
	struct outcome out;

	n += (size_t)sprintf(text, "{\"a\":");
	for (size_t i = 1; i < brackets; i++, n += step)
		memcpy(text + n, open, step);
	text[n++] = '1';
	for (size_t i = 1; i < brackets; i++)
		text[n++] = *close;
	text[n++] = '}';
	out = scan_whole(text, n);
	if (brackets == JSON_DEPTH_MAX || brackets == JSON_DEPTH_MAX + 1)
		check_splits(text, n, &out);
	free(text);
	return out;
}

static void
depth_ends_at_1000(void **state)
{
	struct outcome out;

	(void)state;
	assert_int_equal(scan_deep(999, "[", "]").err, ERR_NONE);
	assert_int_equal(scan_deep(1000, "[", "]").err, ERR_NONE);
	assert_int_equal(scan_deep(1000, "{\"b\":", "}").err, ERR_NONE);
	out = scan_deep(1001, "[", "]");
	assert_int_equal(out.err, ERR_JSON_DEPTH);
	assert_int_equal(out.err_offset, 5 + 999);
	assert_int_equal(scan_deep(1001, "{\"b\":", "}").err, ERR_JSON_DEPTH);
	assert_int_equal(scan_deep(100000, "[", "]").err, ERR_JSON_DEPTH);
}

static void
errors_stick(void **state)
{
	struct json_scan s;

	(void)state;
	json_scan_init(&s, names, NAMES);
	assert_int_equal(json_scan_feed(&s, TEXT("{x")), ERR_JSON_SYNTAX);
	assert_int_equal(json_scan_feed(&s, TEXT("{}")), ERR_JSON_SYNTAX);
	assert_int_equal(json_scan_end(&s), ERR_JSON_SYNTAX);
	assert_int_equal(s.err_offset, 1);
}

static void
the_scan_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct json_scan) <= 1280);
}

/* Every two-byte and three-byte beginning, against RFC 3629's table. */
static bool
rfc3629_says(const unsigned char *p, size_t n)
{
	if (n == 2)
		return p[0] >= 0xC2 && p[0] <= 0xDF && p[1] >= 0x80 && p[1] <= 0xBF;
	if (p[1] < 0x80 || p[1] > 0xBF || p[2] < 0x80 || p[2] > 0xBF)
		return false;
	return (p[0] == 0xE0 && p[1] >= 0xA0) ||
	    (p[0] >= 0xE1 && p[0] <= 0xEC) || (p[0] == 0xED && p[1] <= 0x9F) ||
	    p[0] == 0xEE || p[0] == 0xEF;
}

static void
utf8_is_judged_as_in_rfc_3629(void **state)
{
	unsigned char text[] = "{\"a\":\"xxx\"}";

	(void)state;
	for (unsigned a = 0x80; a < 0x100; a++)
		for (unsigned b = 0x20; b < 0x100; b += b == 0x21 || b == 0x5B ? 2 : 1) {
			text[6] = 'x';
			text[7] = (unsigned char)a;
			text[8] = (unsigned char)b;
			assert_int_equal(rfc3629_says(text + 7, 2),
			    scan_whole((char *)text, 11).err == ERR_NONE);
			for (unsigned c = 0x7F; c < 0xC2; c++) {
				text[6] = (unsigned char)a;
				text[7] = (unsigned char)b;
				text[8] = (unsigned char)c;
				if (a < 0xE0 || a > 0xEF)
					continue;
				assert_int_equal(rfc3629_says(text + 6, 3),
				    scan_whole((char *)text, 11).err == ERR_NONE);
			}
		}
}

static void
strings_are_decoded(void **state)
{
	static const struct { const char *raw, *text; } cases[] = {
		{ "\"\"", "" },
		{ "\"gpt-4o\"", "gpt-4o" },
		{ "\"a\\/b\\\\c\\\"d\"", "a/b\\c\"d" },
		{ "\"\\b\\f\\n\\r\\t\"", "\b\f\n\r\t" },
		{ "\"\\u0041\\u00e9\\u4F60\"", "A\xC3\xA9\xE4\xBD\xA0" },
		{ "\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80" },
		{ "\"\\udbff\\udfff\"", "\xF4\x8F\xBF\xBF" },
		{ "\"\\ud83d\"", "\xEF\xBF\xBD" },
		{ "\"\\ude00x\"", "\xEF\xBF\xBD" "x" },
		{ "\"\\ud83d\\u0041\"", "\xEF\xBF\xBD" "A" },
		{ "\"\\ud83d\\ud83d\\ude00\"", "\xEF\xBF\xBD\xF0\x9F\x98\x80" },
		{ "\"\\ud83d\\n\"", "\xEF\xBF\xBD\n" },
		{ "\"\xE4\xBD\xA0\"", "\xE4\xBD\xA0" },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int n = json_string_decode(cases[i].raw, strlen(cases[i].raw),
		    out, sizeof out);

		assert_int_equal(n, strlen(cases[i].text));
		assert_string_equal(out, cases[i].text);
	}
}

static void
strings_that_do_not_fit_are_refused(void **state)
{
	char out[5] = "";

	(void)state;
	assert_int_equal(json_string_decode(TEXT("\"abcd\""), out, 5), 4);
	assert_int_equal(json_string_decode(TEXT("\"abcde\""), out, 5), -1);
	assert_int_equal(json_string_decode(TEXT("\"a\\ud83d\\ude00\""), out, 5), -1);
	assert_int_equal(json_string_decode(TEXT("\"\\ud83d\\ude00\""), out, 5), 4);
	assert_int_equal(json_string_decode(TEXT("\"\""), out, 1), 0);
	assert_int_equal(json_string_decode(TEXT("\"\""), out, 0), -1);
	assert_int_equal(json_string_decode(TEXT("\"a\""), out, 0), -1);
	assert_int_equal(json_string_decode(TEXT("\"a\\u0000\""), out, 5), -1);
	assert_int_equal(json_string_decode(TEXT("\""), out, 5), -1);
	assert_int_equal(json_string_decode(TEXT(""), out, 5), -1);
	assert_int_equal(json_string_decode(TEXT("\"\\\""), out, 5), -1);
	assert_int_equal(json_string_decode(TEXT("\"\\u00\""), out, 5), -1);
}

static void
strings_are_written_escaped(void **state)
{
	static const struct { const char *text; size_t n; const char *json; } cases[] = {
		{ TEXT(""), "\"\"" },
		{ TEXT("plain"), "\"plain\"" },
		{ TEXT("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"" },
		{ TEXT("\n\r\t\b\0\x1F"), "\"\\n\\r\\t\\u0008\\u0000\\u001f\"" },
		{ TEXT("\xC3\xA9\xF0\x9F\x98\x80"), "\"\xC3\xA9\xF0\x9F\x98\x80\"" },
		{ TEXT("a\xFF" "b"), "\"a\xEF\xBF\xBD" "b\"" },
		{ TEXT("\xC3"), "\"\xEF\xBF\xBD\"" },
		{ TEXT("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
	};
	struct buf out;

	(void)state;
	buf_init(&out, 1024);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(json_write_string(&out, cases[i].text, cases[i].n),
		    ERR_NONE);
		assert_int_equal(buf_len(&out), strlen(cases[i].json));
		assert_memory_equal(buf_data(&out), cases[i].json, buf_len(&out));
		buf_consume(&out, buf_len(&out));
	}
	buf_fini(&out);
}

static void
writing_stops_at_the_ceiling(void **state)
{
	struct buf out;

	(void)state;
	for (size_t max = 0; max < 8; max++) {
		buf_init(&out, max);
		assert_int_equal(json_write_string(&out, TEXT("ab\ncd")),
		    ERR_NO_MEMORY);
		buf_fini(&out);
	}
	buf_init(&out, 8);
	assert_int_equal(json_write_string(&out, TEXT("ab\ncd")), ERR_NONE);
	buf_fini(&out);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts_pass_in_every_split),
		cmocka_unit_test(bad_texts_fail_at_the_right_byte_in_every_split),
		cmocka_unit_test(prefixes_of_good_texts_are_truncated),
		cmocka_unit_test(ranges_are_exact),
		cmocka_unit_test(an_empty_object_is_told_from_others),
		cmocka_unit_test(an_empty_array_is_told_from_others),
		cmocka_unit_test(every_kind_is_told_apart),
		cmocka_unit_test(names_are_compared_decoded),
		cmocka_unit_test(other_spellings_are_as_bad_as_duplicates),
		cmocka_unit_test(long_names_are_judged_as_far_as_they_are_kept),
		cmocka_unit_test(names_of_32_bytes_can_be_watched),
		cmocka_unit_test(a_duplicate_says_which_name),
		cmocka_unit_test(depth_ends_at_1000),
		cmocka_unit_test(errors_stick),
		cmocka_unit_test(the_scan_is_small),
		cmocka_unit_test(utf8_is_judged_as_in_rfc_3629),
		cmocka_unit_test(strings_are_decoded),
		cmocka_unit_test(strings_that_do_not_fit_are_refused),
		cmocka_unit_test(strings_are_written_escaped),
		cmocka_unit_test(writing_stops_at_the_ceiling),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
