/* Bodies good and bad, each in every split; what is found, and what is said. */
#include "config.h"

#include "base/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(s) s, sizeof(s) - 1
#define TYPE "multipart/form-data; boundary=b"
#define FORM "Content-Disposition: form-data; name="
#define MODEL_PART "--b\r\n" FORM "\"model\"\r\n\r\nm-1\r\n"
#define END "--b--\r\n"

static const char *const names[] = { "model", "stream" };
enum { MODEL, STREAM, NAMES };
static struct spelling spelling;

/* Bodies that must pass, with the model that is in them. */
static const struct { const char *text; size_t n; const char *model; } good[] = {
	{ TEXT(MODEL_PART END), "m-1" },
	{ TEXT(MODEL_PART "--b--"), "m-1" },
	{ TEXT(MODEL_PART END "\r\n"), "m-1" },
	{ TEXT("--b--"), NULL },
	{ TEXT("\r\n" MODEL_PART END), "m-1" },
	{ TEXT("--b\r\n" FORM "model\r\n\r\nm-1\r\n" END), "m-1" },
	{ TEXT("--b\r\n" FORM "\"x\"\r\n\r\ny\r\n" MODEL_PART END), "m-1" },
	{ TEXT(MODEL_PART "--b\r\n" FORM "\"x\"\r\n\r\ny\r\n" END), "m-1" },
	{ TEXT(MODEL_PART "--b\r\n" FORM "\"x[]\"\r\n\r\n1\r\n--b\r\n" FORM
	    "\"x[]\"\r\n\r\n2\r\n" END), "m-1" },
	/* Values, as they stand. */
	{ TEXT("--b\r\n" FORM "\"model\"\r\n\r\n\r\n" END), "" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\n\r\n\r\n\r\n" END), "\r\n" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\n\r\n\r\r\n" END), "\r" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\n\r\n\n\r\n" END), "\n" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\n\r\n m 1 \r\n" END), " m 1 " },
	{ TEXT("--b\r\n" FORM "\"model\"\r\n\r\nm--b\r\n" END), "m--b" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\n\r\nm--b--\r\n" END), "m--b--" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\n\r\n\r\n-\r\n--\r\n-b\r\n--a\r\n" END),
	    "\r\n-\r\n--\r\n-b\r\n--a" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\n\r\n\r\n---b\r\n --b\r\n" END),
	    "\r\n---b\r\n --b" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\n\r\n\r\n--B--\r\n" END), "\r\n--B--" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\n\r\nm--b\r\n--b\r\n" FORM
	    "x\r\n\r\nb--\r\n" END), "m--b" },
	/* Names, however they are spelled. */
	{ TEXT("--b\r\ncontent-disposition:FORM-DATA;NAME=model\r\n\r\nm\r\n" END), "m" },
	{ TEXT("--b\r\nContent-Disposition: \tform-data ;\t name=\"model\" ; \r\n\r\nm\r\n" END), "m" },
	{ TEXT("--b\r\nContent-Type: text/plain\r\n" FORM "\"model\"\r\nContent-Length: 1\r\n\r\nm\r\n" END), "m" },
	{ TEXT("--b\r\nX-Y: z\r\nX-Y: z\r\n" FORM "\"x\"\r\n\r\nm\r\n" END), NULL },
	{ TEXT("--b\r\nContent-Transfer-Encoding: 8BIT\r\n" FORM "\"model\"\r\n\r\nm\r\n" END), "m" },
	/* Names that are others. */
	{ TEXT("--b\r\n" FORM "\"model%\"\r\n\r\nm\r\n" END), NULL },
	{ TEXT("--b\r\n" FORM "\"model%2\"\r\n\r\nm\r\n" END), NULL },
	{ TEXT("--b\r\n" FORM "\"\"\r\n\r\nm\r\n" END), NULL },
	/* Files, as clients name them. */
	{ TEXT("--b\r\n" FORM "\"file\"; filename=\"a;b \\\"c\\\" %22.mp3\"; "
	    "filename*=UTF-8''a%20b\r\nContent-Type: audio/mpeg\r\n\r\n\0\xFF\n\r\r\n" END), NULL },
	{ TEXT("--b\r\n" FORM "\"file\"; filename=\"name=\xC3\xA9.png\"\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nAA==\r\n" MODEL_PART END), "m-1" },
};

