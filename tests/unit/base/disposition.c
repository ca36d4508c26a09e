/* The name of a part: found, or refused with the reason. */
#include "config.h"

#include "base/disposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct { const char *value, *name; } good[] = {
	{ "form-data; name=x", "x" },
	{ " \tForm-Data ;NAME=\"x\";", "x" },
	{ "form-data; name=\"\"", "" },
	{ "form-data; name=\"a b;c\"", "a b;c" },
	{ "form-data; name=\"x[]\"; filename=\"y\"; filename*=utf-8''y", "x[]" },
	{ "form-data; filename=\"C:\\a\\\"b\"; name=\"x\"", "x" },
	{ "form-data; filename=\"my;name\"; name=x", "x" },
	{ "form-data; filename=\"a?name=b\"; name=x", "x" },
	{ "form-data; name=\"a%zz%4\"", "a%zz%4" },
	{ "form-data; name=\"a?=\"; filename=\"=?utf-8?q?x?=\"", "a?=" },
	{ "form-data; name=\"%\"", "%" },
	{ "form-data; name=\"\xC3\xA9\"", "\xC3\xA9" },
};

/* With a piece of what is said. */
static const struct { const char *value, *reason; } bad[] = {
	{ "", "not form-data" },
	{ "file; name=x", "not form-data" },
	{ "form-data2; name=x", "not form-data" },
	{ "\"form-data\"; name=x", "not form-data" },
	{ "form-data", "no name" },
	{ "form-data; filename=x", "no name" },
	{ "form-data; filename=\"; name=x\"", "no name" },
	{ "form-data name=x", "not well-formed" },
	{ "form-data; name", "not well-formed" },
	{ "form-data; name=", "not well-formed" },
	{ "form-data; name=a[]", "not well-formed" },
	{ "form-data; name=\xC3\xA9", "not well-formed" },
	{ "form-data; name=\"x", "not well-formed" },
	{ "form-data; name=\"x\" y", "not well-formed" },
	{ "form-data; name=\"x\"; filename=\"a\"b\"", "not well-formed" },
	{ "form-data; name=x; name=x", "more than one name" },
	{ "form-data; name=x; Name=\"y\"", "more than one name" },
	{ "form-data; name=x; filename=\";name=y\"", "more than one name" },
	{ "form-data; name=x; filename=\"; name = y\"", "more than one name" },
	{ "form-data; filename=\"\\\"; name=y; a=\\\"\"; name=x", "more than one name" },
	{ "form-data; name*=utf-8''x", "name*" },
	{ "form-data; NAME*0=x", "name*" },
	{ "form-data; name=x; name*=utf-8''y", "name*" },
	{ "form-data; name=\"mod\\el\"", "escapes" },
	{ "form-data; name=\"model\\\\\"", "escapes" },
	{ "form-data; name=\"model\\\"\"", "escapes" },
	{ "form-data; name=\"mod%65l\"", "escapes" },
	{ "form-data; name=mod%65l", "escapes" },
	{ "form-data; name=\"%2541\"", "escapes" },
	{ "form-data; name=\"a%0D%0a\"", "escapes" },
	{ "form-data; name='model'", "escapes" },
	{ "form-data; name=\"'model'\"", "escapes" },
	{ "form-data; name=\"=?utf-8?B?bW9kZWw=?=\"", "escapes" },
	{ "form-data; name=\"a=?\"", "escapes" },
	{ "form-data; name=\"model\xFF\"", "escapes" },
	{ "form-data; name=\"\xC3\"", "escapes" },
};

static void
names_are_found(void **state)
{
	char value[256];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		size_t n = (size_t)snprintf(value, sizeof value, "%s", good[i].value);
		struct param_text name;
		bool is_file;
		const char *reason = disposition_parse(
		    (struct param_text){ value, n }, &name, &is_file);

		if (reason != NULL)
			fail_msg("%s: %s", good[i].value, reason);
		assert_int_equal(name.n, strlen(good[i].name));
		assert_memory_equal(name.p, good[i].name, name.n);
		assert_int_equal(is_file, strstr(good[i].value, "filename") != NULL);
		assert_true(name.p >= value && name.p + name.n <= value + n);
	}
}

static void
what_is_doubtful_is_refused(void **state)
{
	char value[256];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		size_t n = (size_t)snprintf(value, sizeof value, "%s", bad[i].value);
		struct param_text name;
		bool is_file;
		const char *reason = disposition_parse(
		    (struct param_text){ value, n }, &name, &is_file);

		if (reason == NULL || strstr(reason, bad[i].reason) == NULL)
			fail_msg("%s: %s", bad[i].value, reason);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found),
		cmocka_unit_test(what_is_doubtful_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
