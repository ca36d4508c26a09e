/* objects.h - which provider made an object that the client may ask for later. */
#ifndef STORE_OBJECTS_H
#define STORE_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

struct db;

enum { OBJECTS_ID_MAX = 256, OBJECTS_URL_MAX = 4096, OBJECTS_NAME_MAX = 128 };

struct object {
	char		 kind[16];	/* "response", "image" */
	char		 id[OBJECTS_ID_MAX];
	char		 provider[OBJECTS_NAME_MAX];
	char		 url[OBJECTS_URL_MAX];	/* image: where it is; "" otherwise */
	char		 key_id[64];	/* whose it is */
	int64_t		 expires;	/* seconds since 1970 */
};

/*
 * Remember OBJECT, or replace what has its kind, id and key_id; what has expired is
 * forgotten now and then. False: it could not be stored. Blocks.
 */
bool	objects_put(struct db *, const struct object *);

/*
 * Find the unexpired object with OUT's kind, id and key_id and fill in the
 * rest. False: there is none (another key's counts as none). Blocks.
 */
bool	objects_find(struct db *, struct object *out, int64_t now);
#endif
