#include "config.h"

#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

void
journal_open(struct journal *j, const char *dir)
{
	j->fd = -1;
	j->warned = false;
	snprintf(j->dir, sizeof j->dir, "%s", dir);
}

void
journal_close(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

static void
journal_warn(struct journal *j)
{
	if (!j->warned)
		log_error("cannot write the journal in %s: %s", j->dir,
		    strerror(errno));
	j->warned = true;
}

static void
journal_name(const struct journal *j, uint64_t wall_us, char *path, size_t size)
{
	time_t	 second = (time_t)(wall_us / 1000000);
	struct tm tm;
	char	 name[32];

	localtime_r(&second, &tm);
	strftime(name, sizeof name, "%Y%m%d%H.log", &tm);
	snprintf(path, size, "%s/%s", j->dir, name);
}

/*
 * Open the local hour's file, unless it is open and still in its place. That is
 * looked at once a second.
 */
static bool
journal_ready(struct journal *j, uint64_t wall_us)
{
	char	 path[sizeof j->path];
	struct stat st;

	if (j->fd >= 0 && j->second == wall_us / 1000000)
		return true;
	j->second = wall_us / 1000000;
	journal_name(j, wall_us, path, sizeof path);
	if (j->fd >= 0 && strcmp(path, j->path) == 0 &&
	    stat(path, &st) == 0 && st.st_ino == j->inode)
		return true;
	journal_close(j);
	memcpy(j->path, path, sizeof path);
	mkdir(j->dir, 0750);
	j->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (j->fd < 0 || fstat(j->fd, &st) != 0)
		return false;
	j->inode = st.st_ino;
	return true;
}

void
journal_append(struct journal *j, uint64_t wall_us, const char *line, size_t n)
{
	if (!journal_ready(j, wall_us) ||
	    write(j->fd, line, n) != (ssize_t)n) {
		journal_warn(j);
		return;
	}
	j->warned = false;
}