/* Bodies that must not, with a piece of what is said. */
static const struct { const char *text; size_t n; const char *reason; } bad[] = {
	{ TEXT(""), "does not start with" },
	{ TEXT("hello"), "does not start with" },
	{ TEXT("{\"model\":\"m\"}"), "does not start with" },
	{ TEXT("--"), "does not start with" },
	{ TEXT("x--b\r\n"), "does not start with" },
	{ TEXT("--c\r\n"), "does not start with" },
	/* What comes before or behind. */
	{ TEXT("\r\n\r\n" MODEL_PART END), "does not start with" },
	{ TEXT(" " MODEL_PART END), "does not start with" },
	{ TEXT("x\r\n" MODEL_PART END), "does not start with" },
	{ TEXT("{\"model\":\"y\"}\r\n" MODEL_PART END), "does not start with" },
	{ TEXT("-" MODEL_PART END), "does not start with" },
	{ TEXT("\r-" MODEL_PART END), "does not start with" },
	{ TEXT("\n" MODEL_PART END), "does not start with" },
	{ TEXT("\r" MODEL_PART END), "does not start with" },
	{ TEXT(MODEL_PART END "\r\nx"), "goes on after" },
	{ TEXT(MODEL_PART END "\r\n--b\r\n"), "goes on after" },
	{ TEXT(MODEL_PART END "\n"), "goes on after" },
	{ TEXT(MODEL_PART END "\r\n\n"), "goes on after" },
	{ TEXT(MODEL_PART END "\r\r\n"), "goes on after" },
	{ TEXT(MODEL_PART END "\r\n\r\n"), "goes on after" },
	{ TEXT(MODEL_PART END "\r"), "closing boundary" },
	{ TEXT(MODEL_PART END " "), "goes on after" },
	{ TEXT(MODEL_PART END "{\"model\":\"y\"}"), "goes on after" },
	{ TEXT(MODEL_PART END "\0"), "goes on after" },
	{ TEXT(MODEL_PART "--b-- "), "goes on after" },
	{ TEXT(MODEL_PART "--b-- \t\r\nepilogue\r\n--c\r\n"), "goes on after" },
	{ TEXT("--b \t\r\n" FORM "model\r\n\r\nm-1\r\n" END), "something after" },
	/* Cut short. */
	{ TEXT("--b"), "ends before" },
	{ TEXT("--b\r\n"), "ends before" },
	{ TEXT("--b-"), "ends before" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\n"), "ends before" },
	{ TEXT(MODEL_PART), "ends before" },
	{ TEXT(MODEL_PART "--b"), "ends before" },
	{ TEXT(MODEL_PART "--b-"), "ends before" },
	{ TEXT(MODEL_PART "--b--\r"), "ends before" },
	/* Lines that do not end with CR LF. */
	{ TEXT("--b\n" FORM "\"model\"\r\n\r\nm\r\n" END), "CR LF" },
	{ TEXT("--b\r" FORM "\"model\"\r\n\r\nm\r\n" END), "CR LF" },
	{ TEXT("--b\r\r\n" FORM "\"model\"\r\n\r\nm\r\n" END), "CR LF" },
	{ TEXT("--b\r\n" FORM "\"model\"\n\r\nm\r\n" END), "CR LF" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\n\nm\r\n" END), "CR LF" },
	{ TEXT("--b\r\n" FORM "\"x\"\r\n\r\nm\n" MODEL_PART END), "CR LF" },
	{ TEXT("--b\r\n" FORM "\"x\"\r\n\r\nm\r" MODEL_PART END), "CR LF" },
	{ TEXT("--b\r\n" FORM "\"x\"\r\n\r\nm\r\n\n" MODEL_PART END), "CR LF" },
	{ TEXT("--b\r\n" FORM "\"x\"\r\n\r\n\n" MODEL_PART END), "CR LF" },
	{ TEXT("--b\r\n" FORM "\"x\"\r\n\r\nm\r--\n" MODEL_PART END), "CR LF" },
	{ TEXT(MODEL_PART "--b--\n"), "CR LF" },
	{ TEXT(MODEL_PART "--b--\rx"), "CR LF" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\r\n\r\nm\r\n" END), "not well-formed" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\n\r\r\nm\r\n" END), "not well-formed" },
	/* Delimiters. */
	{ TEXT("--bc\r\n"), "something after" },
	{ TEXT("--b c\r\n"), "something after" },
	{ TEXT("--b -"), "something after" },
	{ TEXT(MODEL_PART "--b-x"), "something after" },
	{ TEXT(MODEL_PART "--b--x"), "goes on after" },
	{ TEXT(MODEL_PART "--b---"), "goes on after" },
	{ TEXT(MODEL_PART "--b--" MODEL_PART), "goes on after" },
	{ TEXT(MODEL_PART END MODEL_PART END), "goes on after" },
	{ TEXT(MODEL_PART END END), "goes on after" },
	{ TEXT(MODEL_PART "--b--\r\nx\n--b\n"), "goes on after" },
	{ TEXT("--b\r\n" FORM "\"x\"\r\n\r\n" END), "no empty line" },
	{ TEXT("--b\r\n" FORM "\"x\"\r\n\r\n" MODEL_PART END), "no empty line" },
	{ TEXT("--b\r\n" FORM "\"x\"\r\n" MODEL_PART END), "not well-formed" },
	/* Header lines. */
	{ TEXT("--b\r\n\r\nm\r\n" END), "no Content-Disposition" },
	{ TEXT("--b\r\nContent-Type: text/plain\r\n\r\nm\r\n" END), "no Content-Disposition" },
	{ TEXT("--b\r\nX\r\n\r\nm\r\n" END), "not well-formed" },
	{ TEXT("--b\r\n--b: x\r\n" FORM "x\r\n\r\nm\r\n" END), "not well-formed" },
	{ TEXT("--b\r\n" FORM "x\r\n--bc: x\r\n\r\nm\r\n" END), "not well-formed" },
	{ TEXT("--b\r\n: x\r\n\r\nm\r\n" END), "not well-formed" },
	{ TEXT("--b\r\nContent-Disposition : form-data; name=x\r\n\r\nm\r\n" END), "not well-formed" },
	{ TEXT("--b\r\n" FORM "\"mo\0del\"\r\n\r\nm\r\n" END), "not well-formed" },
	{ TEXT("--b\r\nX: \x1F\r\n\r\nm\r\n" END), "not well-formed" },
	{ TEXT("--b\r\n" FORM "x;\r\n name=model\r\n\r\nm\r\n" END), "folded" },
	{ TEXT("--b\r\n\tX: y\r\n\r\nm\r\n" END), "folded" },
	{ TEXT("--b\r\n" FORM "\"x\"\r\n" FORM "\"model\"\r\n\r\nm\r\n" END), "more than one Content-Disposition" },
	{ TEXT("--b\r\n" FORM "\"x\"\r\ncontent-disposition: file\r\n\r\nm\r\n" END), "more than one Content-Disposition" },
	{ TEXT("--b\r\nContent-Transfer-Encoding: base64\r\n" FORM "\"model\"\r\n\r\nbQ==\r\n" END), "Content-Transfer-Encoding" },
	{ TEXT("--b\r\n" FORM "\"model\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nm\r\n" END), "Content-Transfer-Encoding" },
	{ TEXT("--b\r\nContent-Disposition: attachment; name=\"model\"\r\n\r\nm\r\n" END), "not form-data" },
	{ TEXT("--b\r\nContent-Disposition: form-data; filename=\"model\"\r\n\r\nm\r\n" END), "no name" },
	{ TEXT("--b\r\n" FORM "\"x\"; name=\"model\"\r\n\r\nm\r\n" END), "more than one name" },
	{ TEXT("--b\r\n" FORM "\"x\"; name*=UTF-8''model\r\n\r\nm\r\n" END), "name*" },
	/* A field that counts, in another spelling, alone or beside it. */
	{ TEXT("--b\r\n" FORM "\"Model\"\r\n\r\nm\r\n" END), "read as another" },
	{ TEXT("--b\r\n" FORM "MODEL\r\n\r\nm\r\n" END), "read as another" },
	{ TEXT(MODEL_PART "--b\r\n" FORM "\" model\"\r\n\r\nm\r\n" END), "read as another" },
	{ TEXT(MODEL_PART "--b\r\n" FORM "\"model[]\"\r\n\r\nm\r\n" END), "read as another" },
	{ TEXT(MODEL_PART "--b\r\n" FORM "\"model[x\"\r\n\r\nm\r\n" END), "read as another" },
	{ TEXT(MODEL_PART "--b\r\n" FORM "\"\xC5\xBFtream\"\r\n\r\nm\r\n" END), "read as another" },
	{ TEXT("--b\r\n" FORM "\"mod\\el\"\r\n\r\nm\r\n" END), "escapes" },
	{ TEXT("--b\r\n" FORM "\"mod%65l\"\r\n\r\nm\r\n" END), "escapes" },
	{ TEXT("--b\r\n" FORM "\"__proto__\"\r\n\r\nm\r\n" END), "means something else" },
	/* A field that counts, again. */
	{ TEXT(MODEL_PART MODEL_PART END), "appears twice" },
	{ TEXT(MODEL_PART "--b\r\nX-Y: z\r\n" FORM "model\r\n\r\nm\r\n" END), "only files have" },
	{ TEXT("--b\r\n" FORM "model\r\n\r\n\r\n" MODEL_PART END), "appears twice" },
	{ TEXT(MODEL_PART "--b\r\n" FORM "stream\r\n\r\n1\r\n--b\r\n" FORM "stream\r\n\r\n1\r\n" END), "appears twice" },
};

/* Content-Types, with the boundary or, in parentheses, a piece of what is said. */
static const struct { const char *type, *boundary; } types[] = {
	{ "multipart/form-data; boundary=b", "b" },
	{ "multipart/form-data;boundary=b", "b" },
	{ "MULTIPART/Form-Data ; charset=utf-8;\tBOUNDARY=\"b\";", "b" },
	{ "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW", "----WebKitFormBoundary7MA4YWxkTrZu0gW" },
	{ "multipart/form-data; boundary=\"===============12==\"", "===============12==" },
	{ "multipart/form-data; boundary=----=_Part_1.2", "----=_Part_1.2" },
	{ "multipart/form-data; boundary=\"a b'()+_,-./:=?\"; x=y", "a b'()+_,-./:=?" },
	{ "multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890123456789",
	    "0123456789012345678901234567890123456789012345678901234567890123456789" },
	{ "multipart/form-data; boundary=01234567890123456789012345678901234567890123456789012345678901234567890", "(1 to 70" },
	{ "", "(not multipart/form-data" },
	{ "application/json", "(not multipart/form-data" },
	{ "multipart/mixed; boundary=b", "(not multipart/form-data" },
	{ "multipart/form-datax; boundary=b", "(not multipart/form-data" },
	{ "multipart/form-data", "(has no boundary" },
	{ "multipart/form-data;", "(has no boundary" },
	{ "multipart/form-data; charset=utf-8", "(has no boundary" },
	{ "multipart/form-data; boundary*=utf-8''b", "(has no boundary" },
	{ "multipart/form-data; boundary=", "(1 to 70" },
	{ "multipart/form-data; boundary=\"\"", "(1 to 70" },
	{ "multipart/form-data; boundary=\"b", "(well-formed" },
	{ "multipart/form-data; boundary=\"b \"", "(1 to 70" },
	{ "multipart/form-data; boundary=\"b\\c\"", "(1 to 70" },
	{ "multipart/form-data; boundary=b*c", "(1 to 70" },
	{ "multipart/form-data; boundary=b,c", "(1 to 70" },
	{ "multipart/form-data; boundary=\xC3\xA9", "(1 to 70" },
	{ "multipart/form-data boundary=b", "(well-formed" },
	{ "multipart/form-data; boundary =b", "(well-formed" },
	{ "multipart/form-data; boundary=b c", "(well-formed" },
	{ "multipart/form-data; boundary=b\"c\"", "(well-formed" },
	{ "multipart/form-data; boundary=b;;x=y", "(well-formed" },
	{ "multipart/form-data; boundary=b\r\nX: y", "(well-formed" },
	{ "multipart/form-data; boundary=b; boundary=c", "(more than one" },
	{ "multipart/form-data; boundary=b; Boundary=b", "(more than one" },
	{ "multipart/form-data; boundary=b; boundary*0=c", "(more than one" },
	{ "multipart/form-data; x=\"; boundary=c; \"; boundary=b", "(more than one" },
	{ "multipart/form-data; boundary=b; x=\"; boundary=c\"", "(more than one" },
};

struct outcome {
	enum err		 err;
	const char		*reason;
	struct multipart_range	 ranges[NAMES];
};

static struct multipart_scan *
scan_new(const char *type)
{
	struct multipart_scan *s = malloc(sizeof *s);

	assert_non_null(s);
	multipart_scan_init(s, type, &spelling);
	return s;
}

/* Feed a copy of exactly the right size, so that a sanitizer sees a step past. */
static void
feed(struct multipart_scan *s, const char *text, size_t n)
{
	char *copy = malloc(n == 0 ? 1 : n);

	assert_non_null(copy);
	memcpy(copy, text, n);
	multipart_scan_feed(s, copy, n);
	free(copy);
}

static struct outcome
scan_end(struct multipart_scan *s)
{
	struct outcome out;

	memset(&out, 0, sizeof out);
	out.err = multipart_scan_end(s);
	out.reason = s->reason;
	for (size_t i = 0; i < NAMES; i++) {
		out.ranges[i].start = s->ranges[i].start;
		out.ranges[i].end = s->ranges[i].end;
		out.ranges[i].found = s->ranges[i].found;
	}
	free(s);
	return out;
}

static struct outcome
scan_in_two(const char *type, const char *text, size_t n, size_t cut)
{
	struct multipart_scan *s = scan_new(type);

	feed(s, text, cut);
	feed(s, text + cut, n - cut);
	return scan_end(s);
}

static struct outcome
scan_in_steps(const char *type, const char *text, size_t n, size_t step)
{
	struct multipart_scan *s = scan_new(type);

	for (size_t i = 0; i < n; i += step)
		feed(s, text + i, n - i < step ? n - i : step);
	return scan_end(s);
}

static void
check_splits(const char *type, const char *text, size_t n,
    const struct outcome *want)
{
	struct outcome got;

	for (size_t cut = 0; cut <= n; cut++) {
		got = scan_in_two(type, text, n, cut);
		if (memcmp(&got, want, sizeof got) != 0)
			fail_msg("%s: cut at %zu: %s", text, cut, got.reason);
	}
	for (size_t step = 1; step < 8; step++) {
		got = scan_in_steps(type, text, n, step);
		if (memcmp(&got, want, sizeof got) != 0)
			fail_msg("%s: by %zu: %s", text, step, got.reason);
	}
}

static void
check_range(const struct multipart_range *range, const char *text,
    const char *want)
{
	assert_int_equal(range->found, want != NULL);
	if (want == NULL)
		return;
	assert_int_equal(range->end - range->start, strlen(want));
	assert_memory_equal(text + range->start, want, strlen(want));
}

static void
good_bodies_pass_in_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct outcome out = scan_in_two(TYPE, good[i].text, good[i].n, 0);

		if (out.err != ERR_NONE)
			fail_msg("%s: %s", good[i].text, out.reason);
		assert_null(out.reason);
		check_range(&out.ranges[MODEL], good[i].text, good[i].model);
		check_splits(TYPE, good[i].text, good[i].n, &out);
	}
}

