#include "config.h"

#include "store/journal_tail.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/journal.h"
#include "store/journal_files.h"
#include "store/journal_find.h"

enum { BLOCK_BYTES = 256 * 1024 };

struct journal_tail {
	const char	*dir;
	struct journal_files files;
	size_t		 older;		/* files that have not been opened */
	int		 fd;		/* -1 = none is open */
	off_t		 start;		/* where in the file what is held begins */
	char		*bytes;		/* held; they end in a newline */
	size_t		 len, size;
	bool		 is_endless;	/* what comes before them has no end that is known */
	uint64_t	 left;		/* bytes that may be read */
	bool		 is_cut;
};

struct journal_tail *
journal_tail_open(const char *dir, uint64_t max_bytes)
{
	struct journal_tail *t = calloc(1, sizeof *t);

	if (t == NULL)
		abort();
	t->dir = dir;
	t->fd = -1;
	t->left = max_bytes;
	journal_files_list(&t->files, dir);
	t->older = t->files.count;
	return t;
}

static void
close_file(struct journal_tail *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->len = 0;
	t->start = 0;
}

void
journal_tail_close(struct journal_tail *t)
{
	close_file(t);
	journal_files_free(&t->files);
	free(t->bytes);
	free(t);
}

/* What follows a file's last newline is being written, or torn. */
static void
open_file(struct journal_tail *t, const char *name)
{
	char	 path[JOURNAL_PATH_SIZE];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", t->dir, name);
	t->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (t->fd >= 0 && fstat(t->fd, &st) == 0 && S_ISREG(st.st_mode))
		t->start = st.st_size;
	t->is_endless = true;
}

/* Drop all behind the last newline that is held. */
static void
find_end(struct journal_tail *t)
{
	const char *newline = t->len == 0 ? NULL :
		    memrchr(t->bytes, '\n', t->len);

	t->len = newline == NULL ? 0 : (size_t)(newline + 1 - t->bytes);
	t->is_endless = newline == NULL;
}

/* Another block before what is held. False: it cannot be read, or may not. */
static bool
read_block(struct journal_tail *t)
{
	size_t	 n = t->start < BLOCK_BYTES ? (size_t)t->start : BLOCK_BYTES;

	if (n > t->left) {
		t->is_cut = true;
		return false;
	}
	if (t->len + n > t->size) {
		t->size = 2 * (t->len + n);
		t->bytes = realloc(t->bytes, t->size);
		if (t->bytes == NULL)
			abort();
	}
	memmove(t->bytes + n, t->bytes, t->len);
	if (pread(t->fd, t->bytes, n, t->start - (off_t)n) != (ssize_t)n)
		return false;
	t->left -= n;
	t->start -= (off_t)n;
	t->len += n;
	if (t->is_endless)
		find_end(t);
	return true;
}

/* Take the last line that is held. False: its beginning is not held. */
static bool
take_line(struct journal_tail *t, const char **line, size_t *n)
{
	const char *newline;

	if (t->len == 0)
		return false;
	newline = memrchr(t->bytes, '\n', t->len - 1);
	if (newline == NULL && t->start > 0)
		return false;
	*line = newline == NULL ? t->bytes : newline + 1;
	*n = (size_t)(t->bytes + t->len - 1 - *line);
	t->len = (size_t)(*line - t->bytes);
	return true;
}

/* Any line, whole or not. False: there is none in this file. */
static bool
next_line(struct journal_tail *t, const char **line, size_t *n)
{
	while (!take_line(t, line, n)) {
		if (t->len > JOURNAL_LINE_MAX) {
			t->len = 0;
			t->is_endless = true;
		}
		if (t->start == 0 || !read_block(t))
			return false;
	}
	return true;
}

bool
journal_tail_next(struct journal_tail *t, const char **line, size_t *n)
{
	const char *found;
	size_t	 len;

	for (;;) {
		if (t->fd >= 0 && next_line(t, &found, &len)) {
			*line = len == 0 ? NULL :
			    journal_find_whole(found, len, n);
			if (*line != NULL)
				return true;
			continue;
		}
		close_file(t);
		if (t->is_cut || t->older == 0)
			return false;
		open_file(t, t->files.files[--t->older].name);
	}
}

bool
journal_tail_is_cut(const struct journal_tail *t)
{
	return t->is_cut;
}
