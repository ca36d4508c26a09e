/* What is a traceparent, and what is made where there is none. */
#include "config.h"

#include "gateway/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/id.h"

#define ID	"0af7651916cd43dd8448eb211c80319c"
#define PARENT	"b7ad6b7169203331"

static void
good_ones_are_taken(void **state)
{
	(void)state;
	assert_true(trace_is_parent("00-" ID "-" PARENT "-01"));
	assert_true(trace_is_parent("00-" ID "-" PARENT "-00"));
	assert_true(trace_is_parent("cc-" ID "-" PARENT "-01"));
	assert_true(trace_is_parent("cc-" ID "-" PARENT "-01-what-comes"));
}

static void
bad_ones_are_not(void **state)
{
	static const char *const bad[] = {
		"", "00", "00-" ID "-" PARENT "-0",
		"00-" ID "-" PARENT "-01-more", "00-" ID "-" PARENT "-01x",
		"ff-" ID "-" PARENT "-01", "0g-" ID "-" PARENT "-01",
		"00-0AF7651916cd43dd8448eb211c80319c-" PARENT "-01",
		"00-00000000000000000000000000000000-" PARENT "-01",
		"00-" ID "-0000000000000000-01", "00_" ID "-" PARENT "-01",
		"00-" ID "_" PARENT "-01", "00-" ID "-" PARENT "_01",
		"00-" ID "-" PARENT "-0z", " 00-" ID "-" PARENT "-01",
	};

	(void)state;
	assert_false(trace_is_parent(NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(trace_is_parent(bad[i]));
}

static void
a_new_one_is_good_and_begins_with_the_request_id(void **state)
{
	struct arena arena;
	char	 id[ID_SIZE];
	const char *parent, *trace;

	(void)state;
	arena_init(&arena, 1000);
	id_make(id);
	parent = trace_make_parent(&arena, id);
	assert_true(trace_is_parent(parent));
	trace = trace_id(&arena, parent);
	assert_int_equal(strlen(trace), 32);
	assert_memory_equal(trace, id + 4, 30);
	assert_string_equal(trace_id(&arena, "00-" ID "-" PARENT "-01"), ID);
	arena_fini(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones_are_taken),
		cmocka_unit_test(bad_ones_are_not),
		cmocka_unit_test(
		    a_new_one_is_good_and_begins_with_the_request_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
