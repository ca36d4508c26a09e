/* Reason phrases, and what may stand in a header field. */
#include "config.h"

#include "base/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void
reasons_are_those_of_the_rfc(void **state)
{
	(void)state;
	assert_string_equal(http_reason(200), "OK");
	assert_string_equal(http_reason(413), "Content Too Large");
	assert_string_equal(http_reason(429), "Too Many Requests");
	assert_string_equal(http_reason(504), "Gateway Timeout");
}

static void
every_status_has_some_reason(void **state)
{
	(void)state;
	for (int status = -1; status < 1000; status++) {
		const char *reason = http_reason(status);

		assert_true(strlen(reason) > 1);
		assert_true(http_is_field_value(reason, strlen(reason)));
	}
	assert_string_equal(http_reason(299), "Status");
}

static void
our_own_statuses_have_names(void **state)
{
	(void)state;
	for (int i = ERR_BAD_REQUEST; i < ERR__MAX; i++)
		if (err_get((enum err)i)->status != 0)
			assert_string_not_equal(http_reason(
			    err_get((enum err)i)->status), "Status");
}

static void
values_hold_no_control_characters(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		char text[3] = { 'a', (char)c, 'b' };
		bool good = (c >= 0x20 && c != 0x7f) || c == '\t';

		assert_int_equal(http_is_field_value(text, 3), good);
		assert_int_equal(http_is_field_value(text + 1, 1), good);
	}
	assert_true(http_is_field_value("", 0));
	assert_false(http_is_field_value("a\r\nX: y", 7));
}

static void
tokens_are_rfc_tokens(void **state)
{
	static const char good[] =
	    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	(void)state;
	assert_true(http_is_token(good, strlen(good)));
	for (int c = 0; c < 256; c++) {
		char text[2] = { 'a', (char)c };

		assert_int_equal(http_is_token(text, 2),
		    c != 0 && strchr(good, c) != NULL);
	}
	assert_false(http_is_token("", 0));
	assert_false(http_is_token("X: y", 4));
}

static void
names_are_the_same_in_any_case(void **state)
{
	(void)state;
	assert_true(http_is_name("X-Request-ID: y", 12, "x-request-id"));
	assert_false(http_is_name("x-request-id", 11, "x-request-id"));
	assert_false(http_is_name("x-request-ida", 13, "x-request-id"));
	assert_false(http_is_name("", 0, "x"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons_are_those_of_the_rfc),
		cmocka_unit_test(every_status_has_some_reason),
		cmocka_unit_test(our_own_statuses_have_names),
		cmocka_unit_test(values_hold_no_control_characters),
		cmocka_unit_test(tokens_are_rfc_tokens),
		cmocka_unit_test(names_are_the_same_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
