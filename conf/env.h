/* env.h - the variables of an env_file. */
#ifndef CONF_ENV_H
#define CONF_ENV_H

struct conf_env;
struct reader;

/*
 * Read r->file: lines NAME=value, where the value may stand in single or double
 * quotes; empty lines and lines that begin with # do not count, a leading
 * "export " neither, nor what follows a # behind a space or a quoted value. The file must be regular, and belong to the caller or
 * root with no rights for group and others. Everything wrong is reported
 * through R. Returns NULL when it cannot be used.
 */
struct conf_env *env_load(struct reader *r);
void	env_free(struct conf_env *);		/* overwrites the values; NULL is fine */

/* NAME's value in the file, borrowed, or NULL. Fine with a NULL env. */
const char *env_find(const struct conf_env *, const char *name);

/*
 * Move NAME's value, if it has one, out of the process's environment to where
 * env_get alone finds it, in front of any file; its bytes there are overwritten.
 * Not while other threads read the environment.
 */
void	env_hide(const char *name);

/*
 * NAME's value in the process's environment, also a hidden one, else in the file; NULL when it is
 * empty or not set. Fine with a NULL env.
 */
const char *env_get(const struct conf_env *, const char *name);
#endif