static void
bad_bodies_fail_in_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct outcome out = scan_in_two(TYPE, bad[i].text, bad[i].n, 0);

		if (out.err != ERR_MULTIPART)
			fail_msg("passed: %s", bad[i].text);
		if (strstr(out.reason, bad[i].reason) == NULL)
			fail_msg("%s: %s", bad[i].text, out.reason);
		check_splits(TYPE, bad[i].text, bad[i].n, &out);
	}
}

/* No part of a body that has its end can be missed without notice. */
static void
prefixes_of_good_bodies_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		const char *last = NULL;

		for (const char *p = good[i].text; (p = memmem(p, good[i].n -
		    (size_t)(p - good[i].text), "--b--", 5)) != NULL; p++)
			last = p;
		for (size_t n = 0; n < (size_t)(last - good[i].text) + 5; n++)
			assert_int_equal(scan_in_two(TYPE, good[i].text, n, n / 2).err,
			    ERR_MULTIPART);
	}
}

static void
boundaries_are_taken_from_the_content_type(void **state)
{
	char body[256];

	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		const char *want = types[i].boundary;
		int n = snprintf(body, sizeof body, "--%s\r\n" FORM
		    "model\r\n\r\nm\r\n--%s--\r\n", want, want);
		struct outcome out = scan_in_two(types[i].type, body, (size_t)n, 0);

		if (want[0] == '(') {
			assert_int_equal(out.err, ERR_MULTIPART);
			if (strstr(out.reason, want + 1) == NULL)
				fail_msg("%s: %s", types[i].type, out.reason);
			continue;
		}
		if (out.err != ERR_NONE)
			fail_msg("%s: %s", types[i].type, out.reason);
		check_range(&out.ranges[MODEL], body, "m");
		check_splits(types[i].type, body, (size_t)n, &out);
	}
}

