/* said.h - what the log says meanwhile: kept away from the test's, or counted. */
#ifndef TESTS_UNIT_STORE_SAID_H
#define TESTS_UNIT_STORE_SAID_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/unit/store/children.h"

static int	 quiet_fd = -1;		/* the real stderr meanwhile */

static inline void
send_log_to(const char *path)
{
	int	 fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0);
	quiet_fd = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

/* Of a damaged file there is much to tell. */
static inline void
be_quiet(void)
{
	send_log_to("/dev/null");
}

/* Warnings are wanted, for count_said. */
static inline void
listen_to_log(struct place *p)
{
	char	 path[80];

	snprintf(path, sizeof path, "%s/said", p->dir);
	log_open(NULL, LOG_LEVEL_WARN);
	send_log_to(path);
}

/* How many lines with TEXT the log has got since listen_to_log. */
static inline int
count_said(struct place *p, const char *text)
{
	char	 path[80], line[1024];
	int	 n = 0;
	FILE	*f;

	snprintf(path, sizeof path, "%s/said", p->dir);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL)
		n += strstr(line, text) != NULL;
	fclose(f);
	return n;
}

/* Whether or not anything was sent elsewhere; for tear-downs. */
static inline void
let_log_be(void)
{
	if (quiet_fd < 0)
		return;
	dup2(quiet_fd, STDERR_FILENO);
	close(quiet_fd);
	quiet_fd = -1;
}
#endif
