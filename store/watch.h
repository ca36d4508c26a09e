/* watch.h - what a process knows of the database by heart, and when that changes. */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H

#include <stdbool.h>

#include "store/db.h"
#include "store/key_list.h"
#include "store/managed_list.h"
#include "store/prompt_list.h"
#include "store/salts.h"

/* Each is read as a whole when any of its rows changed. */
enum watch_kind { WATCH_KEYS, WATCH_MANAGED, WATCH_PROMPTS, WATCH_SALTS,
	WATCH__KINDS };

/*
 * What was read, each with a reference for the caller; NULL: it is the same.
 * WATCH_KEYS: struct key_list; WATCH_MANAGED: struct managed_list;
 * WATCH_PROMPTS: struct prompt_list; WATCH_SALTS: struct salts.
 */
struct watch_found {
	void		*lists[WATCH__KINDS];
	bool		 is_blind;	/* there is a database, of which nothing was ever read */
};

/* Looks for changes, on one thread at a time. */
struct watch;

struct watch *watch_create(const struct db *);
void	watch_free(struct watch *);

/*
 * Read what may be other than at the last call. Where it cannot be read, or the
 * database is gone or another that never had any of a kind, what is known of it
 * stays (DESIGN section 7.9), which the log is told once. Blocks.
 */
void	watch_read(struct watch *, struct watch_found *);

/* What was found of a kind, with its reference, or NULL. */
void	*watch_take(struct watch_found *, enum watch_kind);

/* Give back all that nobody took. */
void	watch_drop(struct watch_found *);
#endif
