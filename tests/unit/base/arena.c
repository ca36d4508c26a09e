/* Memory of an arena: zeroed, aligned, never shared. */
#include "config.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
pieces_are_zeroed_and_aligned(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 64);
	for (size_t n = 0; n < 300; n++) {
		char *p = arena_alloc(&a, n);

		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n);
	}
	arena_fini(&a);
}

static void
pieces_do_not_overlap(void **state)
{
	enum { COUNT = 2000 };
	static unsigned char *pieces[COUNT];
	static size_t sizes[COUNT];
	struct arena a;

	(void)state;
	srand(2);
	arena_init(&a, 128);
	for (int i = 0; i < COUNT; i++) {
		sizes[i] = i % 100 == 0 ? 100000 : (size_t)rand() % 400;
		pieces[i] = arena_alloc(&a, sizes[i]);
		memset(pieces[i], i, sizes[i]);
	}
	for (int i = 0; i < COUNT; i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(pieces[i][j], (unsigned char)i);
	arena_fini(&a);
}

static void
texts_are_copied(void **state)
{
	char text[] = "some text";
	struct arena a;
	char *copy, *part;

	(void)state;
	arena_init(&a, 16);
	copy = arena_strdup(&a, text);
	part = arena_strndup(&a, text, 4);
	memset(text, 'x', sizeof(text) - 1);
	assert_string_equal(copy, "some text");
	assert_string_equal(part, "some");
	assert_string_equal(arena_strndup(&a, text, 0), "");
	assert_null(arena_strdup(&a, NULL));
	arena_fini(&a);
}

static void
printf_takes_any_length(void **state)
{
	struct arena a;
	char *text;

	(void)state;
	arena_init(&a, 16);
	assert_string_equal(arena_printf(&a, "%d-%s", 42, "b"), "42-b");
	text = arena_printf(&a, "%200000d", 7);
	assert_int_equal(strlen(text), 200000);
	assert_int_equal(text[199999], '7');
	arena_fini(&a);
}

static void
it_can_be_used_again(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1000);
	for (int i = 0; i < 100; i++) {
		assert_string_equal(arena_printf(&a, "%d", i),
		    arena_printf(&a, "%d", i));
		arena_alloc(&a, 5000);
		arena_fini(&a);
		assert_null(a.chunks);
	}
}

static void
a_first_size_of_zero_works(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	assert_non_null(arena_alloc(&a, 0));
	assert_string_equal(arena_strdup(&a, "a"), "a");
	assert_string_equal(arena_strdup(&a, "b"), "b");
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_and_aligned),
		cmocka_unit_test(pieces_do_not_overlap),
		cmocka_unit_test(texts_are_copied),
		cmocka_unit_test(printf_takes_any_length),
		cmocka_unit_test(it_can_be_used_again),
		cmocka_unit_test(a_first_size_of_zero_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
