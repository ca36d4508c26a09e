/* import_write.h - the files of an import, all of them or none. */
#ifndef CONF_IMPORT_WRITE_H
#define CONF_IMPORT_WRITE_H

#include <stdbool.h>
#include <stdio.h>

struct import;

/*
 * Write DIRECTORY/sluice.conf, keys.env (mode 0600) and a file for each provider
 * in providers.d, making directories as needed. They are first written to a
 * directory of their own and read back as the responder would; only if nothing
 * is wrong they are moved to their places. Files that are there already are a
 * mistake, unless FORCE replaces them (of keys.env, those variables only). Names
 * of what was written go to OUT. False: reported, and nothing is written.
 */
bool	import_write(struct import *, const char *directory, bool force,
	    FILE *out);
#endif
