/* secrets.h - values of environment variables that were given at run time, sealed. */
#ifndef STORE_SECRETS_H
#define STORE_SECRETS_H

#include <stdbool.h>

#include "store/managed.h"
#include "store/seal.h"

struct db;

/*
 * The key that seals. A file for it is made only while nothing is sealed: who
 * runs without a variable that others have would seal what they cannot open.
 * False: why says so. Blocks.
 */
bool	secrets_load_seal(struct db *, struct seal *,
	    const struct seal_place *);

/* VALUE stands in for the variable NAME from now on where that is not set. Blocks. */
enum managed_end secrets_set(struct db *, const char *name, const char *value,
	    const struct seal *, int64_t now_s);
#endif
