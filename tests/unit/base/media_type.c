/* What a Content-Type names, in many spellings. */
#include "config.h"

#include "base/media_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct { const char *text; enum media_type type; } cases[] = {
	{ NULL, MEDIA_TYPE_NONE },
	{ "", MEDIA_TYPE_NONE },
	{ " \t", MEDIA_TYPE_NONE },
	{ "application/json", MEDIA_TYPE_JSON },
	{ " Application/JSON ; ", MEDIA_TYPE_JSON },
	{ "application/json;charset=utf-8", MEDIA_TYPE_JSON },
	{ "application/json; CHARSET=\"Utf-8\"", MEDIA_TYPE_JSON },
	{ "application/json; charset=utf8;", MEDIA_TYPE_JSON },
	{ "application/json; charset=US-ASCII", MEDIA_TYPE_JSON },
	{ "application/json; a=b; charset=utf-8; c=\"charset=utf-7\"", MEDIA_TYPE_JSON },
	{ "application/json; xcharset=utf-7", MEDIA_TYPE_JSON },
	{ "application/ld+json", MEDIA_TYPE_JSON },
	{ "application/vnd.a-b.c+d+JSON; charset=utf-8", MEDIA_TYPE_JSON },
	{ "application/x-www-form-urlencoded", MEDIA_TYPE_URLENCODED },
	{ "Application/X-WWW-Form-Urlencoded; charset=UTF-8", MEDIA_TYPE_URLENCODED },
	{ "multipart/form-data", MEDIA_TYPE_FORM },
	{ "Multipart/Form-Data; boundary", MEDIA_TYPE_FORM },
	{ "multipart/form-data; boundary=b; charset=utf-8; x=y", MEDIA_TYPE_FORM },
	{ "multipart/form-data; boundary=b; x", MEDIA_TYPE_FORM },
	{ "multipart/form-data; boundary=\x01", MEDIA_TYPE_FORM },
	{ "multipart/form-data; boundary=b; charset=utf-7", MEDIA_TYPE_CHARSET },
	{ "multipart/form-data; charset=utf-8; charset=\"utf-16\"; boundary=b", MEDIA_TYPE_CHARSET },
	{ "application/json; charset=utf-7", MEDIA_TYPE_CHARSET },
	{ "application/json; charset=", MEDIA_TYPE_CHARSET },
	{ "application/json; charset=\"\"", MEDIA_TYPE_CHARSET },
	{ "application/json; charset=\" utf-8\"", MEDIA_TYPE_CHARSET },
	{ "application/json; charset=\"utf\\-8\"", MEDIA_TYPE_CHARSET },
	{ "application/json; charset='utf-8'", MEDIA_TYPE_CHARSET },
	{ "application/json; charset=utf-8,utf-7", MEDIA_TYPE_CHARSET },
	{ "application/json; charset=utf-8; charset=utf-8", MEDIA_TYPE_CHARSET },
	{ "application/json; charset=utf-8; charset=utf-7", MEDIA_TYPE_CHARSET },
	{ "application/json; charset*=utf-8''utf-7", MEDIA_TYPE_CHARSET },
	{ "application/json; charset*0=utf; charset*1=-7", MEDIA_TYPE_CHARSET },
	{ "application/x-www-form-urlencoded; charset=utf-16", MEDIA_TYPE_CHARSET },
	{ "; charset=utf-7", MEDIA_TYPE_CHARSET },
	{ "application/x+json; charset=utf-7", MEDIA_TYPE_CHARSET },
	{ "text/plain", MEDIA_TYPE_OTHER },
	{ "text/json", MEDIA_TYPE_OTHER },
	{ "text/x+json", MEDIA_TYPE_OTHER },
	{ "application/+json", MEDIA_TYPE_OTHER },
	{ "application/a/b+json", MEDIA_TYPE_OTHER },
	{ "application/a,b+json", MEDIA_TYPE_OTHER },
	{ "application/x+jsonp", MEDIA_TYPE_OTHER },
	{ "application/jsonx", MEDIA_TYPE_OTHER },
	{ "xapplication/json", MEDIA_TYPE_OTHER },
	{ "application/json,application/json", MEDIA_TYPE_OTHER },
	{ "application/json, text/plain", MEDIA_TYPE_OTHER },
	{ "application /json", MEDIA_TYPE_OTHER },
	{ "application/json charset=utf-8", MEDIA_TYPE_OTHER },
	{ "application/json; charset", MEDIA_TYPE_OTHER },
	{ "application/json; charset =utf-8", MEDIA_TYPE_OTHER },
	{ "application/json; charset= utf-8", MEDIA_TYPE_CHARSET },
	{ "application/json; charset=\"utf-8", MEDIA_TYPE_OTHER },
	{ "application/json; charset=utf-8\x01", MEDIA_TYPE_OTHER },
	{ "application/json; a=\"\r\n\"", MEDIA_TYPE_OTHER },
	{ "application/json;; charset=utf-8", MEDIA_TYPE_OTHER },
	{ "application/json; (x) charset=utf-7", MEDIA_TYPE_OTHER },
	{ "application/x-www-form-urlencoded-x", MEDIA_TYPE_OTHER },
	{ "multipart/mixed; boundary=b", MEDIA_TYPE_OTHER },
	{ "x; y=json", MEDIA_TYPE_OTHER },
	{ "json", MEDIA_TYPE_OTHER },
};

static void
types_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		/* A copy, so that a sanitizer sees a step past. */
		char *copy = cases[i].text == NULL ? NULL : strdup(cases[i].text);
		enum media_type type = media_type_parse(copy);

		free(copy);
		if (type != cases[i].type)
			fail_msg("%s: %d", cases[i].text, type);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_told_apart),
	};

	return cmocka_run_group_tests_name("media_type", tests, NULL, NULL);
}
