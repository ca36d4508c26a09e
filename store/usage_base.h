/* usage_base.h - budgets go on from the usage in the database.
 *
 * A state file that is younger than the usage knows nothing of what was spent
 * before it: that is read from the database, once for each account.
 */
#ifndef STORE_USAGE_BASE_H
#define STORE_USAGE_BASE_H

#include <stdint.h>

#include "store/db.h"
#include "store/state.h"

/*
 * Give a base to every account without one that was made before IMPORTED_MS, at
 * which an import began that has left nothing over: all that was settled before
 * it is in the database. What cannot be read is left for the next time. Blocks;
 * any thread.
 */
void	usage_base_set(struct state *, const struct db *, uint64_t imported_ms);
#endif