/* What an upstream reads is that boundary, however the client wrote it. */
static void
the_type_is_written_anew(void **state)
{
	char	 out[MULTIPART_TYPE_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct multipart_scan *s = scan_new(types[i].type);

		if (s->err == ERR_NONE) {
			const char *want = types[i].boundary;
			bool bare = strpbrk(want, " ()/:=?,") == NULL;
			char text[200];

			multipart_write_type(s, out);
			snprintf(text, sizeof text,
			    bare ? "multipart/form-data; boundary=%s" :
			    "multipart/form-data; boundary=\"%s\"", want);
			assert_string_equal(out, text);
		}
		free(s);
	}
}

static void
no_content_type_is_no_boundary(void **state)
{
	struct outcome out = scan_in_two(NULL, TEXT(MODEL_PART END), 0);

	(void)state;
	assert_int_equal(out.err, ERR_MULTIPART);
	assert_non_null(strstr(out.reason, "not multipart/form-data"));
}

/* A boundary that is like itself when shifted, in content that is like it. */
static void
boundaries_of_dashes_are_found(void **state)
{
	static const char type[] = "multipart/form-data; boundary=---a---a-";
	static const char body[] = "-----a---a-\r\n" FORM "model\r\n\r\n"
	    "-----a---a\r\n-----a--\r\n------a---a-\r\n-----a---a\r-----a---\r\n"
	    "-----a---a-\r\n" FORM "stream\r\n\r\n1\r\n-----a---a---\r\n";
	struct outcome out = scan_in_two(type, TEXT(body), 0);

	(void)state;
	assert_int_equal(out.err, ERR_NONE);
	check_range(&out.ranges[MODEL], body, "-----a---a\r\n-----a--\r\n"
	    "------a---a-\r\n-----a---a\r-----a---");
	check_range(&out.ranges[STREAM], body, "1");
	check_splits(type, TEXT(body), &out);
}

