/* key_ids.h - names for clients' keys, from which nobody finds the key.
 *
 * Half of an HMAC-SHA-256 with a key of the installation, which is in the file
 * ids.key in state_dir: a dictionary of keys that somebody may have chosen leads
 * from an id to its key only for who has that file as well.
 */
#ifndef STORE_KEY_IDS_H
#define STORE_KEY_IDS_H

#include <stdbool.h>

#include "store/keys.h"
#include "store/secret_file.h"

/* The installation's key, and why it cannot be used. */
struct key_ids {
	struct secret_file file;
};

/* The file in STATE_DIR, made where it is not there. False: why says why. Blocks. */
bool	key_ids_load(struct key_ids *, const char *state_dir);

/* One that ends with its owner: ids are of use in it alone. */
void	key_ids_make_up(struct key_ids *);

void	key_ids_forget(struct key_ids *);

/* "k" and 31 hex digits: the id of the key whose SHA-256 HASH is. */
void	key_ids_make(const struct key_ids *, const unsigned char *hash,
	    char id[KEYS_ID_SIZE]);

/*
 * The id of the key whose id was OLD in the versions before, the first half of
 * its SHA-256 in hex. Any other text is as it is, up to KEYS_ID_SIZE.
 */
void	key_ids_translate(const struct key_ids *, const char *old,
	    char id[KEYS_ID_SIZE]);
#endif
