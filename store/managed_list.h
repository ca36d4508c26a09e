/* managed_list.h - channels, models and secrets of the database as a process
 * knows them: read whole, never changed.
 *
 * Keys stay sealed in it: who compiles a configuration opens them.
 */
#ifndef STORE_MANAGED_LIST_H
#define STORE_MANAGED_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite3;

struct managed_sealed {
	const void	*bytes;		/* NULL: there is none */
	size_t		 len;
};

/* A model that a channel has. */
struct managed_served {
	const char	*model;
	const char	*target;	/* its name upstream */
	unsigned	 weight;
	int64_t		 created;	/* the model, in seconds since 1970 */
};

/* A channel that is enabled. */
struct managed_channel {
	int64_t		 id;
	const char	*name, *kind, *base_url;
	const char	*api_key_env;	/* NULL: none */
	struct managed_sealed key;
	unsigned	 weight, priority;
	struct managed_served *models;
	size_t		 model_count;
};

struct managed_secret {
	const char	*name;		/* of the variable that it stands in for */
	const char	*place;		/* that it is sealed for; "": none, as secrets were before */
	struct managed_sealed value;
};

struct managed_list {
	unsigned	 refs;
	struct managed_channel *channels;	/* by id */
	size_t		 channel_count;
	struct managed_secret *secrets;
	size_t		 secret_count;
	bool		 is_bound;	/* no channel's key is as keys were sealed before */
	bool		 needs_upgrade;	/* seal_upgrade_run has something to do */
};

/* Neither takes locks: all references belong to one thread. NULL is fine. */
struct managed_list *managed_list_ref(struct managed_list *);
void	managed_list_unref(struct managed_list *);

/*
 * The secret that stands in for the variable NAME at PLACE (NULL: wherever), or
 * NULL. LIST may be NULL.
 */
const struct managed_secret *managed_list_find_secret(
	    const struct managed_list *list, const char *name,
	    const char *place);

/* All there is. NULL: it cannot be read to the end. Blocks. */
struct managed_list *managed_list_read(struct sqlite3 *);
#endif
