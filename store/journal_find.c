#include "config.h"

#include "store/journal_find.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "store/journal.h"
#include "store/journal_files.h"

enum { BLOCK_BYTES = 256 * 1024, PIECE_BYTES = 4096, NEEDLE_MAX = 128 };

/*
 * What every line begins with. In the text of a member both this and the needle
 * would have backslashes before their quotes.
 */
static const char head[] = "{\"asctime\"";
enum { HEAD_LEN = sizeof head - 1 };

const char *
journal_find_whole(const char *line, size_t n, size_t *len)
{
	const char *end = line + n, *start = NULL, *p = line;

	while ((p = memmem(p, (size_t)(end - p), head, HEAD_LEN)) != NULL)
		start = p++;
	if (start == NULL || end[-1] != '}')
		return NULL;
	*len = (size_t)(end - start);
	return start;
}

/* Does the file end with a whole line that only lacks its newline? */
static bool
is_unended(int fd, off_t end)
{
	static const char *const nothing[] = { "" };
	off_t	 start = end > JOURNAL_LINE_MAX ? end - JOURNAL_LINE_MAX : 0;
	size_t	 n = (size_t)(end - start), len;
	char	*text = malloc(n + 1);
	const char *last, *whole = NULL;
	struct json_scan scan;

	if (text == NULL)
		abort();
	if (n > 0 && pread(fd, text, n, start) == (ssize_t)n) {
		last = memrchr(text, '\n', n);
		last = last == NULL ? text : last + 1;
		if (last < text + n)
			whole = journal_find_whole(last,
			    (size_t)(text + n - last), &len);
	}
	json_scan_init(&scan, nothing, 0);
	if (whole != NULL && (json_scan_feed(&scan, whole, len) != ERR_NONE ||
	    json_scan_end(&scan) != ERR_NONE))
		whole = NULL;
	free(text);
	return whole != NULL;
}

/*
 * Whether the line that goes on at AT, after its head, comes to its end before
 * another one begins.
 */
static enum journal_found
judge(int fd, off_t at)
{
	char	 piece[HEAD_LEN + PIECE_BYTES], *newline;
	size_t	 kept = 0, n, text;
	ssize_t	 got;

	while ((got = pread(fd, piece + kept, PIECE_BYTES, at)) > 0) {
		at += got;
		n = kept + (size_t)got;
		newline = memchr(piece, '\n', n);
		text = newline == NULL ? n : (size_t)(newline - piece);
		if (memmem(piece, text, head, HEAD_LEN) != NULL)
			return JOURNAL_MISSING;
		if (newline != NULL)
			return newline > piece && newline[-1] == '}' ?
			    JOURNAL_FOUND : JOURNAL_MISSING;
		kept = n < HEAD_LEN ? n : HEAD_LEN - 1;
		memmove(piece, piece + n - kept, kept);
	}
	return is_unended(fd, at) ? JOURNAL_UNENDED : JOURNAL_MISSING;
}

static enum journal_found
search_block(int fd, char *block, off_t start, size_t n, const char *needle,
    size_t needle_len)
{
	const char *p = block;
	enum journal_found found;

	if (pread(fd, block, n, start) != (ssize_t)n)
		return JOURNAL_UNREADABLE;
	while ((p = memmem(p, n - (size_t)(p - block), needle,
	    needle_len)) != NULL) {
		found = judge(fd, start + (p - block));
		if (found != JOURNAL_MISSING)
			return found;
		p++;
	}
	return JOURNAL_MISSING;
}

/* Block by block; each reads on far enough for a needle across its end. */
static enum journal_found
search(int fd, off_t size, const char *needle, size_t needle_len)
{
	char	*block = malloc(BLOCK_BYTES + NEEDLE_MAX);
	enum journal_found found = JOURNAL_MISSING;
	off_t	 start, end, stop;

	if (block == NULL)
		abort();
	for (end = size; end > 0 && found == JOURNAL_MISSING; end = start) {
		start = end > BLOCK_BYTES ? end - BLOCK_BYTES : 0;
		stop = end + (off_t)needle_len - 1;
		stop = stop < size ? stop : size;
		found = search_block(fd, block, start, (size_t)(stop - start),
		    needle, needle_len);
	}
	free(block);
	return found;
}

enum journal_found
journal_find(const char *dir, uint64_t wall_us, const char *id)
{
	char	 path[JOURNAL_PATH_SIZE], needle[NEEDLE_MAX];
	enum journal_found found = JOURNAL_UNREADABLE;
	struct stat st;
	int	 fd, n;

	n = snprintf(needle, sizeof needle, "\"request_id\":\"%s\"", id);
	if (n >= (int)sizeof needle)
		return JOURNAL_MISSING;
	journal_path(dir, wall_us, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? JOURNAL_MISSING : JOURNAL_UNREADABLE;
	if (fstat(fd, &st) == 0)
		found = search(fd, st.st_size, needle, (size_t)n);
	close(fd);
	return found;
}