/* What a quote or an escape hides from one parser another may see. */
static void
names_in_quotes_are_refused(void **state)
{
	static const char *const values[] = {
		"\"x\"; filename=\"; name=model\"",
		"\"x\"; filename=\"a;name=model;b\"",
		"\"x\"; filename=\"\\\"; name=model; a=\\\"\"",
		"\"x\"; filename=\"\\\"\"; a=\"; name=model; b=\"",
		"\"x\"; filename=\"a; NAME\t*=model\"",
	};
	char body[256];

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		int n = snprintf(body, sizeof body, "--b\r\n" FORM
		    "%s\r\n\r\nm\r\n" END, values[i]);
		struct outcome out = scan_in_two(TYPE, body, (size_t)n, 0);

		assert_int_equal(out.err, ERR_MULTIPART);
		assert_non_null(strstr(out.reason, "more than one name"));
	}
}

/* BEFORE, N times FILL, AFTER. The caller frees it. */
static char *
long_text(const char *before, char fill, size_t n, const char *after, size_t *len)
{
	char *text = malloc(strlen(before) + n + strlen(after) + 1);

	assert_non_null(text);
	memcpy(text, before, strlen(before));
	memset(text + strlen(before), fill, n);
	memcpy(text + strlen(before) + n, after, strlen(after) + 1);
	*len = strlen(before) + n + strlen(after);
	return text;
}

