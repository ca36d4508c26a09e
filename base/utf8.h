/* utf8.h - well-formed UTF-8 as RFC 3629 has it, one sequence at a time. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UTF8_REPLACEMENT = 0xFFFD };

/* What may follow a first byte. */
struct utf8_rest {
	uint8_t	 left;			/* how many more bytes: 1 to 3 */
	uint8_t	 low, high;		/* bounds of the next; later ones are 80..BF */
};

/* False when C (0x80 or more) begins no sequence. RFC 3629 section 4. */
static inline bool
utf8_lead(unsigned char c, struct utf8_rest *rest)
{
	rest->left = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
	rest->low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
	rest->high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
	return c >= 0xC2 && c <= 0xF4;
}

/*
 * Length (1 to 4) of the sequence that begins the N bytes at P, or 0 when it is
 * ill-formed or not complete.
 */
static inline size_t
utf8_length(const unsigned char *p, size_t n)
{
	struct utf8_rest rest;

	if (n > 0 && p[0] < 0x80)
		return 1;
	/* Most of the world's scripts, without looking anything up. */
	if (n >= 2 && p[0] >= 0xC2 && p[0] < 0xE0)
		return (p[1] & 0xC0) == 0x80 ? 2 : 0;
	if (n >= 3 && p[0] > 0xE0 && p[0] < 0xED)
		return ((p[1] ^ 0x80) | (p[2] ^ 0x80)) < 0x40 ? 3 : 0;
	if (n < 2 || !utf8_lead(p[0], &rest) || n <= rest.left ||
	    p[1] < rest.low || p[1] > rest.high)
		return 0;
	if (rest.left > 1 && (p[2] & 0xC0) != 0x80)
		return 0;
	if (rest.left > 2 && (p[3] & 0xC0) != 0x80)
		return 0;
	return rest.left + 1U;
}

/*
 * Write code point CP to OUT and return how many bytes it took (1 to 4).
 * Surrogates are written as the three bytes they would be, which is ill-formed
 * on purpose: such a text equals no well-formed one.
 */
static inline size_t
utf8_encode(uint32_t cp, unsigned char out[4])
{
	if (cp < 0x80) {
		out[0] = (unsigned char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (unsigned char)(0xC0 | cp >> 6);
		out[1] = (unsigned char)(0x80 | (cp & 0x3F));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (unsigned char)(0xE0 | cp >> 12);
		out[1] = (unsigned char)(0x80 | (cp >> 6 & 0x3F));
		out[2] = (unsigned char)(0x80 | (cp & 0x3F));
		return 3;
	}
	out[0] = (unsigned char)(0xF0 | cp >> 18);
	out[1] = (unsigned char)(0x80 | (cp >> 12 & 0x3F));
	out[2] = (unsigned char)(0x80 | (cp >> 6 & 0x3F));
	out[3] = (unsigned char)(0x80 | (cp & 0x3F));
	return 4;
}
#endif
