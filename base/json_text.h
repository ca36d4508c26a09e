/* json_text.h - pass over the inside of JSON strings, which most of a body is. */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/*
 * The first byte at or after P that is not ordinary ASCII text of a JSON
 * string. Eight bytes at a time: a high bit is set where that byte, or one
 * before it, has to be looked at.
 */
static inline const uint8_t *
json_text_skip_ascii(const uint8_t *p, const uint8_t *end)
{
	const uint64_t ones = UINT64_MAX / 255, high = ones << 7;
	uint64_t word, quote, backslash;

	while (end - p >= 8) {
		memcpy(&word, p, 8);
		quote = word ^ ones * '"';
		backslash = word ^ ones * '\\';
		if (((word | (word - ones * 0x20) | (quote - ones) |
		    (backslash - ones)) & high) != 0)
			break;
		p += 8;
	}
	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* What makes an escape of two bytes. RFC 8259 section 7. */
static inline bool
json_text_is_escape(uint8_t c)
{
	switch (c) {
	case '"': case '\\': case '/':
	case 'b': case 'f': case 'n': case 'r': case 't':
		return true;
	default:
		return false;
	}
}

/*
 * The first byte at or after P that is more than a JSON string's ordinary text
 * of any script, as far as whole sequences reach before END. ESCAPES: "\n" and
 * the like are ordinary too.
 */
static inline const uint8_t *
json_text_skip(const uint8_t *p, const uint8_t *end, bool escapes)
{
	size_t n;

	for (;;) {
		p = json_text_skip_ascii(p, end);
		while (p < end && *p >= 0x80) {
			n = utf8_length(p, (size_t)(end - p));
			if (n == 0)
				return p;
			p += n;
		}
		if (p == end)
			return p;
		if (*p == '\\' && escapes && end - p > 1 && json_text_is_escape(p[1]))
			p += 2;
		else if (*p == '"' || *p == '\\' || *p < 0x20)
			return p;
	}
}
#endif
