/* Waits in every form, and what is none. */
#include "config.h"

#include "upstream/retry_after.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "upstream/attempt.h"

#define DAY_MS 86400000

/* Sun, 06 Nov 1994 08:49:37.25 GMT, the RFC's own example and a bit. */
#define NOW_US (784111777u * UINT64_C(1000000) + 250000)

static const struct { const char *name, *value; int64_t ms; } fields[] = {
	/* Seconds. */
	{ "retry-after", "0", 0 },
	{ "retry-after", "1", 1000 },
	{ "Retry-After", "120", 120000 },
	{ "RETRY-AFTER", " 7\t", 7000 },
	{ "retry-after", "0.5", 500 },
	{ "retry-after", "1.2345", 1235 },
	{ "retry-after", "1.2340", 1234 },
	{ "retry-after", "2.", 2000 },
	{ "retry-after", "86400", DAY_MS },
	{ "retry-after", "86401", -1 },
	{ "retry-after", "86400.0001", -1 },
	{ "retry-after", "99999999999999999999999999999999", -1 },
	{ "retry-after", "-1", -1 },
	{ "retry-after", "+1", -1 },
	{ "retry-after", "1e9", -1 },
	{ "retry-after", "0x10", -1 },
	{ "retry-after", ".5", -1 },
	{ "retry-after", "1.2.3", -1 },
	{ "retry-after", "1 2", -1 },
	{ "retry-after", "1s", -1 },
	{ "retry-after", "inf", -1 },
	{ "retry-after", "", -1 },
	{ "retry-after", "   ", -1 },
	{ "retry-after", "soon", -1 },

	/* Milliseconds. */
	{ "retry-after-ms", "1500", 1500 },
	{ "Retry-After-Ms", "0", 0 },
	{ "retry-after-ms", "12.3", 13 },
	{ "retry-after-ms", "12.000", 12 },
	{ "x-ms-retry-after-ms", "250", 250 },
	{ "X-MS-Retry-After-Ms", "86400000", DAY_MS },
	{ "X-MS-Retry-After-Ms", "86400001", -1 },
	{ "retry-after-ms", "-5", -1 },
	{ "retry-after-ms", "Sun, 06 Nov 1994 08:49:47 GMT", -1 },

	/* Dates. */
	{ "retry-after", "Sun, 06 Nov 1994 08:49:47 GMT", 9750 },
	{ "retry-after", "Sunday, 06-Nov-94 08:49:47 GMT", 9750 },
	{ "retry-after", "Sun Nov  6 08:49:47 1994", 9750 },
	{ "retry-after", "Thu, 17 Nov 1994 08:49:47 GMT", -1 },
	{ "retry-after", "Mon, 07 Nov 1994 08:49:38 GMT", -1 },
	{ "retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
	{ "retry-after", "Sat, 05 Nov 1994 08:49:47 GMT", 0 },
	{ "retry-after", "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
	{ "retry-after", "Mon, 07 Nov 1994 08:49:37 GMT", DAY_MS - 250 },
	{ "retry-after", "Fri, 31 Dec 9999 23:59:59 GMT", -1 },
	{ "retry-after", "Thu, 01 Jan 2099 00:00:00 GMT", -1 },
	{ "retry-after", "Sun, 06 Nov 1994 08:49:47", -1 },
	{ "retry-after", "Sun, 06 Nov 1994 08:49:47 GMT+1", -1 },
	{ "retry-after", "Sun, 06 Foo 1994 08:49:47 GMT", -1 },
	{ "retry-after", "Sun, 06 Nov 1994 25:49:47 GMT", -1 },

	/* Other fields. */
	{ "retry-afte", "1", -1 },
	{ "retry-after-m", "1", -1 },
	{ "x-retry-after", "1", -1 },
	{ "", "1", -1 },
};

static int64_t
parse(const char *name, const char *value, size_t value_len)
{
	size_t name_len = strlen(name);
	char *a = malloc(name_len + 1), *b = malloc(value_len + 1);
	int64_t ms;

	/* What follows a field's bytes is not its own. */
	memcpy(a, name, name_len);
	a[name_len] = '9';
	memcpy(b, value, value_len);
	b[value_len] = '9';
	ms = retry_after_parse(a, name_len, b, value_len, NOW_US);
	free(a);
	free(b);
	return ms;
}

static void
every_form_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		int64_t ms = parse(fields[i].name, fields[i].value,
		    strlen(fields[i].value));

		if (ms != fields[i].ms)
			fail_msg("%s: %s: %lld", fields[i].name,
			    fields[i].value, (long long)ms);
	}
}

static void
odd_bytes_are_no_wait(void **state)
{
	char value[1000];

	(void)state;
	assert_int_equal(parse("retry-after", "1\0", 2), -1);
	memset(value, '0', sizeof value);
	assert_int_equal(parse("retry-after", value, sizeof value), -1);
	assert_int_equal(parse("retry-after", value, 63), 0);
}

/* Field lines as attempt.c keeps them. */
static int64_t
find(const char *lines)
{
	struct attempt attempt = { .status = 429 };
	int64_t ms;

	buf_init(&attempt.fields, 4096);
	assert_int_equal(buf_puts(&attempt.fields, lines), ERR_NONE);
	ms = retry_after_find(&attempt, NOW_US);
	buf_fini(&attempt.fields);
	return ms;
}

static void
milliseconds_count_more_than_seconds(void **state)
{
	(void)state;
	assert_int_equal(find(""), -1);
	assert_int_equal(find("content-type: 5\n"), -1);
	assert_int_equal(find("retry-after: 2\n"), 2000);
	assert_int_equal(find("retry-after: 2\nretry-after-ms: 1500\n"), 1500);
	assert_int_equal(find("x-ms-retry-after-ms: 0\nretry-after: 2\n"), 0);
	assert_int_equal(find("retry-after-ms: x\nretry-after: 2\n"), 2000);
	assert_int_equal(find("retry-after: 2\nretry-after: 3\n"), 3000);
	assert_int_equal(find("retry-after: soon\n"), -1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_understood),
		cmocka_unit_test(odd_bytes_are_no_wait),
		cmocka_unit_test(milliseconds_count_more_than_seconds),
	};

	return cmocka_run_group_tests_name("retry_after", tests, NULL, NULL);
}
