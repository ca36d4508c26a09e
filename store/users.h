/* users.h - users, each of whom is a number, a name, and a key of clients. */
#ifndef STORE_USERS_H
#define STORE_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/keys.h"

struct db;

enum { USERS_NAME_MAX = 128 };

/* One to be. NAME and OWNER are text on one line, which may be "". */
struct users_new {
	const char	*name, *owner, *secret;
	bool		 is_only;	/* the owner may have no other of this name */
};

/* One as it is told to people. Times in seconds since 1970. */
struct users_record {
	int64_t		 id;
	const char	*name, *hint;
	int64_t		 created;
	int64_t		 updated;	/* its key may have been rotated */
};

/* A key of clients as its owner knows it: by its user's name, or else its own. */
struct users_key {
	const char	*name, *owner, *hint;
	bool		 is_good;	/* enabled, not expired */
};

/*
 * All of these block, and leave the database as it was unless they succeed. What
 * there is of each user goes together: deleting its key deletes it, too.
 */

/* Make a user *ID with a key of the name "user-ID". KEYS_NAME_TAKEN: see is_only. */
enum keys_end users_add(struct db *, const struct users_new *, int64_t now_s,
	    int64_t *id);
enum keys_end users_delete(struct db *, int64_t id);

/* Call EACH for the user ID, or all in the order of ids if that is 0. */
enum keys_end users_each(struct db *, int64_t id,
	    void (*each)(void *arg, const struct users_record *), void *arg);

/* Delete OWNER's key SECRET that is called NAME: all three must be right. */
enum keys_end users_delete_key(struct db *, const char *owner,
	    const char *name, const char *secret);

/* Call EACH for every key there is, a user's or not, in the order of owners and names. */
enum keys_end users_each_key(struct db *, int64_t now_s,
	    void (*each)(void *arg, const struct users_key *), void *arg);
#endif
