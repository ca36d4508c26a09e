/* credentials.h - the keys that a request shows, wherever clients put them. */
#ifndef HANDLERS_CREDENTIALS_H
#define HANDLERS_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/params.h"

enum { CREDENTIALS_MAX = 5 };

/*
 * One client may show several: its own token in Authorization, and the
 * gateway's key in x-api-key. Borrowed from the parameters; never logged.
 */
struct credentials {
	const char	*shown[CREDENTIALS_MAX];	/* bare keys, not empty */
	size_t		 count;
	size_t		 bearer_count;	/* the first ones, of Authorization */
};

/*
 * "Authorization: Bearer KEY" (RFC 6750 section 2.1), or a bare key there; x-api-key
 * (Anthropic) and api-key (Azure). Other schemes are the site's own, not for us.
 */
void	credentials_find(struct credentials *, const struct params *);

/*
 * The one at INDEX < count, in the order in which they are to be tried. With
 * API_KEY_FIRST, as Anthropic's API reads them, Authorization comes last.
 */
const char *credentials_get(const struct credentials *, size_t index,
	    bool api_key_first);
#endif
