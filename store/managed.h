/* managed.h - what is made at run time beside the provider files: what may be
 * stored, and how changing it ends.
 *
 * A channel is one upstream at one base URL. A model is a name that clients may
 * ask for. A mapping leads from a model to a channel that has it.
 */
#ifndef STORE_MANAGED_H
#define STORE_MANAGED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite3;
struct sqlite3_stmt;

enum {
	MANAGED_NAME_MAX = 88,		/* of a channel: as long as the state's and a label's */
	MANAGED_MODEL_MAX = 256, MANAGED_URL_MAX = 1024,
	MANAGED_WEIGHT_MAX = 1000000, MANAGED_PRIORITY_MAX = 1000000,
	MANAGED_USUAL_WEIGHT = 10,
	MANAGED_MODELS_MAX = 1000	/* in one creation of a channel */
};

enum managed_end {
	MANAGED_DONE, MANAGED_BAD_NAME, MANAGED_BAD_KIND, MANAGED_BAD_URL,
	MANAGED_BAD_AZURE, MANAGED_BAD_VARIABLE, MANAGED_BAD_SECRET,
	MANAGED_NEEDS_KEY,
	MANAGED_BAD_WEIGHT, MANAGED_BAD_PRIORITY, MANAGED_BAD_MODEL,
	MANAGED_BAD_TARGET, MANAGED_NAME_TAKEN, MANAGED_MODEL_TAKEN,
	MANAGED_MAPPING_TAKEN, MANAGED_NO_CHANNEL, MANAGED_NO_MODEL,
	MANAGED_NO_MAPPING, MANAGED_BROKEN, MANAGED__END
};

/* A sentence about it. */
const char *managed_end_text(enum managed_end);

/* ---- What may be stored. ---- */

bool	managed_is_name(const char *);		/* of a channel */
bool	managed_is_model(const char *);		/* "*" stands for any other name */
bool	managed_is_secret(const char *);
bool	managed_is_azure(const char *base_url);	/* kind azure has no api_version here */

/* ---- For the files beside this one. ---- */

/* Prepare SQL. NULL: it cannot be done. */
struct sqlite3_stmt *managed_prepare(struct sqlite3 *, const char *sql);

/* NULL and "not given" are the same. */
void	managed_bind_text(struct sqlite3_stmt *, int index, const char *);
const char *managed_column(struct sqlite3_stmt *, int column);	/* never NULL */

/*
 * Run STMT to its end, and finalize it. A row that comes back is its success,
 * with the first column in *ID (NULL: nobody asks); without one it ends with
 * NONE, on a row that is taken with TAKEN. STMT NULL is broken.
 */
enum managed_end managed_run(struct sqlite3_stmt *, enum managed_end none,
	    enum managed_end taken, int64_t *id);
#endif
