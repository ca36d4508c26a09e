/* splice.h - the client's own bytes with a few ranges replaced. */
#ifndef GATEWAY_SPLICE_H
#define GATEWAY_SPLICE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/spool.h"

enum { SPLICE_EDITS_MAX = 12 };

struct splice_edit {
	uint64_t	 start, end;	/* bytes [start, end) of the source */
	const char	*text;		/* take their place; borrowed */
	size_t		 len;
};

struct splice {
	const struct spool *source;	/* borrowed */
	struct splice_edit edits[SPLICE_EDITS_MAX];	/* by their places */
	size_t		 count;
	uint64_t	 len;		/* of the result, bytes */
};

void	splice_init(struct splice *, const struct spool *);

/*
 * Replace bytes [START, END) by TEXT (LEN bytes, borrowed). Edits lie inside the
 * source and do not overlap; they may come in any order. Those that start at one
 * place stand there in the order in which they came.
 */
void	splice_replace(struct splice *, uint64_t start, uint64_t end,
	    const char *text, size_t len);

/* Copy up to N bytes of the result from OFFSET. 0 at the end, -1 on error. */
ssize_t	splice_read(const struct splice *, uint64_t offset, void *, size_t n);
#endif
