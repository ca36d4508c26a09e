/* http.h - of HTTP only what every floor needs: status numbers and tokens. */
#ifndef BASE_HTTP_H
#define BASE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* RFC 9110 section 15 reason phrase; "Status" for a number without one. Static. */
const char *http_reason(int status);

/*
 * True for a field value that is safe to copy: no control characters but tab
 * (RFC 9110 section 5.5).
 */
bool	http_is_field_value(const char *, size_t n);

/* True for a field name (RFC 9110 section 5.6.2, token). */
bool	http_is_token(const char *, size_t n);

/* Is NAME, of N bytes, the field name WANTED, in whatever case? */
bool	http_is_name(const char *name, size_t n, const char *wanted);

/*
 * The byte that the N bytes at TEXT (at least 1) begin with, percent-decoded (RFC
 * 3986 section 2.1); -1: the escape is broken.
 */
int	http_decode_byte(const char *text, size_t n);

/*
 * Percent-encode TEXT but for unreserved characters and those of KEPT (RFC 3986
 * section 2.3); in ARENA.
 */
char	*http_encode(struct arena *, const char *text, const char *kept);
#endif