/* Both in one piece and in pieces: ERR_NONE if REASON is NULL. */
static void
check_long(const char *before, char fill, size_t fills, const char *after,
    const char *reason)
{
	static const size_t steps[] = { 1, 100, 4096, 1 << 20 };
	size_t n;
	char *text = long_text(before, fill, fills, after, &n);

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		struct outcome out = scan_in_steps(TYPE, text, n, steps[i]);

		assert_int_equal(out.err == ERR_NONE, reason == NULL);
		if (reason == NULL)
			check_range(&out.ranges[MODEL], text, "m-1");
		else if (strstr(out.reason, reason) == NULL)
			fail_msg("%s", out.reason);
	}
	free(text);
}

static void
headers_have_a_limit(void **state)
{
	static const char before[] = MODEL_PART "--b\r\n" FORM "x\r\nX: ";
	static const char after[] = "\r\n\r\n\r\n" END;
	size_t room = MULTIPART_HEADERS_MAX - (sizeof before -
	    sizeof MODEL_PART - 5) - 4;

	(void)state;
	check_long(before, 'x', room, after, NULL);
	check_long(before, 'x', room + 1, after, "16384");
	check_long(before, 'x', 1 << 20, after, "16384");
	check_long("--b\r\n", 'x', 1 << 20, "", "16384");
}

