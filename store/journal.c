#include "config.h"

#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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
	j->lost = 0;
	buf_init(&j->waiting, JOURNAL_WAITING_MAX);
	snprintf(j->dir, sizeof j->dir, "%s", dir);
}

static void
journal_leave_file(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

void
journal_move(struct journal *j, const char *dir)
{
	journal_leave_file(j);
	j->is_torn = false;
	snprintf(j->dir, sizeof j->dir, "%s", dir);
}

static uint64_t
count_lines(const struct buf *lines)
{
	const char *p = buf_data(lines), *end = p + buf_len(lines);
	uint64_t count = 0;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		count++;
		p++;
	}
	return count;
}

void
journal_close(struct journal *j)
{
	uint64_t waiting = count_lines(&j->waiting);

	if (waiting > 0)
		log_error("%" PRIu64 " lines of the journal are lost: there "
		    "was no room for them in %s", waiting, j->dir);
	j->lost += waiting;
	buf_fini(&j->waiting);
	journal_leave_file(j);
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
	journal_leave_file(j);
	memcpy(j->path, path, sizeof path);
	j->is_torn = false;
	j->fd = journal_file(j->dir, path, O_WRONLY);
	if (j->fd < 0 || fstat(j->fd, &st) != 0)
		return false;
	j->inode = st.st_ino;
	return true;
}

/* What of a line has come into the file. */
enum written { WRITTEN_NOT, WRITTEN_PART, WRITTEN_BUT_NEWLINE, WRITTEN };

/*
 * A write of a part has no errno; one byte more, which ends what is torn, says
 * what it is, or else there was no room for more than that.
 */
static enum written
journal_end_torn(int fd, size_t missing)
{
	if (missing == 1)
		return WRITTEN_BUT_NEWLINE;
	if (write(fd, "\n", 1) == 1)
		errno = ENOSPC;
	return WRITTEN_PART;
}

/*
 * In one write, behind a newline if a torn line may stand there. Unless it is
 * WRITTEN, errno says why.
 */
static enum written
journal_write(int fd, bool is_torn, const char *line, size_t n)
{
	struct iovec parts[] = {
		{ .iov_base = (char *)"\n", .iov_len = 1 },
		{ .iov_base = (char *)line, .iov_len = n },
	};
	size_t	 all = n + (is_torn ? 1 : 0);
	ssize_t	 done;

	do
		done = writev(fd, parts + !is_torn, is_torn ? 2 : 1);
	while (done < 0 && errno == EINTR);
	if (done < 0)
		return WRITTEN_NOT;
	if ((size_t)done == all)
		return WRITTEN;
	errno = ENOSPC;
	return done == 0 ? WRITTEN_NOT :
	    journal_end_torn(fd, all - (size_t)done);
}

/* False: it cannot be written now. */
static bool
journal_put(struct journal *j, const char *line, size_t n)
{
	enum written end = journal_write(j->fd, j->is_torn, line, n);

	if (end != WRITTEN_NOT)
		j->is_torn = end != WRITTEN;
	if (end != WRITTEN)
		journal_warn(j);
	return end == WRITTEN || end == WRITTEN_BUT_NEWLINE;
}

static void
journal_keep(struct journal *j, const char *line, size_t n)
{
	if (buf_append(&j->waiting, line, n) != ERR_NONE)
		j->lost++;
}

/* False: some wait still. */
static bool
journal_write_waiting(struct journal *j)
{
	const char *line, *end;
	uint64_t count = count_lines(&j->waiting);

	while (buf_len(&j->waiting) > 0) {
		line = buf_data(&j->waiting);
		end = memchr(line, '\n', buf_len(&j->waiting));
		if (!journal_put(j, line, (size_t)(end - line) + 1))
			return false;
		buf_consume(&j->waiting, (size_t)(end - line) + 1);
	}
	if (count > 0)
		log_info("the journal in %s can be written again: %" PRIu64
		    " lines had to wait", j->dir, count);
	buf_fini(&j->waiting);
	return true;
}

void
journal_append(struct journal *j, uint64_t wall_us, const char *line, size_t n)
{
	if (!journal_ready(j, wall_us)) {
		journal_warn(j);
		journal_keep(j, line, n);
	} else if ((buf_len(&j->waiting) > 0 && !journal_write_waiting(j)) ||
	    !journal_put(j, line, n))
		journal_keep(j, line, n);
	else
		j->warned = false;
}

void
journal_flush(struct journal *j, uint64_t wall_us)
{
	if (buf_len(&j->waiting) > 0 && journal_ready(j, wall_us) &&
	    journal_write_waiting(j))
		j->warned = false;
}

uint64_t
journal_take_lost(struct journal *j)
{
	uint64_t lost = j->lost;

	j->lost = 0;
	return lost;
}

bool
journal_is_failing(const struct journal *j)
{
	return buf_len(&j->waiting) > 0;
}

bool
journal_can_write(const char *dir)
{
	char	 block[4096] = "", path[JOURNAL_PATH_SIZE];
	bool	 ok;
	int	 fd;

	if (access(dir, W_OK | X_OK) != 0)
		return false;
	fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0) {
		snprintf(path, sizeof path, "%s/.XXXXXX", dir);
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
	}
	if (fd < 0)
		return false;
	ok = write(fd, block, sizeof block) == sizeof block;
	close(fd);
	return ok;
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
	    journal_write(fd, last != '\n', line, n) == WRITTEN;
	close(fd);
	return ok;
}
