#include "config.h"

#include "store/journal_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/journal_find.h"

enum { HOUR_DIGITS = 10, FIRST_BYTES = 16384, FEW_FILES = 64 };

static bool
is_journal(const char *name)
{
	return strspn(name, "0123456789") == HOUR_DIGITS &&
	    strncmp(name + HOUR_DIGITS, ".log", 4) == 0;
}

bool
journal_files_is_own(const char *name)
{
	return is_journal(name) && name[HOUR_DIGITS + 4] == '\0';
}

static void
add(struct journal_files *list, const char *name, const struct stat *st)
{
	size_t	 n = list->count;

	if (n == 0 || (n >= FEW_FILES && (n & (n - 1)) == 0)) {
		list->files = realloc(list->files, (n == 0 ? FEW_FILES :
		    2 * n) * sizeof *list->files);
		if (list->files == NULL)
			abort();
	}
	list->files[list->count++] = (struct journal_file){
		.name = strdup(name), .inode = st->st_ino, .size = st->st_size,
		.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 +
		    st->st_mtim.tv_nsec,
	};
	if (list->files[n].name == NULL)
		abort();
}

static int
compare(const void *a, const void *b)
{
	const struct journal_file *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void
journal_files_list(struct journal_files *list, const char *dir)
{
	DIR	*d = opendir(dir);
	struct dirent *entry;
	struct stat st;

	*list = (struct journal_files){ .count = 0 };
	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		if (is_journal(entry->d_name) && fstatat(dirfd(d),
		    entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			add(list, entry->d_name, &st);
	closedir(d);
	if (list->count > 0)
		qsort(list->files, list->count, sizeof *list->files, compare);
}

void
journal_files_free(struct journal_files *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->files[i].name);
	free(list->files);
	*list = (struct journal_files){ .count = 0 };
}

/* In a text the quotes of this would have backslashes before them. */
static bool
find_id(const char *line, size_t n, char id[JOURNAL_ID_SIZE])
{
	static const char member[] = "\"request_id\":\"";
	const char *end = line + n, *start, *quote;

	start = memmem(line, n, member, sizeof member - 1);
	if (start == NULL)
		return false;
	start += sizeof member - 1;
	quote = memchr(start, '"', (size_t)(end - start));
	if (quote == NULL || quote == start ||
	    quote - start >= JOURNAL_ID_SIZE)
		return false;
	memcpy(id, start, (size_t)(quote - start));
	id[quote - start] = '\0';
	return true;
}

static bool
find_first(const char *text, size_t n, char id[JOURNAL_ID_SIZE])
{
	const char *p = text, *end = text + n, *newline, *line;
	size_t	 len;

	while ((newline = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		line = newline == p ? NULL :
		    journal_find_whole(p, (size_t)(newline - p), &len);
		if (line != NULL && find_id(line, len, id))
			return true;
		p = newline + 1;
	}
	return false;
}

bool
journal_files_first_id(int fd, char id[JOURNAL_ID_SIZE])
{
	size_t	 size = FIRST_BYTES;
	bool	 found = false, is_all = false;

	while (!found && !is_all && size <= JOURNAL_LINE_MAX) {
		char	*text = malloc(size);
		ssize_t	 n;

		if (text == NULL)
			abort();
		n = pread(fd, text, size, 0);
		found = n > 0 && find_first(text, (size_t)n, id);
		is_all = n < (ssize_t)size;
		free(text);
		size *= 4;
	}
	return found;
}
