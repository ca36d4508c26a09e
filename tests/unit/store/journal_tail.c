/* The journal backwards: every whole line, the newest first. */
#include "config.h"

#include "store/journal_tail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "store/journal_files.h"
#include "tests/unit/store/children.h"

enum { ALL = 1 << 30, BLOCK = 256 * 1024 };

struct fixture {
	struct place	*place;
	char		 told[4096];
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	x->place = place_make();
	assert_int_equal(mkdir(x->place->log, 0700), 0);
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	place_remove(x->place);
	free(x);
	return 0;
}

static FILE *
open_file(struct fixture *x, const char *name)
{
	char	 path[256];

	snprintf(path, sizeof path, "%s/%s", x->place->log, name);
	return fopen(path, "a");
}

static void
put(struct fixture *x, const char *name, const char *text)
{
	FILE	*f = open_file(x, name);

	fputs(text, f);
	fclose(f);
}

/* A line called NUMBER, of so many bytes with its newline. */
static void
put_long(struct fixture *x, const char *name, int number, int bytes)
{
	FILE	*f = open_file(x, name);
	int	 n = fprintf(f, "{\"asctime\":%d,\"", number);

	for (; n < bytes - 3; n++)
		putc('x', f);
	fputs("\"}\n", f);
	fclose(f);
}

/* The numbers of the lines, and "+" where there is more. */
static const char *
read_all(struct fixture *x, uint64_t max_bytes)
{
	struct journal_tail *t = journal_tail_open(x->place->log, max_bytes);
	const char *line;
	size_t	 n, len = 0;
	int	 number;

	x->told[0] = '\0';
	while (journal_tail_next(t, &line, &n)) {
		assert_true(n > 0 && line[0] == '{' && line[n - 1] == '}');
		assert_int_equal(sscanf(line, "{\"asctime\":%d", &number), 1);
		len += (size_t)snprintf(x->told + len, sizeof x->told - len,
		    "%d ", number);
	}
	if (journal_tail_is_cut(t))
		strcat(x->told, "+");
	journal_tail_close(t);
	return x->told;
}

#define LINE(number) "{\"asctime\":" #number "}\n"

static void
the_newest_is_first(void **state)
{
	struct fixture *x = *state;

	assert_string_equal(read_all(x, ALL), "");
	put(x, "2026050401.log", LINE(1) LINE(2));
	put(x, "2026050402.log", "");
	put(x, "2026050403.log", LINE(3) LINE(4));
	put(x, "2026050404.txt", LINE(5));
	put(x, "sluice.log", LINE(6));
	assert_string_equal(read_all(x, ALL), "4 3 2 1 ");
}

static void
what_is_torn_is_left_out(void **state)
{
	struct fixture *x = *state;

	put(x, "2026050401.log", LINE(1) "{\"asctime\":2,\"a" LINE(3) "\n\n"
	    "nothing of ours\n" "{\"asctime\":4,\"a\n" LINE(5)
	    "{\"asctime\":6}");
	assert_string_equal(read_all(x, ALL), "5 3 1 ");
	put(x, "2026050402.log", "{\"asctime\":7");
	put(x, "2026050403.log", "\n");
	assert_string_equal(read_all(x, ALL), "5 3 1 ");
}

/* Lines end before, at and behind the ends of blocks. */
static void
lines_across_blocks(void **state)
{
	struct fixture *x = *state;

	for (int i = 0; i < 12; i++)
		put_long(x, "2026050401.log", i, BLOCK / 4 + i % 3 - 1);
	put_long(x, "2026050401.log", 12, 3 * BLOCK);
	put_long(x, "2026050401.log", 13, BLOCK);
	put_long(x, "2026050401.log", 14, BLOCK - 1);
	assert_string_equal(read_all(x, ALL),
	    "14 13 12 11 10 9 8 7 6 5 4 3 2 1 0 ");
}

static void
endless_lines_are_left_out(void **state)
{
	struct fixture *x = *state;

	put(x, "2026050401.log", LINE(1));
	put_long(x, "2026050401.log", 2, 2 * JOURNAL_LINE_MAX);
	put(x, "2026050401.log", LINE(3));
	assert_string_equal(read_all(x, ALL), "3 1 ");
}

static void
no_more_is_read_than_may_be(void **state)
{
	struct fixture *x = *state;

	for (int i = 0; i < 8; i++)
		put_long(x, "2026050401.log", i, BLOCK / 2);
	put(x, "2026050400.log", LINE(9));
	assert_string_equal(read_all(x, 0), "+");
	assert_string_equal(read_all(x, BLOCK), "7 +");
	assert_string_equal(read_all(x, 2 * BLOCK), "7 6 5 +");
	assert_string_equal(read_all(x, 4 * BLOCK), "7 6 5 4 3 2 1 0 +");
	assert_string_equal(read_all(x, 4 * BLOCK + 14),
	    "7 6 5 4 3 2 1 0 9 ");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_newest_is_first),
		TEST(what_is_torn_is_left_out),
		TEST(lines_across_blocks),
		TEST(endless_lines_are_left_out),
		TEST(no_more_is_read_than_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
