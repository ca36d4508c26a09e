#include "config.h"

#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

void
journal_open(struct journal *j, const char *dir)
{
	j->fd = -1;
	j->warned = j->is_torn = false;
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

void
journal_path(const char *dir, uint64_t wall_us, char path[JOURNAL_PATH_SIZE])
{
	time_t	 second = (time_t)(wall_us / 1000000);
	struct tm tm;
	char	 name[32];

	localtime_r(&second, &tm);
	strftime(name, sizeof name, "%Y%m%d%H.log", &tm);
	snprintf(path, JOURNAL_PATH_SIZE, "%s/%s", dir, name);
}

static int
journal_file(const char *dir, const char *path, int flags)
{
	mkdir(dir, 0750);
	return open(path, flags | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

/*
 * Open the local hour's file, unless it is open and still in its place. That is
 * looked at once a second.
 */
static bool
journal_ready(struct journal *j, uint64_t wall_us)
{
	char	 path[JOURNAL_PATH_SIZE];
	struct stat st;

	if (j->fd >= 0 && j->second == wall_us / 1000000)
		return true;
	j->second = wall_us / 1000000;
	journal_path(j->dir, wall_us, path);
	if (j->fd >= 0 && strcmp(path, j->path) == 0 &&
	    stat(path, &st) == 0 && st.st_ino == j->inode)
		return true;
	journal_close(j);
	memcpy(j->path, path, sizeof path);
	j->is_torn = false;
	j->fd = journal_file(j->dir, path, O_WRONLY);
	if (j->fd < 0 || fstat(j->fd, &st) != 0)
		return false;
	j->inode = st.st_ino;
	return true;
}

/* In one write, behind a newline if a torn line may stand there. */
static bool
journal_write(int fd, bool is_torn, const char *line, size_t n)
{
	struct iovec parts[] = {
		{ .iov_base = (char *)"\n", .iov_len = 1 },
		{ .iov_base = (char *)line, .iov_len = n },
	};

	if (is_torn)
		return writev(fd, parts, 2) == (ssize_t)n + 1;
	return write(fd, line, n) == (ssize_t)n;
}

void
journal_append(struct journal *j, uint64_t wall_us, const char *line, size_t n)
{
	bool	 is_ready = journal_ready(j, wall_us);

	if (!is_ready || !journal_write(j->fd, j->is_torn, line, n)) {
		journal_warn(j);
		j->is_torn = is_ready;
		return;
	}
	j->warned = j->is_torn = false;
}

bool
journal_end_late(const char *dir, uint64_t wall_us)
{
	char	 path[JOURNAL_PATH_SIZE];
	bool	 ok;
	int	 fd;

	journal_path(dir, wall_us, path);
	fd = journal_file(dir, path, O_WRONLY);
	if (fd < 0)
		return false;
	ok = write(fd, "\n", 1) == 1;
	close(fd);
	return ok;
}

bool
journal_append_late(const char *dir, uint64_t wall_us, const char *line,
    size_t n)
{
	char	 path[JOURNAL_PATH_SIZE], last = '\n';
	struct stat st;
	bool	 ok;
	int	 fd;

	journal_path(dir, wall_us, path);
	fd = journal_file(dir, path, O_RDWR);
	if (fd < 0)
		return false;
	ok = fstat(fd, &st) == 0 && (st.st_size == 0 ||
	    pread(fd, &last, 1, st.st_size - 1) == 1) &&
	    journal_write(fd, last != '\n', line, n);
	close(fd);
	return ok;
}
