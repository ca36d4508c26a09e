/* secrets.h - values of environment variables that were given at run time, sealed. */
#ifndef STORE_SECRETS_H
#define STORE_SECRETS_H

#include "store/managed.h"
#include "store/seal.h"

struct db;

/* VALUE stands in for the variable NAME from now on where that is not set. Blocks. */
enum managed_end secrets_set(struct db *, const char *name, const char *value,
	    const struct seal *, int64_t now_s);
#endif
