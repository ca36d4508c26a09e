/* objects.h - who made what a provider keeps, so that nobody else gets at it. */
#ifndef STORE_OBJECTS_H
#define STORE_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

enum {
	OBJECTS_KIND_MAX = 64, OBJECTS_ID_MAX = 256, OBJECTS_URL_MAX = 4096,
	OBJECTS_NAME_MAX = 128, OBJECTS_KEY_MAX = 64,
	OBJECTS_OF_KEY_MAX = 100000	/* of one kind, about; then the oldest go */
};

/* What one provider calls by an id belongs to one key. */
struct object {
	char		 kind[OBJECTS_KIND_MAX];	/* "response", "image", "files" */
	char		 id[OBJECTS_ID_MAX];
	char		 provider[OBJECTS_NAME_MAX];
	/*
	 * Image: where it is. Else the base URL that knows the object where that
	 * is not the provider's own; "" otherwise.
	 */
	char		 url[OBJECTS_URL_MAX];
	char		 key_id[OBJECTS_KEY_MAX];	/* whose it is */
	int64_t		 expires;	/* seconds since 1970 */
	bool		 is_unpaid;	/* of no meaning here: see store/unpaid */
};

/* Which of a provider's. */
struct object_id {
	char		 kind[OBJECTS_KIND_MAX];
	char		 id[OBJECTS_ID_MAX];
};

enum objects_result {
	OBJECTS_OK,
	OBJECTS_NONE,			/* there is none, or it is another key's */
	OBJECTS_DB_ERROR
};

/*
 * Remember OBJECT for as long as its kind is kept from NOW on: images a day,
 * responses 30 days, others 400 days. OBJECTS_NONE: another key has made what
 * this provider calls so, and it stays that key's. Blocks.
 */
enum objects_result objects_put(struct db *, const struct object *,
	    int64_t now);

/*
 * The same for the N in IDS, with the rest as in OBJECT, all at once. What comes
 * of the first is returned.
 */
enum objects_result objects_put_all(struct db *, const struct object *,
	    const struct object_id *ids, size_t n, int64_t now);

/*
 * Find the object with OUT's kind, id and key_id and fill in the rest; of
 * several, at different providers, the one of OUT's provider ("" = the latest).
 * Who finds it keeps it for longer, but for images and responses. Blocks.
 */
enum objects_result objects_find(struct db *, struct object *out,
	    int64_t now);

/*
 * Which of the N ids, of the kind, provider and key_id of OBJECT, are its key's?
 * IS_OWN[i] is set for those. Blocks.
 */
enum objects_result objects_find_own(struct db *, const struct object *,
	    const char *const *ids, bool *is_own, size_t n, int64_t now);

/* Does the key_id of OBJECT have any of its kind at its provider? Blocks. */
enum objects_result objects_find_any(struct db *, const struct object *,
	    int64_t now);

/* Does another key have what OBJECT's kind and id name? Blocks. */
enum objects_result objects_find_others(struct db *, const struct object *,
	    int64_t now);

/* Forget what has OBJECT's kind, id, provider and key_id. Blocks. */
enum objects_result objects_forget(struct db *, const struct object *);
#endif
