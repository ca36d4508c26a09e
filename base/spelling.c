#include "config.h"

#include "base/spelling.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/glob.h"
#include "base/utf8.h"

static const char proto[] = "__proto__";

/* What stands in a folded text for a character that nothing is made of. */
enum { ANOTHER = 0x7F, ANYTHING = '*' };

enum { FULL_WIDTH = 0xFF01 - '!' };	/* plus ASCII: the same character, wider */

/*
 * Where the characters are of which NFKC, case folding, or the upper or lower
 * case of some language, make ASCII, several of it, or nothing. Taken widely:
 * such a character stands for anything. Unicode 15, and halves of surrogate
 * pairs, which readers replace or drop.
 */
static const struct { uint32_t first, last; } foldable[] = {
	{ 0x00A0, 0x00BF },		/* no-break space, soft hyphen, ordinals */
	{ 0x00DF, 0x00DF },		/* sharp s */
	{ 0x0130, 0x0133 },		/* i with and without a dot, ij */
	{ 0x0149, 0x0149 }, { 0x017F, 0x017F },	/* long s */
	{ 0x01C4, 0x01CC }, { 0x01F0, 0x01F3 },	/* dz, lj, nj */
	{ 0x02B0, 0x036F },		/* modifiers, accents that combine */
	{ 0x0600, 0x061C }, { 0x06DD, 0x06DD }, { 0x070F, 0x070F },
	{ 0x0890, 0x0891 }, { 0x08E2, 0x08E2 },
	{ 0x115F, 0x1160 }, { 0x17B4, 0x17B5 }, { 0x180B, 0x180F },
	{ 0x1D2C, 0x1DFF },		/* phonetic */
	{ 0x1E96, 0x1E9E },
	{ 0x2000, 0x218F },		/* spaces, indices, letterlike (Kelvin), Roman */
	{ 0x2460, 0x24FF },		/* in circles and brackets */
	{ 0x2C7C, 0x2C7D }, { 0x3000, 0x3000 }, { 0x3164, 0x3164 },
	{ 0x3200, 0x33FF },		/* squared */
	{ 0xA7F2, 0xA7F9 }, { 0xD800, 0xDFFF },
	{ 0xFB00, 0xFB06 },		/* ligatures */
	{ 0xFE00, 0xFE6F }, { 0xFEFF, 0xFF5E },	/* full width */
	{ 0xFFA0, 0xFFA0 }, { 0xFFF0, 0xFFFF },
	{ 0x10780, 0x107BF }, { 0x110BD, 0x110CD }, { 0x13430, 0x13455 },
	{ 0x1BCA0, 0x1BCA3 }, { 0x1D173, 0x1D17A },
	{ 0x1D400, 0x1D7FF },		/* mathematical */
	{ 0x1F100, 0x1F1FF }, { 0x1FBF0, 0x1FBF9 }, { 0xE0000, 0xE0FFF },
};

void
spelling_init(struct spelling *s)
{
	memset(s, 0, sizeof *s);
}

/* Whether the ASCII character C is ignored. */
static inline bool
is_separator(unsigned char c)
{
	return c <= ' ' || c == '_' || c == '-' || c == '.' || c == 0x7F;
}

