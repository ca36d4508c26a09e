#include "config.h"

#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of all files, in this process. */
static struct { uint64_t bytes, most; } total = { .most = UINT64_MAX };

void
spool_set_total(uint64_t most_bytes)
{
	total.most = most_bytes;
}

void
spool_init(struct spool *s, size_t memory_max)
{
	*s = (struct spool){ .memory_max = memory_max, .fd = -1 };
	buf_init(&s->memory, memory_max);
}

void
spool_fini(struct spool *s)
{
	buf_fini(&s->memory);
	if (s->fd >= 0) {
		close(s->fd);
		total.bytes -= s->len;
	}
	spool_init(s, s->memory_max);
}

static int
spool_open_in(const char *dir)
{
	char	 path[4096];
	int	 fd;

	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	if (fd >= 0)
		return fd;
	if (snprintf(path, sizeof path, "%s/sluice-XXXXXX", dir) >=
	    (int)sizeof path)
		return -1;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static int
spool_open(void)
{
	const char *dirs[] = { getenv("TMPDIR"), "/tmp", "/var/tmp" };
	int	 fd = -1;

	for (size_t i = 0; fd < 0 && i < sizeof dirs / sizeof *dirs; i++)
		if (dirs[i] != NULL && dirs[i][0] == '/')
			fd = spool_open_in(dirs[i]);
	return fd;
}

static enum err
spool_write(struct spool *s, const char *bytes, size_t n)
{
	ssize_t	 done;

	if (total.bytes > total.most || n > total.most - total.bytes)
		return ERR_SPOOL_FULL;
	while (n > 0) {
		done = pwrite(s->fd, bytes, n, (off_t)s->len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return ERR_SPOOL;
		s->len += (uint64_t)done;
		total.bytes += (uint64_t)done;
		bytes += done;
		n -= (size_t)done;
	}
	return ERR_NONE;
}

/* What memory held goes to the file, and the memory is given back. */
static enum err
spool_move_to_file(struct spool *s)
{
	struct buf memory = s->memory;
	enum err err;

	s->fd = spool_open();
	if (s->fd < 0)
		return ERR_SPOOL;
	buf_init(&s->memory, s->memory_max);
	s->len = 0;
	err = spool_write(s, buf_data(&memory), buf_len(&memory));
	buf_fini(&memory);
	return err;
}

enum err
spool_append(struct spool *s, const void *bytes, size_t n)
{
	enum err err;

	if (s->fd < 0 && s->len + n > s->memory_max) {
		err = spool_move_to_file(s);
		if (err != ERR_NONE)
			return err;
	}
	if (s->fd >= 0)
		return spool_write(s, bytes, n);
	err = buf_append(&s->memory, bytes, n);
	if (err == ERR_NONE)
		s->len += n;
	return err;
}

const char *
spool_memory(const struct spool *s)
{
	return s->fd >= 0 ? NULL : buf_data(&s->memory);
}

ssize_t
spool_read(const struct spool *s, uint64_t offset, void *out, size_t n)
{
	ssize_t	 got;

	if (offset >= s->len)
		return 0;
	if (n > s->len - offset)
		n = (size_t)(s->len - offset);
	if (s->fd < 0) {
		memcpy(out, buf_data(&s->memory) + offset, n);
		return (ssize_t)n;
	}
	do
		got = pread(s->fd, out, n, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got;
}
