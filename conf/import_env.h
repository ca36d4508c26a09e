/* import_env.h - the old system's environment, whatever it was written in. */
#ifndef CONF_IMPORT_ENV_H
#define CONF_IMPORT_ENV_H

#include <stdbool.h>

struct import;

/*
 * Take the settings NAME=value of TEXT: an environment file, a shell script or
 * a Python file with constants. Only lines that begin with a name and "=" (or
 * "export " before it) count; a quoted value may go over several lines. Of two
 * with the same name the last one counts. From then on import_env_get sees
 * these and not the process's environment.
 */
void	import_env_take(struct import *, const char *text);

/* Read PATH, as above. False: it was reported. */
bool	import_env_load(struct import *, const char *path);

/* NAME's value, borrowed; NULL when it is not set or empty. */
const char *import_env_get(const struct import *, const char *name);

/*
 * The level of Python's logging that the variable NAME has, where it is set, becomes
 * log.level. What is none is noted.
 */
void	import_env_take_level(struct import *, const char *name);

/*
 * Tell about every one of the settings WORDS ("NAME: why it is not carried
 * over", ends with NULL) that is set.
 */
void	import_env_note(struct import *, const char *const *words);
#endif
