/* references.h - what objects a request's body names: they must be its key's own. */
#ifndef HANDLERS_REFERENCES_H
#define HANDLERS_REFERENCES_H

#include <stdbool.h>
#include <stddef.h>

#include "handlers/exchange.h"

enum { REFERENCES_MAX = 1024 };

/* One id in the body. Strings are static, or live in the request's arena. */
struct reference {
	const char	*kind;		/* of the object, as store/objects has it */
	const char	*member;	/* that names it, for an error */
	const char	*id;
};

struct reference_list {
	struct reference *items;	/* in the arena */
	size_t		 count;
};

/*
 * What json_scan is to look for in a JSON body of the exchange's route: NULL
 * where bodies name no objects.
 */
typedef bool	references_name_fn(const char *name, size_t n);
references_name_fn *references_names(const struct exchange *);

/*
 * Read all of them from the body, whose scan has found it well-formed; members
 * are known in any case of their letters, wherever they stand, but for what is
 * the client's own: metadata, schemas and arguments of tools. ERR_REFERENCES: there
 * are more than REFERENCES_MAX; ERR_SPOOL.
 */
enum err references_read(struct exchange *, struct reference_list *);
#endif