static inline char
lower(unsigned char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Length of the ASCII in TEXT without case and separators, or -1: too long. */
static int
fold_ascii(char out[SPELLING_NAME_MAX], const char *text, size_t n)
{
	int	 len = 0;

	for (size_t i = 0; i < n && text[i] != '['; i++) {
		unsigned char c = (unsigned char)text[i];

		if (is_separator(c))
			continue;
		if (len == SPELLING_NAME_MAX)
			return -1;
		out[len++] = lower(c);
	}
	return len;
}

void
spelling_add(struct spelling *s, const char *name)
{
	int	 len;

	assert(s->count < SPELLING_MAX);
	len = fold_ascii(s->folded[s->count], name, strlen(name));
	assert(len > 0);
	s->names[s->count] = name;
	s->by_length[len] |= UINT64_C(1) << s->count++;
}

static bool
is_foldable(uint32_t cp)
{
	for (size_t i = 0; i < sizeof foldable / sizeof foldable[0]; i++)
		if (cp >= foldable[i].first && cp <= foldable[i].last)
			return true;
	return false;
}

/* The code point of the sequence of more than one byte at *P; past it. */
static uint32_t
take_sequence(const char **p, const char *end)
{
	const unsigned char *u = (const unsigned char *)*p;
	unsigned left = u[0] >= 0xF0 ? 3 : u[0] >= 0xE0 ? 2 : 1;
	uint32_t cp = u[0] & (0x3FU >> left);

	while (++*p < end && left > 0 && (**p & 0xC0) == 0x80) {
		cp = cp << 6 | (**p & 0x3FU);
		left--;
	}
	return left == 0 ? cp : UTF8_REPLACEMENT;
}

/* What stands in a pattern for the code point CP, or 0: nothing. */
static char
fold_code(uint32_t cp)
{
	if (cp >= FULL_WIDTH + '!' && cp <= FULL_WIDTH + '~')
		cp -= FULL_WIDTH;
	if (cp >= 0x80)
		return is_foldable(cp) ? ANYTHING : ANOTHER;
	if (is_separator((unsigned char)cp))
		return 0;
	return cp == ANYTHING ? ANOTHER : lower((unsigned char)cp);
}

/* TEXT as a pattern that all match which it could be taken for. */
static size_t
make_pattern(char out[SPELLING_TEXT_MAX], const char *text, size_t n)
{
	const char *end = text + n;
	size_t	 len = 0;

	while (text < end && *text != '[') {
		uint32_t cp = (unsigned char)*text < 0x80 ?
			    (unsigned char)*text++ : take_sequence(&text, end);

		out[len] = fold_code(cp);
		len += out[len] != 0;
	}
	return len;
}

static enum spelling_match
find_pattern(const struct spelling *s, const char *text, size_t n,
    size_t *index)
{
	char	 pattern[SPELLING_TEXT_MAX];
	size_t	 len = make_pattern(pattern, text, n);

	for (*index = 0; *index < s->count; ++*index)
		if (glob_matches(pattern, len, s->folded[*index]))
			return SPELLING_OTHER;
	return SPELLING_NONE;
}

/*
 * Of a text as names are written, in lower case, the length without separators;
 * -1: it is not written so, or too long.
 */
static inline int
fold_plain(char out[SPELLING_NAME_MAX], const char *text, size_t n)
{
	int	 len = 0;

	for (size_t i = 0; i < n; i++) {
		char	 c = text[i];

		if (c == '_')
			continue;
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) ||
		    len == SPELLING_NAME_MAX)
			return -1;
		out[len++] = c;
	}
	return len;
}

/* Two names may be spellings of each other: an exact one goes first. */
static enum spelling_match
find_folded(const struct spelling *s, const char *folded, size_t len,
    const char *text, size_t n, size_t *index)
{
	uint64_t left = s->by_length[len];
	enum spelling_match match = SPELLING_NONE;

	for (; left != 0; left &= left - 1) {
		size_t i = (size_t)__builtin_ctzll(left);

		if (memcmp(s->folded[i], folded, len) != 0)
			continue;
		*index = i;
		match = SPELLING_OTHER;
		if (strlen(s->names[i]) == n &&
		    memcmp(s->names[i], text, n) == 0)
			return SPELLING_EXACT;
	}
	return match;
}

static bool
is_ascii(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	return true;
}

/* Of a text that is not written as names are. */
static enum spelling_match
find_odd(const struct spelling *s, const char *text, size_t n, size_t *index)
{
	char	 folded[SPELLING_NAME_MAX];
	int	 len;

	if (memchr(text, '\0', n) != NULL)
		return SPELLING_FORBIDDEN;
	if (n > SPELLING_TEXT_MAX)
		return SPELLING_NONE;
	if (!is_ascii(text, n))
		return find_pattern(s, text, n, index);
	len = fold_ascii(folded, text, n);
	return len < 0 ? SPELLING_NONE :
	    find_folded(s, folded, (size_t)len, text, n, index);
}

enum spelling_match
spelling_find(const struct spelling *s, const char *text, size_t n,
    size_t *index)
{
	char	 folded[SPELLING_NAME_MAX];
	int	 len = n > SPELLING_TEXT_MAX ? -1 :
		    fold_plain(folded, text, n);

	if (n == sizeof proto - 1 && memcmp(text, proto, n) == 0)
		return SPELLING_FORBIDDEN;
	return len < 0 ? find_odd(s, text, n, index) :
	    find_folded(s, folded, (size_t)len, text, n, index);
}

uint64_t
spelling_mask(const struct spelling *s, const char *text, size_t n)
{
	size_t	 index = 0;
	enum spelling_match match = spelling_find(s, text, n, &index);

	return match == SPELLING_EXACT || match == SPELLING_OTHER ?
	    UINT64_C(1) << index : 0;
}
