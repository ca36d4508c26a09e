/* keyfile.h - writing the lines of an env_file; env.h reads them. */
#ifndef CONF_KEYFILE_H
#define CONF_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct keyfile_variable {
	const char	*name;
	const char	*value;		/* NULL: written as an empty one */
};

/* True when some way of quoting makes VALUE one line of such a file. */
bool	keyfile_can_hold(const char *value);

/*
 * Write the lines of OLD (the text of an env_file, or NULL) except those of the
 * COUNT VARIABLES, and then these. Each value passes keyfile_can_hold.
 */
void	keyfile_write(FILE *, const char *old,
	    const struct keyfile_variable *variables, size_t count);
#endif
