/* key_list.h - the keys of clients as a process knows them: read whole, never changed. */
#ifndef STORE_KEY_LIST_H
#define STORE_KEY_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/keys.h"

/* What the gate asks of one. */
struct key {
	char		 id[KEYS_ID_SIZE];
	bool		 enabled;
	int64_t		 expires;	/* seconds since 1970; 0 = never */
	const char	*models;	/* patterns, each on a line; "" = all */
	const char	*endpoints;	/* likewise */
	bool		 is_limited;	/* some of: */
	struct keys_limits limits;
};

struct key_list;
struct sqlite3;

/* Neither these nor finding takes locks: all references belong to one thread. */
struct key_list *key_list_ref(struct key_list *);
void	key_list_unref(struct key_list *);	/* NULL is fine */

/*
 * The key whose SHA-256 HASH is, or was until a rotation whose grace lasts at
 * NOW_S. NULL: there is none, or LIST is NULL. Whether it is enabled and not
 * expired is for the caller to see.
 */
const struct key *key_list_find(const struct key_list *list,
	    const unsigned char hash[KEYS_HASH], int64_t now_s);

/* The key whose holder the web server knows to be USER, likewise. */
const struct key *key_list_find_user(const struct key_list *list,
	    const char *user);

size_t	key_list_count(const struct key_list *);	/* of NULL: 0 */

/* All there are. NULL: they cannot be read to the end. Blocks. */
struct key_list *key_list_read(struct sqlite3 *);
#endif
