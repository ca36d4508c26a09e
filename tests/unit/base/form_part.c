/* Headers of parts, good and bad, of a watched field and of others. */
#include "config.h"

#include "base/form_part.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FORM "Content-Disposition: form-data; name="
#define TYPE "Content-Type: "
#define CODING "Content-Transfer-Encoding: "
#define LINES_MAX 4

enum verdict { MODEL, LATIN, OTHER, BAD };

/* Lines, and what follows; of what is bad a piece of what is said. */
static const struct {
	const char *lines[LINES_MAX];
	enum verdict verdict;
	const char *reason;
} cases[] = {
	{ { FORM "model" }, MODEL, NULL },
	{ { FORM "\"model\"" }, MODEL, NULL },
	{ { FORM "model", TYPE "text/plain" }, MODEL, NULL },
	{ { TYPE "Text/Plain;charset=\"UTF-8\"", FORM "model" }, MODEL, NULL },
	{ { FORM "model", TYPE "text/plain; charset=us-ascii" }, MODEL, NULL },
	{ { FORM "model", TYPE "text/plain; charset=ISO-8859-1", CODING "8bit" }, LATIN, NULL },
	{ { FORM "model", CODING "7bit" }, MODEL, NULL },
	{ { FORM "model", CODING " Binary\t", "content-length: 5" }, MODEL, NULL },
	{ { FORM "x" }, OTHER, NULL },
	{ { FORM "\"file\"; filename=\"a\"", TYPE "audio/mpeg", CODING "base64", "X-Y: z" }, OTHER, NULL },
	{ { FORM "x", TYPE "application/json; charset=utf-16", "Content-Encoding: gzip" }, OTHER, NULL },
	/* A field that is watched is text, and says nothing else. */
	{ { FORM "model", TYPE "application/json" }, BAD, "text/plain in UTF-8" },
	{ { FORM "model", TYPE "text/html" }, BAD, "text/plain in UTF-8" },
	{ { FORM "model", TYPE "" }, BAD, "text/plain in UTF-8" },
	{ { FORM "model", TYPE "text/plain; charset=utf-7" }, BAD, "text/plain in UTF-8" },
	{ { FORM "model", TYPE "text/plain; charset=utf-16" }, BAD, "text/plain in UTF-8" },
	{ { FORM "model", TYPE "text/plain; charset=utf-8; charset=utf-7" }, BAD, "text/plain in UTF-8" },
	{ { FORM "model", TYPE "text/plain; charset*=utf-7" }, BAD, "text/plain in UTF-8" },
	{ { FORM "model", TYPE "text/plain; format=flowed" }, BAD, "text/plain in UTF-8" },
	{ { FORM "model", TYPE "text/plain charset=utf-7" }, BAD, "text/plain in UTF-8" },
	{ { FORM "model", CODING "base64" }, BAD, "Transfer-Encoding" },
	{ { FORM "model", CODING "quoted-printable" }, BAD, "Transfer-Encoding" },
	{ { CODING "x-uuencode", FORM "model" }, BAD, "Transfer-Encoding" },
	{ { FORM "model", CODING "8bit, base64" }, BAD, "Transfer-Encoding" },
	{ { FORM "model", CODING "8bit; base64" }, BAD, "Transfer-Encoding" },
	{ { FORM "model", CODING "" }, BAD, "Transfer-Encoding" },
	{ { FORM "model; filename=x" }, BAD, "sent as a file" },
	{ { FORM "model; filename=\"\"" }, BAD, "sent as a file" },
	{ { "Content-Disposition: form-data; FileName*=utf-8''x; name=model" }, BAD, "sent as a file" },
	{ { FORM "model", "Content-Encoding: gzip" }, BAD, "only files have" },
	{ { "Content-Language: en", FORM "model" }, BAD, "only files have" },
	{ { FORM "model", "Content-ID: <model>" }, BAD, "only files have" },
	/* Of no part. */
	{ { TYPE "text/plain" }, BAD, "no Content-Disposition" },
	{ { FORM "x", FORM "x" }, BAD, "more than one Content-Disposition" },
	{ { FORM "x", "content-disposition: form-data; name=model" }, BAD, "more than one Content-Disposition" },
	{ { FORM "x", TYPE "a/b", TYPE "a/b" }, BAD, "more than one Content-Type" },
	{ { FORM "x", CODING "8bit", CODING "base64" }, BAD, "more than one Content-Transfer-Encoding" },
	{ { FORM "x", TYPE "multipart/mixed; boundary=c" }, BAD, "parts of its own" },
	{ { FORM "x", TYPE "Message/RFC822" }, BAD, "parts of its own" },
	{ { FORM "x", " ; name=model" }, BAD, "folded" },
	{ { FORM "x", "\tname=model" }, BAD, "folded" },
	{ { FORM "x", "X" }, BAD, "not well-formed" },
	{ { FORM "x", ": y" }, BAD, "not well-formed" },
	{ { FORM "x", "X : y" }, BAD, "not well-formed" },
	{ { FORM "x", "X: \x01" }, BAD, "not well-formed" },
	{ { "Content-Disposition : form-data; name=model" }, BAD, "not well-formed" },
	{ { FORM "_charset_" }, BAD, "means something else" },
	{ { FORM "\"_Charset_\"" }, BAD, "means something else" },
	{ { FORM "__proto__" }, BAD, "means something else" },
	{ { FORM "Model" }, BAD, "read as another" },
	{ { FORM "\"model[]\"; filename=x" }, BAD, "read as another" },
};

static const char *
read_case(struct form_part *p, const struct spelling *s, size_t i)
{
	const char *reason = NULL;

	form_part_init(p);
	for (size_t k = 0; k < LINES_MAX && reason == NULL &&
	    cases[i].lines[k] != NULL; k++) {
		/* A copy, so that a sanitizer sees a step past. */
		size_t n = strlen(cases[i].lines[k]);
		char *copy = malloc(n + 1);

		assert_non_null(copy);
		memcpy(copy, cases[i].lines[k], n);
		reason = form_part_read(p, &(struct form_names){ s, s }, copy,
		    n);
		free(copy);
	}
	return reason == NULL ? form_part_end(p) : reason;
}

static void
what_a_watched_field_may_say(void **state)
{
	struct spelling s;
	struct form_part p;

	(void)state;
	spelling_init(&s);
	spelling_add(&s, "model");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *reason = read_case(&p, &s, i);

		if (cases[i].verdict == BAD) {
			if (reason == NULL ||
			    strstr(reason, cases[i].reason) == NULL)
				fail_msg("%s: %s", cases[i].lines[0], reason);
			continue;
		}
		if (reason != NULL)
			fail_msg("%s: %s", cases[i].lines[0], reason);
		assert_int_equal(p.watching, cases[i].verdict == OTHER ? -1 : 0);
		assert_int_equal(p.noted, cases[i].verdict != OTHER);
		if (cases[i].verdict != OTHER)
			assert_int_equal(p.is_ascii, cases[i].verdict == LATIN);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_watched_field_may_say),
	};

	return cmocka_run_group_tests_name("form_part", tests, NULL, NULL);
}
