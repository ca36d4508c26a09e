/* gate.h - who may come in. */
#ifndef GATEWAY_GATE_H
#define GATEWAY_GATE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "gateway/snapshot.h"

/*
 * Is CREDENTIAL (the bare key, or NULL) one of the client keys? ERR_NONE, or
 * ERR_INVALID_API_KEY. Takes the same time whichever key matches, and whether
 * one does.
 */
enum err gate_check(const struct snapshot *, const char *credential);

/* Is CREDENTIAL the admin key? While none is configured, nothing is. */
bool	gate_is_admin(const struct snapshot *, const char *credential);

/* May the client at ADDRESS (NULL: it is not known) see /metrics without a key? */
bool	gate_allows_metrics(const struct snapshot *, const char *address);

/* A name for CREDENTIAL's holder from which the key cannot be found: 32 hex digits of its SHA-256. */
const char *gate_key_id(struct arena *, const char *credential);

/* Does CREDENTIAL equal SECRET? In constant time. NULL never equals. */
bool	gate_equal(const char *credential, const char *secret);
#endif
