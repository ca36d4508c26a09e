/* unpaid.h - responses that are made in the background: each is charged once, when it is done. */
#ifndef STORE_UNPAID_H
#define STORE_UNPAID_H

#include <stddef.h>
#include <stdint.h>

#include "store/objects.h"

struct db;

enum { UNPAID_MODEL_MAX = 257, UNPAID_CLAIM_MAX = 40 };

/* One that its provider has begun, and nobody has paid for yet. */
struct unpaid {
	char		 provider[OBJECTS_NAME_MAX];
	char		 id[OBJECTS_ID_MAX];
	char		 url[OBJECTS_URL_MAX];	/* as of its object */
	char		 key_id[OBJECTS_KEY_MAX];	/* who is to pay */
	char		 model[UNPAID_MODEL_MAX];	/* as the client asked for it */
	int64_t		 made_ms;	/* wall clock */
};

enum unpaid_result {
	UNPAID_OK,
	UNPAID_NONE,			/* it is paid for, or somebody is about to */
	UNPAID_DB_ERROR
};

/*
 * Remember one, and forget those of 30 days before: as long as a response can be
 * asked for. Blocks, as all of these.
 */
enum unpaid_result unpaid_put(struct db *, const struct unpaid *);

/* Find what OUT's provider, id and key_id name, and fill in the rest. */
enum unpaid_result unpaid_find(struct db *, struct unpaid *out);

/*
 * The request CLAIM is about to pay, and nobody else may. Who has claimed it an
 * hour ago and has no line in the journal in DIR has died before paying.
 */
enum unpaid_result unpaid_claim(struct db *, const struct unpaid *,
	    const char *claim, int64_t now_ms, const char *dir);

/* The request CLAIM has not paid after all. */
enum unpaid_result unpaid_release(struct db *, const struct unpaid *,
	    const char *claim);

/* The request CLAIM has paid, or there is nothing to pay. */
enum unpaid_result unpaid_forget(struct db *, const struct unpaid *,
	    const char *claim);
#endif
