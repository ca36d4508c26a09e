/* roster.h - who there is to ask: providers of files, and channels that were
 * made at run time. */
#ifndef GATEWAY_ROSTER_H
#define GATEWAY_ROSTER_H

#include <stddef.h>

#include "base/arena.h"
#include "conf/conf.h"
#include "store/store.h"

struct roster_entry {
	const struct conf_provider *provider;
	const char	*key;		/* that it is sent; NULL = none */
	char		*opened;	/* the same where it was sealed: overwritten in the end */
	struct managed_sealed sealed;	/* what that was opened from */
	const char	*opened_for;	/* the purposes that it was opened for, as one text */
};

/* What cannot be used as it stands: without secrets. */
struct roster_note {
	const char	*name;		/* of the channel */
	const char	*why;
	const char	*text;		/* for the log, the name and why in it */
};

/* Names are each there once: a file's wins over a channel's. */
struct roster {
	struct roster_entry *entries;	/* those of files first */
	size_t		 count;
	struct roster_note *notes;
	size_t		 note_count;
	size_t		 broken_count;	/* files and channels that are not in use as they stand */
};

/*
 * Everything is in ARENA, or borrowed from CONF and LIST (may be NULL). A key
 * is looked for in the environment, then in env_file, then in LIST's secrets.
 * Blocks on a local file where something is sealed. What cannot be opened stays
 * as BEFORE (may be NULL) has opened it.
 */
void	roster_init(struct roster *, struct arena *, const struct conf *,
	    const struct managed_list *list, const struct roster *before);

/* Overwrite what was opened. */
void	roster_fini(struct roster *);

/* Log the notes that BEFORE (NULL: none) did not have. */
void	roster_tell(const struct roster *, const struct roster *before);

/* Why the channel called NAME is not in use as it stands, or NULL. */
const char *roster_find_problem(const struct roster *, const char *name);

/* The entry called NAME, or NULL. */
const struct roster_entry *roster_find(const struct roster *,
	    const char *name);
#endif
