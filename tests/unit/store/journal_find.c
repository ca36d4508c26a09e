/* A line is found if it is whole, wherever it stands. */
#include "config.h"

#include "store/journal_find.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define NOON_US 1777896000000000ull		/* 2026-05-04 12:00:00 UTC */
#define LINE(id) "{\"asctime\":\"2026\",\"request_id\":\"" id "\",\"n\":1}\n"

struct fixture {
	char		 dir[64], path[96];
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);

	strcpy(x->dir, "/tmp/sluice-find.XXXXXX");
	if (mkdtemp(x->dir) == NULL)
		return -1;
	snprintf(x->path, sizeof x->path, "%s/2026050412.log", x->dir);
	setenv("TZ", "UTC", 1);
	tzset();
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	unlink(x->path);
	rmdir(x->path);
	rmdir(x->dir);
	free(x);
	return 0;
}

static void
put(struct fixture *x, const char *text)
{
	FILE	*f = fopen(x->path, "a");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
assert_found(struct fixture *x, const char *id, bool want)
{
	assert_int_equal(journal_find(x->dir, NOON_US, id),
	    want ? JOURNAL_FOUND : JOURNAL_MISSING);
}

static void
lines_are_found_by_id(void **state)
{
	struct fixture *x = *state;

	assert_found(x, "req_a", false);
	put(x, "");
	assert_found(x, "req_a", false);
	put(x, LINE("req_a") LINE("req_b") LINE("req_c"));
	assert_found(x, "req_a", true);
	assert_found(x, "req_b", true);
	assert_found(x, "req_c", true);
	assert_found(x, "req_", false);
	assert_found(x, "req_d", false);
}

static void
only_the_hours_file_is_read(void **state)
{
	struct fixture *x = *state;

	put(x, LINE("req_a"));
	assert_int_equal(journal_find(x->dir, NOON_US + 3600000000ull,
	    "req_a"), JOURNAL_MISSING);
}

static void
a_torn_line_is_not_found(void **state)
{
	struct fixture *x = *state;

	put(x, "{\"asctime\":\"2026\",\"request_id\":\"req_a\",\"n\":1");
	assert_found(x, "req_a", false);
	put(x, "}\n");
	assert_found(x, "req_a", true);
}

/* A page ends before the newline, and so does the writer. */
static void
a_line_that_lacks_its_newline_alone_is_told(void **state)
{
	struct fixture *x = *state;

	put(x, LINE("req_o") "{\"asctime\":\"2026\",\"request_id\":"
	    "\"req_a\",\"usage\":{\"n\":1}");
	assert_found(x, "req_a", false);	/* this brace is of usage */
	put(x, "}");
	assert_int_equal(journal_find(x->dir, NOON_US, "req_a"),
	    JOURNAL_UNENDED);
	assert_found(x, "req_o", true);
	put(x, LINE("req_b"));
	assert_found(x, "req_a", false);
}

static void
a_line_behind_a_torn_one_is_found(void **state)
{
	struct fixture *x = *state;

	put(x, "{\"asctime\":\"2026\",\"request_id\":\"req_a\",\"te" LINE("req_b"));
	assert_found(x, "req_a", false);
	assert_found(x, "req_b", true);
	put(x, LINE("req_a"));
	assert_found(x, "req_a", true);
}

static void
a_torn_end_is_no_end(void **state)
{
	struct fixture *x = *state;

	put(x, "{\"asctime\":\"2026\",\"request_id\":\"req_a\",\"te\n"
	    LINE("req_b"));
	assert_found(x, "req_a", false);
	assert_found(x, "req_b", true);
}

/* A prompt may say anything, but inside a string quotes have backslashes. */
static void
an_id_in_a_body_is_no_line(void **state)
{
	struct fixture *x = *state;

	put(x, "{\"asctime\":\"2026\",\"request_id\":\"req_b\",\"request\":\""
	    "{\\\"asctime\\\":1,\\\"request_id\\\":\\\"req_a\\\"}\"}\n");
	assert_found(x, "req_a", false);
	assert_found(x, "req_b", true);
}

/* Blocks are of 256 KiB from the end: the needle at each place around there. */
static void
no_block_border_hides_a_line(void **state)
{
	struct fixture *x = *state;
	enum { BLOCK = 256 * 1024 };
	char	*pad = malloc(BLOCK + 100);

	for (int i = 0; i < 80; i++) {
		size_t	 n = (size_t)(BLOCK - 60 + i);

		memset(pad, 'x', n);
		pad[n - 1] = '\n';
		pad[n] = '\0';
		unlink(x->path);
		put(x, LINE("req_a"));
		put(x, pad);
		assert_found(x, "req_a", true);
		assert_found(x, "req_b", false);
	}
	free(pad);
}

/* A line with bodies in it; another's head stands at each place of a piece. */
static void
a_long_line_is_read_to_its_end(void **state)
{
	struct fixture *x = *state;
	char	*long_text = malloc(3000001);

	memset(long_text, 'x', 3000000);
	long_text[3000000] = '\0';
	put(x, "{\"asctime\":\"2026\",\"request_id\":\"req_a\",\"request\":\"");
	put(x, long_text);
	put(x, "\"}\n");
	assert_found(x, "req_a", true);
	for (int i = 0; i < 40; i++) {
		unlink(x->path);
		put(x, "{\"asctime\":\"2026\",\"request_id\":\"req_a\",\"r\":\"");
		long_text[4096 - 50 + i] = '\0';
		put(x, long_text);
		long_text[4096 - 50 + i] = 'x';
		put(x, LINE("req_b"));
		assert_found(x, "req_a", false);
		assert_found(x, "req_b", true);
	}
	free(long_text);
}

static void
what_cannot_be_read_is_not_missing(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(mkdir(x->path, 0700), 0);
	assert_int_equal(journal_find(x->dir, NOON_US, "req_a"),
	    JOURNAL_UNREADABLE);
}

static void
assert_whole(const char *line, const char *want)
{
	size_t	 len = 0;
	const char *found = journal_find_whole(line, strlen(line), &len);

	if (want == NULL) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(found, want, len);
}

static void
readers_drop_what_is_torn(void **state)
{
	(void)state;
	assert_whole("{\"asctime\":1}", "{\"asctime\":1}");
	assert_whole("{\"asctime\":1,\"a{\"asctime\":2}", "{\"asctime\":2}");
	assert_whole("{\"asc{\"asctime\":2,\"b{\"asctime\":3}",
	    "{\"asctime\":3}");
	assert_whole("{\"asctime\":1,\"a", NULL);
	assert_whole("{\"asctime\":1}{\"asctime\":2", NULL);
	assert_whole("{\"b\":1}", NULL);
	assert_whole("", NULL);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(lines_are_found_by_id),
		TEST(only_the_hours_file_is_read),
		TEST(a_torn_line_is_not_found),
		TEST(a_line_that_lacks_its_newline_alone_is_told),
		TEST(a_line_behind_a_torn_one_is_found),
		TEST(a_torn_end_is_no_end),
		TEST(an_id_in_a_body_is_no_line),
		TEST(no_block_border_hides_a_line),
		TEST(a_long_line_is_read_to_its_end),
		TEST(what_cannot_be_read_is_not_missing),
		cmocka_unit_test(readers_drop_what_is_torn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
