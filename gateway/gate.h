/* gate.h - who may come in. */
#ifndef GATEWAY_GATE_H
#define GATEWAY_GATE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "gateway/snapshot.h"

/*
 * Is CREDENTIAL (the bare key, or NULL) one of the client keys? ERR_NONE, or
 * ERR_INVALID_API_KEY. Takes the same time whichever key matches, and looks at
 * all of them when none does.
 *
 * *KEY_ID, in ARENA, is a name for the key's holder from which the key cannot
 * be found: the first 32 hex digits of its SHA-256. NULL: it was refused, or
 * everybody may come in.
 */
enum err gate_check(const struct snapshot *, const char *credential,
	    struct arena *, const char **key_id);

/* Is CREDENTIAL the admin key? While none is configured, nothing is. */
bool	gate_is_admin(const struct snapshot *, const char *credential);

/* May the client at ADDRESS (NULL: it is not known) see /metrics without a key? */
bool	gate_allows_metrics(const struct snapshot *, const char *address);

/* Does CREDENTIAL equal SECRET? In constant time. NULL never equals. */
bool	gate_equal(const char *credential, const char *secret);
#endif
