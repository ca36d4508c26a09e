/* Lines arrive in the file of their hour, whole, from many processes. */
#include "config.h"

#include "store/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

#define SECOND_US 1000000ull
#define HOUR_US (3600 * SECOND_US)
#define NOON_US (1777896000 * SECOND_US)	/* 2026-05-04 12:00:00 UTC */

struct fixture {
	char		 base[64], dir[80];
	struct journal	 journal;
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	strcpy(x->base, "/tmp/sluice-journal.XXXXXX");
	if (mkdtemp(x->base) == NULL)
		return -1;
	snprintf(x->dir, sizeof(x->dir), "%s/log", x->base);
	setenv("TZ", "UTC", 1);
	tzset();
	journal_open(&x->journal, x->dir);
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;
	char	 command[128];

	journal_close(&x->journal);
	snprintf(command, sizeof(command), "rm -rf '%s'", x->base);
	if (system(command) != 0)
		return -1;
	free(x);
	return 0;
}

static void
append(struct fixture *x, uint64_t wall_us, const char *line)
{
	journal_append(&x->journal, wall_us, line, strlen(line));
}

static const char *
read_file(struct fixture *x, const char *name)
{
	static char text[1 << 20];
	char	 path[256];
	FILE	*f;

	snprintf(path, sizeof(path), "%s/%s", x->dir, name);
	f = fopen(path, "r");
	if (f == NULL)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static void
assert_file(struct fixture *x, const char *name, const char *want)
{
	const char *text = read_file(x, name);

	assert_non_null(text);
	assert_string_equal(text, want);
}

static int
count_files(const struct fixture *x)
{
	DIR	*dir = opendir(x->dir);
	int	 count = 0;

	if (dir == NULL)
		return -1;
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		count += e->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void
nothing_is_made_before_the_first_line(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(count_files(x), -1);
	append(x, NOON_US, "one\n");
	assert_int_equal(count_files(x), 1);
	assert_file(x, "2026050412.log", "one\n");
}

static void
lines_follow_each_other(void **state)
{
	struct fixture *x = *state;

	append(x, NOON_US, "one\n");
	append(x, NOON_US + 1, "two\n");
	append(x, NOON_US + HOUR_US - 1, "three\n");
	assert_file(x, "2026050412.log", "one\ntwo\nthree\n");
	assert_int_equal(count_files(x), 1);
}

static void
each_hour_has_a_file(void **state)
{
	struct fixture *x = *state;

	append(x, NOON_US - 1, "eleven\n");
	append(x, NOON_US, "twelve\n");
	append(x, NOON_US + 12 * HOUR_US, "midnight\n");
	append(x, NOON_US + HOUR_US - 1, "twelve again\n");
	assert_file(x, "2026050411.log", "eleven\n");
	assert_file(x, "2026050412.log", "twelve\ntwelve again\n");
	assert_file(x, "2026050500.log", "midnight\n");
}

/* Where the clock is half an hour off, so are its hours. */
static void
hours_are_local(void **state)
{
	struct fixture *x = *state;

	setenv("TZ", "XYZ-5:30", 1);
	tzset();
	append(x, NOON_US + 29 * 60 * SECOND_US, "17:59\n");
	append(x, NOON_US + 30 * 60 * SECOND_US, "18:00\n");
	append(x, NOON_US + HOUR_US, "18:30\n");
	assert_file(x, "2026050417.log", "17:59\n");
	assert_file(x, "2026050418.log", "18:00\n18:30\n");
}

static void
a_file_that_was_moved_away_is_left(void **state)
{
	struct fixture *x = *state;
	char	 from[256], to[256];

	append(x, NOON_US, "before\n");
	snprintf(from, sizeof(from), "%s/2026050412.log", x->dir);
	snprintf(to, sizeof(to), "%s/old", x->dir);
	assert_int_equal(rename(from, to), 0);
	append(x, NOON_US + 2 * SECOND_US, "after\n");
	assert_file(x, "old", "before\n");
	assert_file(x, "2026050412.log", "after\n");
}

static void
a_file_that_was_deleted_is_made_again(void **state)
{
	struct fixture *x = *state;
	char	 path[256];

	append(x, NOON_US, "before\n");
	snprintf(path, sizeof(path), "%s/2026050412.log", x->dir);
	assert_int_equal(unlink(path), 0);
	append(x, NOON_US + 2 * SECOND_US, "after\n");
	assert_file(x, "2026050412.log", "after\n");
}

static void
what_is_there_is_kept(void **state)
{
	struct fixture *x = *state;

	append(x, NOON_US, "before\n");
	journal_close(&x->journal);
	journal_open(&x->journal, x->dir);
	append(x, NOON_US, "after\n");
	assert_file(x, "2026050412.log", "before\nafter\n");
}

static void
others_may_not_read_it(void **state)
{
	struct fixture *x = *state;
	struct stat st;

	append(x, NOON_US, "one\n");
	assert_int_equal(fstat(x->journal.fd, &st), 0);
	assert_int_equal(st.st_mode & 0007, 0);
	assert_int_equal(stat(x->dir, &st), 0);
	assert_int_equal(st.st_mode & 0007, 0);
	assert_int_equal(fcntl(x->journal.fd, F_GETFD) & FD_CLOEXEC,
	    FD_CLOEXEC);
}

/* A file stands where the directory should: true for root too. */
static void
an_unusable_directory_is_told_once_and_heals(void **state)
{
	struct fixture *x = *state;
	char	 path[80];
	int	 fd = open(x->dir, O_CREAT | O_WRONLY, 0600), saved, lines;
	FILE	*said;

	close(fd);
	snprintf(path, sizeof(path), "%s/said", x->base);
	saved = dup(STDERR_FILENO);
	fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
	dup2(fd, STDERR_FILENO);
	log_open(NULL, LOG_LEVEL_INFO);
	for (uint64_t i = 0; i < 5; i++)
		append(x, NOON_US + i * SECOND_US, "lost\n");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd);
	lines = 0;
	said = fopen(path, "r");
	for (int c; (c = getc(said)) != EOF;)
		lines += c == '\n';
	fclose(said);
	assert_int_equal(lines, 1);
	unlink(x->dir);
	assert_true(journal_is_failing(&x->journal));
	x->journal.waiting.max = 0;
	buf_fini(&x->journal.waiting);
	buf_init(&x->journal.waiting, JOURNAL_WAITING_MAX);
	append(x, NOON_US + 9 * SECOND_US, "kept\n");
	assert_file(x, "2026050412.log", "kept\n");
	assert_false(x->journal.warned);
}

/* No file may be longer than MAX bytes: as on a full disk. */
static void
limit_files(rlim_t max)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
a_line_cut_by_a_full_disk_takes_no_other_with_it(void **state)
{
	struct fixture *x = *state;

	append(x, NOON_US, "one\n");
	limit_files(6);
	append(x, NOON_US, "two\n");
	assert_file(x, "2026050412.log", "one\ntw");
	append(x, NOON_US, "more\n");
	assert_true(journal_is_failing(&x->journal));
	limit_files(RLIM_INFINITY);
	append(x, NOON_US, "three\n");
	append(x, NOON_US, "four\n");
	assert_file(x, "2026050412.log", "one\ntw\ntwo\nmore\nthree\nfour\n");
	assert_false(journal_is_failing(&x->journal));
	assert_int_equal(journal_take_lost(&x->journal), 0);
}

/* At each byte of a line the disk may be full: no line is lost, none is doubled. */
static void
no_line_is_lost_wherever_the_disk_is_full(void **state)
{
	struct fixture *x = *state;
	char	 want[64], name[32];

	for (rlim_t room = 0; room <= 12; room++) {
		uint64_t hour_us = NOON_US + room * HOUR_US;

		snprintf(name, sizeof name, "202605%02u%02u.log",
		    4 + (12 + (unsigned)room) / 24, (12 + (unsigned)room) % 24);
		append(x, hour_us, "1\n");
		limit_files(2 + room);
		append(x, hour_us, "two\n");
		append(x, hour_us, "three\n");
		limit_files(RLIM_INFINITY);
		journal_flush(&x->journal, hour_us);
		journal_flush(&x->journal, hour_us);
		append(x, hour_us, "4\n");
		/* What is torn stands before, on a line of its own. */
		strcpy(want, room == 0 || room == 4 ? "1\ntwo\nthree\n4\n" :
		    "");
		if (*want != '\0')
			assert_file(x, name, want);
		assert_non_null(strstr(read_file(x, name), "\ntwo\n"));
		assert_non_null(strstr(read_file(x, name), "\nthree\n4\n"));
		assert_null(strstr(strstr(read_file(x, name), "\ntwo\n") + 1,
		    "\ntwo\n"));
		assert_null(strstr(read_file(x, name), "three\nthree\n"));
	}
}

static void
the_log_says_why_a_line_cannot_be_written(void **state)
{
	struct fixture *x = *state;
	char	 text[4096] = "";
	int	 fd = dup(STDERR_FILENO), said[2];

	assert_int_equal(pipe(said), 0);
	append(x, NOON_US, "one\n");
	dup2(said[1], STDERR_FILENO);
	close(said[1]);
	log_open(NULL, LOG_LEVEL_INFO);
	limit_files(6);
	append(x, NOON_US, "two\n");
	limit_files(RLIM_INFINITY);
	journal_flush(&x->journal, NOON_US);
	dup2(fd, STDERR_FILENO);
	close(fd);
	assert_true(read(said[0], text, sizeof text - 1) > 0);
	close(said[0]);
	assert_null(strstr(text, "Success"));
	assert_non_null(strstr(text, "File too large"));
	assert_non_null(strstr(text, "can be written again: 1 lines"));
}

static void
what_waits_has_a_bound_and_the_rest_is_lost(void **state)
{
	enum { BYTES = 1000 };
	struct fixture *x = *state;
	char	 line[BYTES + 1];
	uint64_t lost, count = 2 * JOURNAL_WAITING_MAX / BYTES;

	memset(line, 'x', BYTES);
	line[BYTES - 1] = '\n';
	line[BYTES] = '\0';
	append(x, NOON_US, "one\n");
	limit_files(4);
	for (uint64_t i = 0; i < count; i++)
		append(x, NOON_US, line);
	limit_files(RLIM_INFINITY);
	lost = journal_take_lost(&x->journal);
	assert_int_equal(lost, count - JOURNAL_WAITING_MAX / BYTES);
	assert_int_equal(journal_take_lost(&x->journal), 0);
	journal_flush(&x->journal, NOON_US);
	assert_false(journal_is_failing(&x->journal));
	assert_int_equal(strlen(read_file(x, "2026050412.log")),
	    4 + (count - lost) * BYTES);
}

static void
what_waits_at_the_end_is_lost(void **state)
{
	struct fixture *x = *state;

	append(x, NOON_US, "one\n");
	limit_files(4);
	append(x, NOON_US, "two\n");
	append(x, NOON_US, "three\n");
	limit_files(RLIM_INFINITY);
	journal_close(&x->journal);
	assert_int_equal(journal_take_lost(&x->journal), 2);
	journal_open(&x->journal, x->dir);
}

static void
whether_a_line_could_be_written_is_tried(void **state)
{
	struct fixture *x = *state;

	append(x, NOON_US, "one\n");
	assert_true(journal_can_write(x->dir));
	limit_files(100);
	assert_false(journal_can_write(x->dir));
	limit_files(RLIM_INFINITY);
	assert_false(journal_can_write("/nowhere"));
}

static void
a_new_file_begins_with_no_empty_line(void **state)
{
	struct fixture *x = *state;

	append(x, NOON_US, "one\n");
	limit_files(6);
	append(x, NOON_US, "two\n");
	limit_files(RLIM_INFINITY);
	append(x, NOON_US + HOUR_US, "three\n");
	assert_file(x, "2026050413.log", "two\nthree\n");
}

static void
append_late(struct fixture *x, const char *line, bool want)
{
	assert_int_equal(journal_append_late(x->dir, NOON_US, line,
	    strlen(line)), want);
}

static void
a_late_line_stands_alone(void **state)
{
	struct fixture *x = *state;

	append_late(x, "one\n", true);
	append_late(x, "two\n", true);
	append(x, NOON_US, "torn");
	append_late(x, "three\n", true);
	assert_file(x, "2026050412.log", "one\ntwo\ntorn\nthree\n");
}

static void
a_late_line_that_does_not_fit_is_told(void **state)
{
	struct fixture *x = *state;

	append_late(x, "one\n", true);
	limit_files(6);
	append_late(x, "two\n", false);
	limit_files(RLIM_INFINITY);
	append_late(x, "two\n", true);
	assert_file(x, "2026050412.log", "one\ntw\ntwo\n");
}

enum { WRITERS = 4, LINES = 400 };

static void
write_many(struct fixture *x, int writer)
{
	char	 line[600];

	for (int i = 0; i < LINES; i++) {
		memset(line, 'a' + writer, sizeof(line));
		line[100 + (i * 7 + writer * 13) % 400] = '\n';
		journal_append(&x->journal, NOON_US + (uint64_t)i * 5000,
		    line, strcspn(line, "\n") + 1);
	}
	_exit(0);
}

static void
lines_of_many_processes_never_mix(void **state)
{
	struct fixture *x = *state;
	const char *text;
	int	 status, lines = 0;

	for (int i = 0; i < WRITERS; i++)
		if (fork() == 0)
			write_many(x, i);
	for (int i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	text = read_file(x, "2026050412.log");
	assert_non_null(text);
	for (; *text != '\0'; lines++) {
		size_t n = strcspn(text, "\n");

		assert_true(n >= 100);
		for (size_t i = 1; i < n; i++)
			assert_int_equal(text[i], text[0]);
		text += n + 1;
	}
	assert_int_equal(lines, WRITERS * LINES);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_made_before_the_first_line),
		TEST(lines_follow_each_other),
		TEST(each_hour_has_a_file),
		TEST(hours_are_local),
		TEST(a_file_that_was_moved_away_is_left),
		TEST(a_file_that_was_deleted_is_made_again),
		TEST(what_is_there_is_kept),
		TEST(others_may_not_read_it),
		TEST(an_unusable_directory_is_told_once_and_heals),
		TEST(a_line_cut_by_a_full_disk_takes_no_other_with_it),
		TEST(no_line_is_lost_wherever_the_disk_is_full),
		TEST(the_log_says_why_a_line_cannot_be_written),
		TEST(what_waits_has_a_bound_and_the_rest_is_lost),
		TEST(what_waits_at_the_end_is_lost),
		TEST(whether_a_line_could_be_written_is_tried),
		TEST(a_new_file_begins_with_no_empty_line),
		TEST(a_late_line_stands_alone),
		TEST(a_late_line_that_does_not_fit_is_told),
		TEST(lines_of_many_processes_never_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
