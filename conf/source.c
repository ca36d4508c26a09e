/* source.c - a configuration file's text, read whole and fit to be parsed. */
#include "config.h"

#include "conf/source.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

enum {
	DEPTH_MAX = 16,
	SETTINGS_MAX = 1000,		/* in one group: libconfig compares each with all */
	LINES_MAX = USHRT_MAX		/* libconfig counts them in an unsigned short */
};

static int
fail(const char **why, int error)
{
	*why = strerror(error);
	return error;
}

/* Read what fd holds into s->text, whose size is known. */
static int
read_all(int fd, struct source *s, const char **why)
{
	size_t have = 0;

	while (have < s->size) {
		ssize_t n = read(fd, s->text + have, s->size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(why, errno);
		if (n == 0)
			break;
		have += (size_t)n;
	}
	s->size = have;
	s->text[have] = '\0';
	return 0;
}

/* Some editors begin a file with a byte order mark, which shows in none. */
static void
skip_mark(struct source *s)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t n = sizeof(mark) - 1;

	if (s->size < n || memcmp(s->text, mark, n) != 0)
		return;
	s->size -= n;
	memmove(s->text, s->text + n, s->size);
	explicit_bzero(s->text + s->size, n);
}

int
source_load(struct source *s, const char *path, size_t max, const char **why)
{
	int fd, error = 0;

	*s = (struct source){ 0 };
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fail(why, errno);
	if (fstat(fd, &s->st) != 0)
		error = fail(why, errno);
	else if (S_ISDIR(s->st.st_mode))
		error = fail(why, EISDIR);
	else if (!S_ISREG(s->st.st_mode)) {
		*why = "Not a regular file";
		error = EINVAL;
	} else if ((uintmax_t)s->st.st_size > max) {
		*why = "File too large";
		error = EFBIG;
	} else {
		s->size = (size_t)s->st.st_size;
		s->text = malloc(s->size + 1);
		error = s->text == NULL ? fail(why, ENOMEM) :
		    read_all(fd, s, why);
	}
	close(fd);
	if (error != 0)
		source_fini(s);
	else
		skip_mark(s);
	return error;
}

void
source_fini(struct source *s)
{
	if (s->text != NULL)
		explicit_bzero(s->text, s->size);
	free(s->text);
	*s = (struct source){ 0 };
}

/* A walk over the text in libconfig's lexical terms. */
struct walk {
	const char	*p;
	const char	*end;
	unsigned	 line;
	unsigned	 depth;
	unsigned	 settings[DEPTH_MAX + 1];
	const char	*why;
};

/* Step over one character, which must be text. False: w->why is set. */
static bool
step(struct walk *w)
{
	const unsigned char *p = (const unsigned char *)w->p, c = *p;
	size_t n = utf8_length(p, (size_t)(w->end - w->p));

	if (n == 0)
		w->why = "ill-formed UTF-8";
	else if (c == '\0')
		w->why = "a NUL byte";
	else if ((c < ' ' && !isspace(c)) || c == 0x7f)
		w->why = "a control character";
	else if (c == '\n' && w->line++ >= LINES_MAX)
		w->why = "too many lines: 65535 are the most";
	w->p += n;
	return w->why == NULL;
}

/* From the opening quote to behind the closing one. */
static bool
walk_string(struct walk *w)
{
	unsigned opened = w->line;

	for (w->p++; w->p < w->end; ) {
		if (*w->p == '"') {
			w->p++;
			return true;
		}
		if (*w->p == '\\' && strncmp(w->p, "\\x00", 4) == 0) {
			w->why = "a NUL character in a string";
			return false;
		}
		if (*w->p == '\\')
			w->p++;
		if (w->p < w->end && !step(w))
			return false;
	}
	w->line = opened;
	w->why = "this string has no end";
	return false;
}

/* Over the comment at w->p, if it is one. False: w->why is set. */
static bool
walk_comment(struct walk *w)
{
	unsigned opened = w->line;

	if (*w->p == '#' || strncmp(w->p, "//", 2) == 0) {
		while (w->p < w->end && *w->p != '\n')
			if (!step(w))
				return false;
		return true;
	}
	if (strncmp(w->p, "/*", 2) != 0)
		return step(w);
	for (w->p += 2; w->p < w->end; )
		if (strncmp(w->p, "*/", 2) == 0) {
			w->p += 2;
			return true;
		} else if (!step(w))
			return false;
	w->line = opened;
	w->why = "this comment has no end";
	return false;
}

/* Over a name or number; libconfig wraps what does not fit an int. */
static bool
walk_word(struct walk *w)
{
	const char *start = w->p;
	char *end;
	unsigned long long number;

	w->p += strspn(w->p, "0123456789abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ-+_*.");
	if (*start == '-' || *start == '+')
		start++;
	if (!isdigit((unsigned char)*start))
		return true;
	number = strtoull(start, &end,
	    start[0] == '0' && (start[1] | ' ') == 'x' ? 16 : 10);
	if (end == w->p && number > INT_MAX)
		w->why = "whole numbers above 2147483647 need an L at the end";
	return w->why == NULL;
}

static bool
walk_sign(struct walk *w)
{
	switch (*w->p) {
	case '(': case '[': case '{':
		if (w->depth++ >= DEPTH_MAX)
			w->why = "nested too deeply";
		else
			w->settings[w->depth] = 0;
		break;
	case ')': case ']': case '}':
		w->depth -= w->depth > 0;
		break;
	case '=': case ':':
		if (w->settings[w->depth]++ >= SETTINGS_MAX)
			w->why = "too many settings in one group";
		break;
	case '@':
		if (strncmp(w->p, "@include", 8) == 0)
			w->why = "@include is not supported: changes of the "
			    "included file would go unnoticed";
		break;
	}
	return w->why == NULL && step(w);
}

unsigned
source_check(const struct source *s, const char **why)
{
	struct walk w = {
		.p = s->text, .end = s->text + s->size, .line = 1
	};
	bool good = true;

	while (good && w.p < w.end)
		if (*w.p == '"')
			good = walk_string(&w);
		else if (*w.p == '#' || *w.p == '/')
			good = walk_comment(&w);
		else if (isalnum((unsigned char)*w.p) || *w.p == '*' ||
		    *w.p == '-' || *w.p == '+')
			good = walk_word(&w);
		else
			good = walk_sign(&w);
	*why = w.why;
	return good ? 0 : w.line;
}
