/* salts.h - what is hashed with a sticky caller, so that it gets another channel.
 *
 * A caller has none, which is 0, until an administrator ends its session. A new
 * one may lead to the same channel again.
 */
#ifndef STORE_SALTS_H
#define STORE_SALTS_H

#include <stdbool.h>
#include <stdint.h>

struct db;
struct sqlite3;

enum { SALTS_MAX = 65536 };		/* then the oldest ones are forgotten */

/* All there are, as a process knows them; plain memory, never changed. */
struct salts;

/* NULL: they cannot be read. Blocks. */
struct salts *salts_read(struct sqlite3 *);
void	salts_free(struct salts *);		/* NULL is fine */

/* Of NULL: 0. */
uint64_t salts_find(const struct salts *, uint64_t caller);

/*
 * Give CALLER another salt at NOW_S unless it has one other than SALT already.
 * *DONE says whether it was given. False: the database failed. Blocks.
 */
bool	salts_change(struct db *, uint64_t caller, uint64_t salt,
	    int64_t now_s, bool *done);
#endif
