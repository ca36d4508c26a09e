/* Request ids: their form, and that none comes twice. */
#include "config.h"

#include "base/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

static int
set_up(void **state)
{
	(void)state;
	return sodium_init() < 0;
}

static void
an_id_is_req_and_thirty_digits(void **state)
{
	char id[ID_SIZE];

	(void)state;
	for (int i = 0; i < 100; i++) {
		memset(id, 'x', sizeof(id));
		id_make(id);
		assert_memory_equal(id, "req_", 4);
		assert_int_equal(strlen(id), 34);
		assert_int_equal(strspn(id + 4, "0123456789abcdef"), 30);
	}
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, ID_SIZE);
}

static void
no_id_comes_twice(void **state)
{
	enum { COUNT = 10000 };
	static char ids[COUNT][ID_SIZE];

	(void)state;
	for (int i = 0; i < COUNT; i++)
		id_make(ids[i]);
	qsort(ids, COUNT, sizeof(ids[0]), compare);
	for (int i = 1; i < COUNT; i++)
		assert_string_not_equal(ids[i - 1], ids[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_req_and_thirty_digits),
		cmocka_unit_test(no_id_comes_twice),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
