/* decoder.h - undo a Content-Encoding (RFC 9110 section 8.4), piece by piece.
 *
 * Memory is bounded whatever comes (zstd: a window of 8 MiB, RFC 9659), and so is
 * what one call makes, by its caller: a few bytes may be made gigabytes.
 */
#ifndef BASE_DECODER_H
#define BASE_DECODER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum coding {
	CODING_NONE,			/* no field, an empty one, or identity */
	CODING_GZIP,			/* RFC 1952, members of it one after another */
	CODING_DEFLATE,			/* which is zlib's format (RFC 1950) */
	CODING_ZSTD,			/* RFC 8878, frames of it one after another */
	CODING_UNKNOWN			/* another, or several */
};

struct decoder;

/* The names of those that are known, for Accept-Encoding. */
extern const char decoder_names[];

/* What the field value CONTENT_ENCODING (or NULL) asks for. */
enum coding decoder_coding(const char *content_encoding);

/* For a coding that is known. The caller frees it. */
struct decoder *decoder_create(enum coding);
void	decoder_free(struct decoder *);	/* NULL is nothing to free */

/*
 * Decode some of the N bytes at IN: *USED of them, to *MADE bytes at OUT, which
 * has ROOM for some. When both are 0 it waits for more of IN. ERR_DECODE: they
 * are no such coding, or something follows its end; sticky.
 */
enum err decoder_step(struct decoder *, const void *in, size_t n, size_t *used,
	    void *out, size_t room, size_t *made);

/* IN ends here: ERR_DECODE when that is in the middle of it. */
enum err decoder_end(const struct decoder *);
#endif
