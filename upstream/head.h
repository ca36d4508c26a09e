/* head.h - the header fields of an answer, and what they must not say. */
#ifndef UPSTREAM_HEAD_H
#define UPSTREAM_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Add one line of N bytes, without its line end; a line that begins with white
 * space goes on with the field before it (RFC 9112, section 5.2). Fields are
 * kept as "name: value\n". ERR_NO_MEMORY.
 */
enum err head_add_line(struct buf *fields, const char *line, size_t n);

/*
 * Walk the fields; *AT is 0 at first. False at the end. NAME (NAME_LEN bytes)
 * and VALUE (VALUE_LEN) are borrowed, not terminated, and without white space
 * around them.
 */
bool	head_next_field(const struct buf *fields, size_t *at,
	    const char **name, size_t *name_len, const char **value,
	    size_t *value_len);

/*
 * The head is complete: is it certain where its body ends (RFC 9112, section
 * 6.3)? IS_CHUNKED: by the chunks. What the Connection fields name ends here
 * (RFC 9110, section 7.6.1), so it is taken out of FIELDS, with them.
 *
 * ERR_UPSTREAM_GARBAGE: different lengths, one that is no number, a length beside
 * a transfer coding, a coding other than "chunked" or that twice, or more names
 * than can be remembered.
 */
enum err head_end(struct buf *fields, bool *is_chunked);
#endif
