/* deny.h - members of a body by which a request chooses another model.
 *
 * A provider may be a router itself, and take the model of a request from other
 * members as well: a key that may use some models only must not send these.
 */
#ifndef GATEWAY_DENY_H
#define GATEWAY_DENY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/spelling.h"
#include "conf/conf.h"

/* Those of all providers, bit i of a mask being the i-th. */
struct deny {
	struct spelling	 names;
	bool		 has_all;	/* some provider denies them to every key */
};

void	deny_init(struct deny *);

/*
 * Add those that provider P denies, and return their mask; 0 = it denies none.
 * Beyond SPELLING_MAX there is no room: *FULL is then set, and the rest are not
 * known.
 */
uint64_t deny_add(struct deny *, const struct conf_provider *p, bool *full);

/*
 * The name of one of the members in MASK that P, whose own mask is DENIED, does
 * not take of a key; IS_LIMITED: that may use some models only. NULL: it takes
 * them all.
 */
const char *deny_find(const struct deny *, const struct conf_provider *p,
	    uint64_t denied, uint64_t mask, bool is_limited);
#endif
