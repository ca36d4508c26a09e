/* keys.h - the keys of clients in the database: making and changing them.
 *
 * A key is kept as its SHA-256 alone. Its record stays one and the same when it
 * is rotated, and so does the id by which journal and usage know its holder. Keys
 * that are shorter than may be given now, from before, go on.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hint.h"
#include "store/keys_limits.h"

struct db;

enum {
	KEYS_HASH = 32,
	KEYS_ID_SIZE = 33,		/* of the first key: key_ids_make */
	KEYS_MADE_SIZE = 52,		/* "sk-", 48 letters and digits, NUL */
	KEYS_SECRET_MIN = 16, KEYS_SECRET_MAX = 512,
	KEYS_NAME_MAX = 64, KEYS_OWNER_MAX = 128,
	KEYS_REMOTE_USER_MAX = 256,
	KEYS_PATTERN_MAX = 128, KEYS_PATTERNS_MAX = 64,
};

enum keys_end {
	KEYS_DONE, KEYS_BAD_NAME, KEYS_BAD_OWNER, KEYS_BAD_REMOTE_USER,
	KEYS_BAD_MODELS, KEYS_BAD_ENDPOINTS, KEYS_BAD_LIMIT, KEYS_BAD_TIME,
	KEYS_BAD_SECRET, KEYS_NAME_TAKEN, KEYS_REMOTE_USER_TAKEN,
	KEYS_SECRET_TAKEN, KEYS_NOT_FOUND, KEYS_BROKEN, KEYS__END
};

/* A sentence about it. */
const char *keys_end_text(enum keys_end);

/* What may be given; the rest stays, and is empty, unlimited or true at first. */
struct keys_change {
	const char	*owner;		/* NULL: not given */
	const char	*models;	/* patterns, each on a line; "": all */
	const char	*endpoints;	/* API paths ("chat/completions"), likewise */
	bool		 has_expires, has_enabled;
	int64_t		 expires;	/* seconds since 1970; 0: never */
	bool		 enabled;
	/* Of whom the web server knows to be this; one key's alone. "": nobody. */
	const char	*remote_user;
	bool		 has_limit[KEYS__LIMITS];
	struct keys_limits limits;	/* where has_limit; 0: none */
};

/* One as it is told to people. Times in seconds since 1970, 0: none. */
struct keys_record {
	const char	*id, *name, *owner, *models, *endpoints;
	bool		 enabled;
	int64_t		 created, expires, rotated;
	int64_t		 old_until;	/* how long the key before it is good, too */
	const char	*hint;		/* hint_make of the key; "": it is older than hints */
	const char	*remote_user;	/* "": nobody's */
	struct keys_limits limits;
};

/* Make up a key that nobody can guess. After sodium_init. */
void	keys_make(char secret[KEYS_MADE_SIZE]);

/* All that follow block, and leave the database as it was unless they succeed. */

enum keys_end keys_add(struct db *, const char *name, const char *secret,
	    const struct keys_change *, int64_t now_s);
enum keys_end keys_set(struct db *, const char *name,
	    const struct keys_change *);
enum keys_end keys_delete(struct db *, const char *name);

/*
 * SECRET takes the place of NAME's key, which stays good for GRACE_S seconds
 * beside it. What was replaced before that one is good no more.
 */
enum keys_end keys_rotate(struct db *, const char *name, const char *secret,
	    int64_t grace_s, int64_t now_s);

/* Call EACH for every key, by name; the record is lent for the call. */
enum keys_end keys_each(struct db *,
	    void (*each)(void *arg, const struct keys_record *), void *arg);

/* Call EACH for the key of this NAME, if there is one. */
enum keys_end keys_tell(struct db *, const char *name,
	    void (*each)(void *arg, const struct keys_record *), void *arg);
#endif
