/* api_managed.h - what the routes of channels, models, mappings and providers'
 * keys have in common. */
#ifndef HANDLERS_API_MANAGED_H
#define HANDLERS_API_MANAGED_H

#include <stdbool.h>
#include <stdint.h>

#include "handlers/admin.h"
#include "store/store.h"

/* True: END is a success. Else the job fails with what END means. */
bool	api_managed_is_done(struct admin_job *, enum managed_end);

/* The first id in the path. False: it is none, and the job failed as MISSING. */
bool	api_managed_get_id(struct admin_job *, enum managed_end missing,
	    int64_t *id);

/*
 * The key that seals, made where there is none yet. False: the job has failed.
 * On the thread pool.
 */
bool	api_managed_load_seal(struct admin_job *, struct seal *);

/* Has a provider file of the job's configuration this name? */
bool	api_managed_is_file(const struct admin_job *, const char *name);

/* VALUE, NULL unless it is set and not empty: S3's clients leave empty what stays. */
const char *api_managed_text(const struct field_value *value);

/* A weight as S3 takes it: what is not above 0 is as usual, which is 0. */
unsigned api_managed_weight(const struct field_value *);
#endif
