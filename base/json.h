/* json.h - strict, incremental JSON scanning (RFC 8259) and JSON text output.
 *
 * The scanner never builds anything: it checks the text as it arrives, in
 * constant memory, and notes where the watched members of the top-level object
 * stand. That is what splicing a request body needs.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/media.h"
#include "base/spelling.h"
#include "base/utf8.h"

struct buf;

enum {
	JSON_DEPTH_MAX = 1000,
	JSON_WATCH_MAX = 24,
	JSON_KEY_MAX = SPELLING_TEXT_MAX /* bytes of a watched name */
};

enum json_kind {
	JSON_ABSENT,
	JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER,
	JSON_STRING, JSON_ARRAY, JSON_OBJECT
};

struct json_range {			/* raw bytes [start, end) of a member's value */
	uint64_t	 start;		/* first byte of the value: for a string, its quote */
	uint64_t	 end;		/* one past its last byte; 0 until it is complete */
	enum json_kind	 kind;		/* JSON_ABSENT: no such member (yet) */
	bool		 has_items;	/* JSON_ARRAY: it is not empty */
};

/*
 * Fields below "private" belong to json.c. Small enough (some 1200 bytes) to live in
 * a request; no allocation, so nothing to free.
 */
struct json_scan {
	struct json_range	 ranges[JSON_WATCH_MAX];	/* same order as names */
	uint64_t		 object_start;	/* offset of the top-level '{' */
	bool			 has_members;	/* something other than '}' followed it */
	enum err		 err;		/* sticky; ERR_NONE while all is well */
	uint64_t		 err_offset;	/* byte at which it went wrong; the name that is, the text's end */
	size_t			 err_name;	/* ERR_JSON_DUPLICATE, ERR_JSON_SPELLING: index into names */
	struct media		 media;		/* what is no text */

	/*
	 * Set after json_scan_init, or NULL. Asked about each member's name of N
	 * bytes at any depth until it says yes. A name that came in pieces, or is
	 * written with escapes, or is not ASCII, counts as a yes.
	 */
	bool			 (*is_wanted)(const char *name, size_t n);
	bool			 has_wanted;

	/*
	 * Set after json_scan_init, or NULL: top-level names that are only noted,
	 * in any spelling: bit i of NOTED_MASK is the i-th.
	 */
	const struct spelling	*noted;
	uint64_t		 noted_mask;

	/* private */
	const char *const	*names;
	size_t			 name_count;
	const struct spelling	*spelling;	/* NULL: names are compared as they are */
	uint64_t		 offset;	/* of the end of what was fed */
	uint64_t		 key_start;
	unsigned		 depth;
	int			 watching;	/* index of the member whose value is read, or -1 */
	uint8_t			 state;
	uint8_t			 sub;		/* position in a number, literal or \uXXXX */
	uint8_t			 literal;	/* enum json_kind of the literal being read */
	bool			 in_key;	/* the string being read is a member's name */
	struct utf8_rest	 rest;		/* of the sequence being read */
	uint16_t		 hex, high_surrogate;
	uint8_t			 key_len;	/* of what is kept of it */
	char			 key[JSON_KEY_MAX + 1];	/* full: it is too long to be watched */
	uint8_t			 nesting[(JSON_DEPTH_MAX + 7) / 8];	/* 1 = object */
};

/*
 * Watch the COUNT top-level members called NAMES (borrowed, must outlive the
 * scan; each at most JSON_KEY_MAX bytes, count at most JSON_WATCH_MAX).
 */
void	json_scan_init(struct json_scan *, const char *const *names, size_t count);

/*
 * Watch the top-level members that SPELLING names (borrowed, at most
 * JSON_WATCH_MAX). Another spelling of one of them, or a name that is forbidden,
 * is an error, as a duplicate is.
 */
void	json_scan_init_strict(struct json_scan *, const struct spelling *);

/*
 * Take the next N bytes. Stops at the first error and returns it from then on:
 * ERR_JSON_SYNTAX, ERR_JSON_NOT_OBJECT (the top level is something else),
 * ERR_JSON_DEPTH (more than JSON_DEPTH_MAX open brackets), ERR_JSON_UTF8
 * (ill-formed, overlong, surrogate, above U+10FFFF: RFC 3629),
 * ERR_JSON_DUPLICATE (a watched member twice, however its name is escaped),
 * ERR_JSON_SPELLING or ERR_JSON_NAME (see json_scan_init_strict).
 */
enum err json_scan_feed(struct json_scan *, const void *bytes, size_t n);

/* The text ends here: ERR_JSON_TRUNCATED if the object is not complete. */
enum err json_scan_end(struct json_scan *);

/*
 * Decode the JSON string RAW (quotes included, N bytes, already known to be
 * well-formed) into OUT (OUT_SIZE bytes, NUL-terminated). A lone surrogate
 * becomes U+FFFD. Returns the decoded length, or -1 if it does not fit or
 * holds U+0000 (no name of ours does).
 */
int	json_string_decode(const char *raw, size_t n, char *out, size_t out_size);

/*
 * Append TEXT (N bytes) to OUT as a JSON string with its quotes. Control
 * characters are escaped, ill-formed UTF-8 becomes U+FFFD, so the result is
 * valid JSON whatever the bytes. ERR_NO_MEMORY when OUT is at its ceiling.
 */
enum err json_write_string(struct buf *out, const char *text, size_t n);
#endif
