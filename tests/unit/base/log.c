/* Diagnostics: one line each, the levels, and where they go. */
#include "config.h"

#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* stderr for one test: a file, or /dev/null. */
static int saved = -1;

static void
redirect(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

	assert_true(fd >= 0);
	saved = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static void
restore(void)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static const char *
read_file(const char *path)
{
	static char text[65536];
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

struct place {
	char	 dir[64], file[80], log[80];
};

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/sluice-log.XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		return -1;
	snprintf(p->file, sizeof(p->file), "%s/stderr", p->dir);
	snprintf(p->log, sizeof(p->log), "%s/sluice.log", p->dir);
	*state = p;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *p = *state;

	unlink(p->file);
	unlink(p->log);
	rmdir(p->dir);
	free(p);
	return 0;
}

static void
a_line_has_time_level_and_pid(void **state)
{
	struct place *p = *state;
	char want[64];
	const char *text;

	redirect(p->file);
	log_open(NULL, LOG_LEVEL_INFO);
	log_warn("%s is %d", "this", 7);
	restore();
	text = read_file(p->file);
	snprintf(want, sizeof(want), " warn sluice[%d]: this is 7\n",
	    (int)getpid());
	assert_string_equal(text + strlen("2026-05-04 13:37:00.123"), want);
}

static void
a_level_hides_those_below_it(void **state)
{
	struct place *p = *state;
	const char *text;

	redirect(p->file);
	log_open(NULL, LOG_LEVEL_WARN);
	log_error("one");
	log_warn("two");
	log_info("three");
	log_debug("four");
	log_open(NULL, LOG_LEVEL_DEBUG);
	log_debug("five");
	restore();
	log_open(NULL, LOG_LEVEL_INFO);
	text = read_file(p->file);
	assert_non_null(strstr(text, "error sluice"));
	assert_non_null(strstr(text, ": two\n"));
	assert_null(strstr(text, "three"));
	assert_null(strstr(text, "four"));
	assert_non_null(strstr(text, "debug sluice"));
}

static void
control_characters_make_no_second_line(void **state)
{
	struct place *p = *state;
	const char *text;

	redirect(p->file);
	log_error("%s", "a\nb\r\x1b[31m\x7f" "c\tx");
	restore();
	text = read_file(p->file);
	assert_non_null(strstr(text, ": a?b??[31m?c?x\n"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void
long_lines_end_after_2048_bytes(void **state)
{
	struct place *p = *state;
	static char much[10000];
	const char *text;

	memset(much, 'x', sizeof(much) - 1);
	redirect(p->file);
	log_error("%s", much);
	log_error("next");
	restore();
	text = read_file(p->file);
	assert_true(strchr(text, '\n') - text < 2048);
	assert_true(strchr(text, '\n') - text > 1900);
	assert_non_null(strstr(text, ": next\n"));
}

static void
lengths_around_the_limit_are_safe(void **state)
{
	struct place *p = *state;
	static char much[2100];

	redirect(p->file);
	for (size_t n = 1950; n < 2060; n++) {
		memset(much, 'x', n);
		much[n] = '\0';
		log_error("%s", much);
	}
	restore();
	assert_non_null(strstr(read_file(p->file), "xx\n"));
}

static void
levels_have_names(void **state)
{
	(void)state;
	assert_int_equal(log_level_find("error"), LOG_LEVEL_ERROR);
	assert_int_equal(log_level_find("debug"), LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_find("Debug"), -1);
	assert_int_equal(log_level_find(""), -1);
}

/* The order matters: from here on the file is in use. */
static void
without_a_stderr_lines_go_to_the_directory(void **state)
{
	struct place *p = *state;

	redirect("/dev/null");
	log_open(p->dir, LOG_LEVEL_INFO);
	log_info("hidden");
	restore();
	assert_non_null(strstr(read_file(p->log), ": hidden\n"));
}

static void
the_directory_may_change(void **state)
{
	struct place *p = *state;

	redirect("/dev/null");
	log_open(p->dir, LOG_LEVEL_INFO);
	log_info("moved");
	log_open(p->dir, LOG_LEVEL_INFO);
	log_info("again");
	restore();
	assert_non_null(strstr(read_file(p->log), ": moved\n"));
	assert_non_null(strstr(read_file(p->log), ": again\n"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_line_has_time_level_and_pid),
		TEST(a_level_hides_those_below_it),
		TEST(control_characters_make_no_second_line),
		TEST(long_lines_end_after_2048_bytes),
		TEST(lengths_around_the_limit_are_safe),
		TEST(levels_have_names),
		TEST(without_a_stderr_lines_go_to_the_directory),
		TEST(the_directory_may_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
