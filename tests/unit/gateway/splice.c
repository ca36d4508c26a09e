/* Random edits of random bodies against the plain way to do them. */
#include "config.h"

#include "gateway/splice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void
spool_text(struct spool *s, size_t memory, const char *text, size_t n)
{
	spool_init(s, memory);
	assert_int_equal(spool_append(s, text, n), ERR_NONE);
}

/* All of the result, read SIZE bytes at a time. */
static void
assert_result(const struct splice *s, const struct buf *want, size_t size)
{
	char	 out[512];
	size_t	 at = 0, left;
	ssize_t	 n;

	assert_int_equal(s->len, buf_len(want));
	for (;;) {
		n = splice_read(s, at, out, size);
		left = buf_len(want) - at;
		assert_int_equal(n, left < size ? left : size);
		if (n == 0)
			return;
		assert_memory_equal(out, buf_data(want) + at, n);
		at += (size_t)n;
	}
}

static void
assert_every_offset(const struct splice *s, const struct buf *want)
{
	char	 out[70];

	for (size_t at = 0; at <= buf_len(want) + 2; at++) {
		size_t	 left = at < buf_len(want) ? buf_len(want) - at : 0;
		size_t	 n = left < sizeof(out) ? left : sizeof(out);

		assert_int_equal(splice_read(s, at, out, sizeof(out)), n);
		assert_memory_equal(out, buf_data(want) + at, n);
	}
}

/* Up to SPLICE_EDITS_MAX edits at random places, in order. */
static void
edit_at_random(struct splice *s, const char *text, size_t len,
    struct buf *want)
{
	static const char words[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	size_t	 at = 0;

	for (int i = rand() % (SPLICE_EDITS_MAX + 1); i > 0; i--) {
		size_t start = at + (size_t)rand() % (len - at + 1);
		size_t end = start + (size_t)rand() % (len - start + 1);
		size_t n = (size_t)rand() % sizeof(words);

		if (rand() % 3 == 0)
			end = start;
		splice_replace(s, start, end, words, n);
		buf_append(want, text + at, start - at);
		buf_append(want, words, n);
		at = end;
	}
	buf_append(want, text + at, len - at);
}

static void
random_edits_are_right(void **state)
{
	char	 text[300];

	(void)state;
	srand(5);
	for (int i = 0; i < 600; i++) {
		size_t	 len = (size_t)rand() % sizeof(text);
		struct spool source;
		struct splice s;
		struct buf want;

		for (size_t j = 0; j < len; j++)
			text[j] = (char)rand();
		spool_text(&source, i % 2 == 0 ? 1000 : 0, text, len);
		buf_init(&want, 4096);
		splice_init(&s, &source);
		edit_at_random(&s, text, len, &want);
		assert_result(&s, &want, 1 + (size_t)rand() % 500);
		assert_every_offset(&s, &want);
		buf_fini(&want);
		spool_fini(&source);
	}
}

static void
without_edits_the_bytes_are_the_same(void **state)
{
	struct spool source;
	struct splice s;
	char	 out[16];

	(void)state;
	spool_text(&source, 100, "{\"a\":1}", 7);
	splice_init(&s, &source);
	assert_int_equal(s.len, 7);
	assert_int_equal(splice_read(&s, 0, out, sizeof(out)), 7);
	assert_memory_equal(out, "{\"a\":1}", 7);
	spool_fini(&source);
}

static void
edits_may_touch_each_other_and_both_ends(void **state)
{
	struct spool source;
	struct splice s;
	char	 out[16];

	(void)state;
	spool_text(&source, 100, "abcdef", 6);
	splice_init(&s, &source);
	splice_replace(&s, 0, 2, "AB", 2);
	splice_replace(&s, 2, 2, "-", 1);
	splice_replace(&s, 2, 6, "", 0);
	splice_replace(&s, 6, 6, "!", 1);
	assert_int_equal(s.len, 4);
	assert_int_equal(splice_read(&s, 0, out, sizeof(out)), 4);
	assert_memory_equal(out, "AB-!", 4);
	spool_fini(&source);
}

static void
edits_come_in_any_order(void **state)
{
	struct spool source;
	struct splice s;
	char	 out[16];

	(void)state;
	spool_text(&source, 100, "abcdef", 6);
	splice_init(&s, &source);
	splice_replace(&s, 6, 6, "!", 1);
	splice_replace(&s, 1, 1, "1", 1);
	splice_replace(&s, 3, 5, "DE", 2);
	splice_replace(&s, 1, 1, "2", 1);
	splice_replace(&s, 0, 0, "-", 1);
	splice_replace(&s, 1, 1, "3", 1);
	assert_int_equal(s.len, 11);
	assert_int_equal(splice_read(&s, 0, out, sizeof(out)), 11);
	assert_memory_equal(out, "-a123bcDEf!", 11);
	spool_fini(&source);
}

static void
an_empty_source_can_be_filled(void **state)
{
	struct spool source;
	struct splice s;
	char	 out[16];

	(void)state;
	spool_init(&source, 10);
	splice_init(&s, &source);
	assert_int_equal(splice_read(&s, 0, out, sizeof(out)), 0);
	splice_replace(&s, 0, 0, "text", 4);
	assert_int_equal(splice_read(&s, 0, out, sizeof(out)), 4);
	assert_int_equal(splice_read(&s, 4, out, sizeof(out)), 0);
	assert_int_equal(splice_read(&s, 1000, out, sizeof(out)), 0);
	spool_fini(&source);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_edits_are_right),
		cmocka_unit_test(without_edits_the_bytes_are_the_same),
		cmocka_unit_test(edits_may_touch_each_other_and_both_ends),
		cmocka_unit_test(edits_come_in_any_order),
		cmocka_unit_test(an_empty_source_can_be_filled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
