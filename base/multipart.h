/* multipart.h - find fields in a multipart/form-data body (RFC 7578, RFC 2046
 * section 5.1).
 *
 * The body is checked as it arrives, in constant memory; the values of the
 * watched fields are noted as byte ranges, so that one can be replaced and
 * every other byte kept.
 */
#ifndef BASE_MULTIPART_H
#define BASE_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/form_part.h"

enum {
	MULTIPART_BOUNDARY_MAX = 70,	/* RFC 2046 */
	MULTIPART_HEADERS_MAX = 16384,	/* bytes of one part's header */
	MULTIPART_PARTS_MAX = 1000,
	MULTIPART_WATCH_MAX = 32
};

struct multipart_range {		/* the field's value: bytes [start, end) */
	uint64_t	 start, end;
	bool		 found;		/* and its end has been seen */
	bool		 is_ascii;	/* it is UTF-8 if it is ASCII, else who knows */
};

struct multipart_scan {
	struct multipart_range ranges[MULTIPART_WATCH_MAX];	/* same order as names */
	enum err	 err;		/* sticky; ERR_NONE while all is well */
	const char	*reason;	/* a sentence for the client when err is set; static */
	uint64_t	 start;		/* of the first boundary's dashes; nothing but CR LF comes before */

	/* Noted fields, in any spelling; set names.noted after init, or leave it NULL. */
	struct form_names names;
	uint64_t	 noted_mask;	/* bit i: the i-th of them */

	/* private */
	uint64_t	 offset;	/* of the end of what was fed */
	uint8_t		 state;
	uint8_t		 line_break;	/* what the line being compared follows */
	uint8_t		 matched;	/* how much of it is the delimiter */
	uint8_t		 delimiter_len;
	char		 delimiter[2 + MULTIPART_BOUNDARY_MAX];	/* with its dashes */
	struct form_part part;		/* the current one */
	unsigned	 parts;
	size_t		 header_len;	/* of the current part */
	size_t		 line_len;
	char		 line[MULTIPART_HEADERS_MAX];	/* of the header */
};

/*
 * Take the boundary from CONTENT_TYPE (a Content-Type field value, quoted or
 * bare boundary parameter, any case of names). Watch the fields that SPELLING
 * names (borrowed, at most MULTIPART_WATCH_MAX). ERR_MULTIPART: not
 * multipart/form-data, or no usable boundary.
 */
enum err multipart_scan_init(struct multipart_scan *, const char *content_type,
	    const struct spelling *);

/*
 * Take the next N bytes. ERR_MULTIPART, with reason, at the first fault: anything
 * before the first boundary or behind the last but two CR LF, something else than
 * CR LF behind a boundary, a part without Content-Disposition: form-data and name,
 * a header that is too large, too many parts, a watched field twice or in another
 * spelling, or one that form_part.h refuses.
 */
enum err multipart_scan_feed(struct multipart_scan *, const void *, size_t n);

/* The body ends here: ERR_MULTIPART if the closing boundary is missing. */
enum err multipart_scan_end(struct multipart_scan *);

/* What an upstream is to be told: with this boundary, and nothing besides. */
enum { MULTIPART_TYPE_SIZE = MULTIPART_BOUNDARY_MAX + 48 };
void	multipart_write_type(const struct multipart_scan *,
	    char out[MULTIPART_TYPE_SIZE]);
#endif
