/* The buffer against a plain array, and its ceiling. */
#include "config.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
assert_holds(const struct buf *b, const void *bytes, size_t n)
{
	assert_int_equal(buf_len(b), n);
	assert_memory_equal(buf_data(b), bytes, n);
}

static void
an_empty_buffer_is_an_empty_text(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(buf_len(&b), 0);
	assert_string_equal(buf_data(&b), "");
	assert_int_equal(buf_append(&b, NULL, 0), ERR_NONE);
	assert_null(b.data);
	buf_fini(&b);
}

static void
the_ceiling_is_exact(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(buf_append(&b, "0123456789", 10), ERR_NONE);
	assert_int_equal(buf_append(&b, "x", 1), ERR_NO_MEMORY);
	assert_holds(&b, "0123456789", 10);
	buf_fini(&b);
	assert_int_equal(buf_append(&b, "0123456789a", 11), ERR_NO_MEMORY);
	assert_int_equal(buf_len(&b), 0);
	buf_fini(&b);
}

static void
what_was_consumed_does_not_count(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(buf_puts(&b, "0123456789"), ERR_NONE);
	buf_consume(&b, 4);
	assert_int_equal(buf_puts(&b, "abcde"), ERR_NO_MEMORY);
	assert_int_equal(buf_puts(&b, "abcd"), ERR_NONE);
	assert_holds(&b, "456789abcd", 10);
	buf_fini(&b);
}

static void
consuming_all_or_more_empties(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_puts(&b, "some");
	buf_consume(&b, 4);
	assert_int_equal(buf_len(&b), 0);
	buf_puts(&b, "more");
	buf_consume(&b, 400);
	assert_int_equal(buf_len(&b), 0);
	buf_puts(&b, "again");
	assert_holds(&b, "again", 5);
	buf_fini(&b);
}

static void
huge_lengths_are_refused_without_wrapping(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_puts(&b, "ten bytes.");
	assert_int_equal(buf_append(&b, "x", SIZE_MAX), ERR_NO_MEMORY);
	assert_int_equal(buf_append(&b, "x", SIZE_MAX - 9), ERR_NO_MEMORY);
	assert_holds(&b, "ten bytes.", 10);
	buf_fini(&b);
}

static void
printf_takes_any_length(void **state)
{
	static char long_text[5000];
	struct buf b;

	(void)state;
	buf_init(&b, 20000);
	for (size_t n = 250; n < 262; n++) {
		memset(long_text, 'x', n);
		long_text[n] = '\0';
		assert_int_equal(buf_printf(&b, "%s", long_text), ERR_NONE);
		assert_holds(&b, long_text, n);
		buf_fini(&b);
	}
	memset(long_text, 'y', sizeof(long_text) - 1);
	assert_int_equal(buf_printf(&b, "%d:%s.", 7, long_text), ERR_NONE);
	assert_int_equal(buf_len(&b), 2 + 4999 + 1);
	assert_memory_equal(buf_data(&b), "7:y", 3);
	assert_memory_equal(buf_data(&b) + 5000, "y.", 2);
	buf_fini(&b);
}

static void
a_refused_printf_leaves_the_buffer_as_it_was(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 12);
	buf_puts(&b, "before");
	assert_int_equal(buf_printf(&b, "%s", "too long"), ERR_NO_MEMORY);
	assert_int_equal(buf_printf(&b, "%300s", "far"), ERR_NO_MEMORY);
	assert_holds(&b, "before", 6);
	buf_fini(&b);
}

static void
the_ceiling_outlives_fini(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	buf_puts(&b, "full");
	buf_fini(&b);
	assert_null(b.data);
	assert_int_equal(buf_puts(&b, "fulls"), ERR_NO_MEMORY);
	assert_int_equal(buf_puts(&b, "full"), ERR_NONE);
	buf_fini(&b);
}

/* Any mix of appending and consuming. */
static void
it_is_a_queue(void **state)
{
	enum { MAX = 3000 };
	static char model[MAX], bytes[700];
	size_t len = 0, n;
	unsigned char next = 0;
	struct buf b;

	(void)state;
	srand(1);
	buf_init(&b, MAX);
	for (int i = 0; i < 20000; i++) {
		n = (size_t)rand() % sizeof(bytes);
		if (rand() % 2 == 0) {
			for (size_t j = 0; j < n; j++)
				bytes[j] = (char)next++;
			if (len + n > MAX) {
				assert_int_equal(buf_append(&b, bytes, n),
				    ERR_NO_MEMORY);
				continue;
			}
			assert_int_equal(buf_append(&b, bytes, n), ERR_NONE);
			memcpy(model + len, bytes, n);
			len += n;
		} else {
			n = n < len ? n : len;
			buf_consume(&b, n);
			memmove(model, model + n, len - n);
			len -= n;
		}
		assert_holds(&b, model, len);
	}
	assert_true(b.size <= 4 * MAX);
	buf_fini(&b);
}

static void
a_part_can_be_removed(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	buf_remove(&b, 0, 0);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(buf_puts(&b, "0123456789"), ERR_NONE);
	buf_consume(&b, 2);
	buf_remove(&b, 3, 0);
	assert_holds(&b, "23456789", 8);
	buf_remove(&b, 0, 1);
	assert_holds(&b, "3456789", 7);
	buf_remove(&b, 2, 3);
	assert_holds(&b, "3489", 4);
	buf_remove(&b, 3, 1);
	assert_holds(&b, "348", 3);
	assert_int_equal(buf_puts(&b, "abcdefg"), ERR_NONE);
	assert_holds(&b, "348abcdefg", 10);
	buf_remove(&b, 0, 10);
	assert_int_equal(buf_len(&b), 0);
	buf_remove(&b, 0, 0);
	assert_int_equal(buf_puts(&b, "0123456789"), ERR_NONE);
	assert_holds(&b, "0123456789", 10);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_is_an_empty_text),
		cmocka_unit_test(the_ceiling_is_exact),
		cmocka_unit_test(what_was_consumed_does_not_count),
		cmocka_unit_test(consuming_all_or_more_empties),
		cmocka_unit_test(huge_lengths_are_refused_without_wrapping),
		cmocka_unit_test(printf_takes_any_length),
		cmocka_unit_test(a_refused_printf_leaves_the_buffer_as_it_was),
		cmocka_unit_test(the_ceiling_outlives_fini),
		cmocka_unit_test(it_is_a_queue),
		cmocka_unit_test(a_part_can_be_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
