/* buf.h - a growing byte buffer with a ceiling; consumed from the front. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct buf {
	char	*data;			/* owned; NULL while empty */
	size_t	 start;			/* bytes before it were consumed */
	size_t	 end;			/* one past the last byte */
	size_t	 size;			/* allocated */
	size_t	 max;			/* ceiling on unconsumed bytes */
};

void	 buf_init(struct buf *, size_t max);
void	 buf_fini(struct buf *);		/* frees; the buffer may be used again */
enum err buf_append(struct buf *, const void *, size_t);	/* ERR_NO_MEMORY: ceiling or malloc */
enum err buf_puts(struct buf *, const char *);
enum err buf_put_number(struct buf *, uint64_t);	/* in decimal */
enum err buf_printf(struct buf *, const char *, ...)
	    __attribute__((format(printf, 2, 3)));
enum err buf_vprintf(struct buf *, const char *, va_list)
	    __attribute__((format(printf, 2, 0)));
void	 buf_consume(struct buf *, size_t);	/* drop bytes from the front */
void	 buf_remove(struct buf *, size_t at, size_t n);	/* drop N bytes at AT of what is there */

static inline const char *
buf_data(const struct buf *b)
{
	return b->data == NULL ? "" : b->data + b->start;
}

static inline size_t
buf_len(const struct buf *b)
{
	return b->end - b->start;
}
#endif
