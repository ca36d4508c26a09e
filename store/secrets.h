/* secrets.h - values of environment variables that were given at run time, sealed. */
#ifndef STORE_SECRETS_H
#define STORE_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/*
 * VALUE stands in for the variable NAME from now on where that is not set, and is
 * sealed for each of PLACES (COUNT of them, provider_places): it opens for no
 * other. What stood in for it before does so no more. Blocks.
 */
enum managed_end secrets_set(struct db *, const char *name, const char *value,
	    const char *const *places, size_t count, const struct seal *,
	    int64_t now_s);

/* ---- For seal_upgrade.c. ---- */

struct sqlite3;

/* One such row, in a transaction of the caller's. */
enum managed_end secrets_insert(struct sqlite3 *, const char *name,
	    const char *value, const char *place, const struct seal *,
	    int64_t now_s);
#endif