static void
nothing_comes_before_and_behind(void **state)
{
	static const char *const fills = "x\n\r \0{";

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		check_long("", fills[i], 1 << 20, "\r\n" MODEL_PART END,
		    "does not start");
		check_long(MODEL_PART END, fills[i], 1 << 20, "", "goes on");
	}
}

static void
contents_have_no_limit(void **state)
{
	static const char *const fills = "x\r\n-b";

	(void)state;
	for (const char *fill = fills; *fill != '\0'; fill++) {
		check_long(MODEL_PART "--b\r\n" FORM "file\r\n\r\n", *fill, 300000,
		    "\r\n" END, NULL);
		check_long("--b\r\n" FORM "file\r\n\r\n", *fill, 300000,
		    "\r\n" MODEL_PART END, NULL);
	}
}

static void
parts_have_a_limit(void **state)
{
	static const char part[] = "--b\r\n" FORM "x\r\n\r\n\r\n";

	(void)state;
	for (int parts = MULTIPART_PARTS_MAX; parts <= MULTIPART_PARTS_MAX + 1; parts++) {
		struct multipart_scan *s = scan_new(TYPE);
		struct outcome out;

		for (int i = 0; i < parts; i++)
			feed(s, TEXT(part));
		feed(s, TEXT(END));
		out = scan_end(s);
		if (parts <= MULTIPART_PARTS_MAX)
			assert_int_equal(out.err, ERR_NONE);
		else
			assert_non_null(strstr(out.reason, "1000 parts"));
	}
}

static void
errors_stay(void **state)
{
	struct multipart_scan *s = scan_new(TYPE);

	(void)state;
	feed(s, TEXT("--b\r\n\r\n"));
	assert_int_equal(s->err, ERR_MULTIPART);
	assert_int_equal(multipart_scan_feed(s, TEXT(MODEL_PART END)), ERR_MULTIPART);
	assert_false(s->ranges[MODEL].found);
	assert_non_null(strstr(scan_end(s).reason, "no Content-Disposition"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_bodies_pass_in_every_split),
		cmocka_unit_test(bad_bodies_fail_in_every_split),
		cmocka_unit_test(prefixes_of_good_bodies_are_refused),
		cmocka_unit_test(boundaries_are_taken_from_the_content_type),
		cmocka_unit_test(the_type_is_written_anew),
		cmocka_unit_test(no_content_type_is_no_boundary),
		cmocka_unit_test(boundaries_of_dashes_are_found),
		cmocka_unit_test(names_in_quotes_are_refused),
		cmocka_unit_test(headers_have_a_limit),
		cmocka_unit_test(nothing_comes_before_and_behind),
		cmocka_unit_test(contents_have_no_limit),
		cmocka_unit_test(parts_have_a_limit),
		cmocka_unit_test(errors_stay),
	};

	spelling_init(&spelling);
	for (size_t i = 0; i < NAMES; i++)
		spelling_add(&spelling, names[i]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
