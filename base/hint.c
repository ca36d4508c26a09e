#include "config.h"

#include "base/hint.h"

#include <stdio.h>
#include <string.h>

enum { HEAD_MAX = 3, TAIL_MAX = 4, SHARE = 3 };

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

void
hint_make(const char *secret, char hint[HINT_SIZE])
{
	size_t	 n = strlen(secret), shown = n / SHARE;
	size_t	 tail = least(shown, TAIL_MAX);
	size_t	 head = least(shown - tail, HEAD_MAX);

	snprintf(hint, HINT_SIZE, "%.*s...%s", (int)head, secret,
	    secret + n - tail);
}
