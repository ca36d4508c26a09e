/* params.h - a request's parameters, from FastCGI or from the CGI environment. */
#ifndef FCGI_PARAMS_H
#define FCGI_PARAMS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

enum {
	PARAMS_BYTES_MAX = 262144,
	PARAMS_COUNT_MAX = 511,
	PARAMS_CHAINS = 64		/* a power of 2 */
};

struct params {
	const char	**pairs;	/* "NAME=value", count of them */
	unsigned	*name_lens;	/* bytes before each "=" */
	size_t		 count;

	/* private: pairs whose names have one hash; 0 ends a chain, 1 is pair 0 */
	unsigned short	 chains[PARAMS_CHAINS];
	unsigned short	*next;
};

/*
 * Decode the content of FCGI_PARAMS records (N bytes at RAW, joined) with
 * libfcgi, which reads them from a memory file. Pairs are copied into ARENA.
 * ERR_BAD_REQUEST when lengths do not add up, ERR_FIELDS_TOO_LARGE when there
 * are too many.
 */
enum err params_parse(struct params *, struct arena *, const char *raw,
	    size_t n);

/*
 * Copy the process environment (CGI mode, RFC 3875), whose size the kernel bounds.
 * ERR_FIELDS_TOO_LARGE when there are too many variables: nothing is copied.
 */
enum err params_from_environ(struct params *, struct arena *);

/*
 * Make PAIRS, NAME_LENS and COUNT (at most PARAMS_COUNT_MAX), which are set, known
 * to params_get. What it needs lives in ARENA.
 */
void	params_index(struct params *, struct arena *);

/* NAME's value, or NULL. Borrowed. The first one counts where a name repeats. */
const char *params_get(const struct params *, const char *name);
#endif
