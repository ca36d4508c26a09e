/* managed_channels.h - channels in the database. */
#ifndef STORE_MANAGED_CHANNELS_H
#define STORE_MANAGED_CHANNELS_H

#include "store/managed.h"
#include "store/seal.h"

struct db;

/* What may be given; the rest stays, and is as usual at first. */
struct managed_change {
	const char	*name, *kind, *base_url;	/* NULL: not given */
	const char	*api_key_env;	/* NULL: not given; either of these two ends the other */
	const char	*api_key;	/* NULL: not given; borrowed for the call */
	const struct seal *seal;	/* what seals it */
	bool		 has_weight, has_priority, has_enabled;
	unsigned	 weight;	/* 0: as usual */
	unsigned	 priority;
	bool		 enabled;
};

/* One as it is told to people. Times in seconds since 1970. */
struct managed_record {
	int64_t		 id;
	const char	*name, *kind, *base_url;
	const char	*hint;		/* of its key; "" = it has none of its own */
	const char	*api_key_env;	/* "" = none */
	unsigned	 weight, priority;
	bool		 enabled;
	int64_t		 created, updated;
};

/* All that follow block, and leave the database as it was unless they succeed. */

/*
 * A new channel, *ID, for MODELS (COUNT of them): those that are not there are
 * made, and mapped by the same name.
 */
enum managed_end managed_channels_add(struct db *,
	    const struct managed_change *, const char *const *models,
	    size_t count, int64_t now_s, int64_t *id);

/*
 * A base URL of another origin is MANAGED_NEEDS_KEY unless the key or its
 * variable comes with it: a key is sealed for the channel's id and origin.
 */
enum managed_end managed_channels_set(struct db *, int64_t id,
	    const struct managed_change *, int64_t now_s);
enum managed_end managed_channels_delete(struct db *, int64_t id);

/*
 * Call EACH for every channel, or the one with ID unless that is 0; the record
 * is lent for the call.
 */
enum managed_end managed_channels_each(struct db *, int64_t id,
	    void (*each)(void *arg, const struct managed_record *), void *arg);

/* The one called NAME. */
enum managed_end managed_channels_find(struct db *, const char *name,
	    int64_t *id);
#endif
