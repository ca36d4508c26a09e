/* managed_models.h - models in the database, and the channels that have them. */
#ifndef STORE_MANAGED_MODELS_H
#define STORE_MANAGED_MODELS_H

#include "store/managed.h"

struct db;

/* As they are told to people. Times in seconds since 1970. */
struct managed_model {
	int64_t		 id;
	const char	*name;
	int64_t		 channels_count;
	int64_t		 created, updated;
};

struct managed_mapping {
	int64_t		 id, model_id, channel_id;
	const char	*model, *channel;	/* their names */
	const char	*backend_model_name;	/* the model's name upstream */
	unsigned	 weight;
	int64_t		 created;
};

/* All of these block, and leave the database as it was unless they succeed. */

enum managed_end managed_models_add(struct db *, const char *name,
	    int64_t now_s, int64_t *id);
enum managed_end managed_models_rename(struct db *, int64_t id,
	    const char *name, int64_t now_s);
enum managed_end managed_models_delete(struct db *, int64_t id);
enum managed_end managed_models_find(struct db *, const char *name,
	    int64_t *id);

/* Call EACH for every model, by name, or the one with ID unless that is 0. */
enum managed_end managed_models_each(struct db *, int64_t id,
	    void (*each)(void *arg, const struct managed_model *), void *arg);

/* WEIGHT 0 is the usual one. */
enum managed_end managed_models_map(struct db *, int64_t model,
	    int64_t channel, const char *backend_model_name, unsigned weight,
	    int64_t now_s);
enum managed_end managed_models_unmap(struct db *, int64_t model,
	    int64_t channel);

/* Call EACH for every channel of MODEL, or CHANNEL alone unless that is 0. */
enum managed_end managed_models_mappings(struct db *, int64_t model,
	    int64_t channel,
	    void (*each)(void *arg, const struct managed_mapping *), void *arg);
#endif
