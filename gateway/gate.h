/* gate.h - who may come in. */
#ifndef GATEWAY_GATE_H
#define GATEWAY_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "gateway/call.h"
#include "gateway/snapshot.h"

/*
 * May CREDENTIAL (the bare key, or NULL) be used at the call's path? It must be
 * one of keys_env, which are all looked at, or of the call's keys: enabled, not
 * expired, else ERR_INVALID_API_KEY, whichever it is. The path must be one of
 * those that the key is limited to, else ERR_ENDPOINT_NOT_ALLOWED.
 *
 * The call then has a key_id, a name for the key's holder from which the key
 * cannot be found, and the key where it may have limits. No key_id: it was
 * refused as unknown, or everybody may come in.
 */
enum err gate_check(struct call *, const char *credential);

/*
 * May USER, whom the web server has let in, call as the key of which that is the
 * remote user? As above. NULL: it knows nobody.
 */
enum err gate_check_user(struct call *, const char *user);

/*
 * May the call's key be used with what NAME stands for? A model is judged by its
 * exposed id, however it was asked for; one of the default namespace answers to
 * that with "default/" before it, too. NULL, a request without a model, is for
 * keys alone that "*" opens all of them to. ERR_NONE or ERR_MODEL_NOT_ALLOWED.
 */
enum err gate_check_model(const struct call *, const char *name);

/* The same for a model that is not a wildcard. */
bool	gate_allows_model(const struct call *, const struct model *);

/* Is CREDENTIAL the admin key? While none is configured, nothing is. */
bool	gate_is_admin(const struct snapshot *, const char *credential);

/* May the client at ADDRESS (NULL: it is not known) see /metrics without a key? */
bool	gate_allows_metrics(const struct snapshot *, const char *address);

/*
 * Whose request it is, for what a channel learns of it: a hash of the key that
 * was accepted, or 0 where that tells nobody apart: there is no key, or one.
 */
uint64_t gate_client(const struct call *);

/* Does CREDENTIAL equal SECRET? In constant time. NULL never equals. */
bool	gate_equal(const char *credential, const char *secret);
#endif
