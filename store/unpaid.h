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
	int64_t		 ask_ms;	/* when to ask the provider, if nobody else does */
};

enum unpaid_result {
	UNPAID_OK,
	UNPAID_NONE,			/* it is paid for, or somebody is about to */
	UNPAID_DB_ERROR
};

/* Remember one. Blocks, as all of these. */
enum unpaid_result unpaid_put(struct db *, const struct unpaid *);

/* Find what OUT's provider, id and key_id name, and fill in the rest. */
enum unpaid_result unpaid_find(struct db *, struct unpaid *out);

/* Find the one that is due at NOW_MS for longest. */
enum unpaid_result unpaid_find_due(struct db *, struct unpaid *out,
	    int64_t now_ms);

/* It is not done yet: ask at ASK_MS. */
enum unpaid_result unpaid_delay(struct db *, const struct unpaid *,
	    int64_t ask_ms);

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
