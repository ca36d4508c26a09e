/* form_part.h - the header of one part of a form (RFC 7578 section 4).
 *
 * What names a field that is watched may say little: readers differ in whether
 * they undo encodings, go by a charset, or take a field for a file.
 */
#ifndef BASE_FORM_PART_H
#define BASE_FORM_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/spelling.h"

struct form_part {
	int		 watching;	/* index into the spelling's names, or -1 */
	uint64_t	 noted;		/* bit of the noted name that it is; see multipart.h */
	bool		 is_ascii;	/* its charset is UTF-8 as long as its value is ASCII */

	/* private */
	bool		 has_disposition, has_type, has_encoding;
	bool		 is_file, is_encoded, is_odd_type, has_odd_line;
};

void	form_part_init(struct form_part *);

/* Names that are watched, and names that are only noted, in any spelling, or NULL. */
struct form_names {
	const struct spelling *watched, *noted;
};

/*
 * Read one LINE (N bytes, without its end). NULL, or what is wrong, a static
 * sentence for the client.
 */
const char *form_part_read(struct form_part *, const struct form_names *,
	    const char *line, size_t n);

/* The header is complete. NULL, or what is wrong, as above. */
const char *form_part_end(const struct form_part *);
#endif
