/* source.h - a configuration file's text, read whole and fit to be parsed. */
#ifndef CONF_SOURCE_H
#define CONF_SOURCE_H

#include <stddef.h>
#include <sys/stat.h>

#include "base/err.h"

enum { SOURCE_MAX_BYTES = 1 << 20 };	/* of one configuration file */

struct source {
	char		*text;		/* owned, NUL-terminated */
	size_t		 size;		/* without the NUL */
	struct stat	 st;		/* of the open file */
};

/*
 * Read the regular file PATH (MAX bytes at most, never waiting for a pipe). A byte
 * order mark of UTF-8 at its start is left out.
 * Returns 0, or an errno value with WHY set: why it cannot be used, in words.
 */
int	source_load(struct source *, const char *path, size_t max,
	    const char **why);
void	source_fini(struct source *);	/* overwrites the text: it may hold secrets */

/*
 * Look for what libconfig would take silently or badly: NUL and control
 * characters, ill-formed UTF-8, @include, a comment or string without an end,
 * nesting and settings without bound, whole numbers that would overflow.
 * Returns 0, or the line of the first problem with WHY set.
 */
unsigned source_check(const struct source *, const char **why);
#endif
