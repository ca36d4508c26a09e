/* spelling.h - is it one of the names that count, in whatever spelling?
 *
 * Readers of JSON and of forms differ in which names they take for the same:
 * Go's encoding/json and .NET's look at no case, converters between snake_case
 * and camelCase at no underscore, PHP takes "a b" and "a[0]" for other things
 * than they are. So a name that counts is that name exactly; what anybody could
 * take for it is found out here, to be refused.
 */
#ifndef BASE_SPELLING_H
#define BASE_SPELLING_H

#include <stddef.h>
#include <stdint.h>

enum {
	SPELLING_MAX = 64,		/* names */
	SPELLING_NAME_MAX = 40,		/* bytes of one of them */
	SPELLING_TEXT_MAX = 4 * SPELLING_NAME_MAX /* bytes of a text that can be another spelling */
};

struct spelling {
	const char	*names[SPELLING_MAX];	/* borrowed */
	size_t		 count;

	/* private: the names without case and separators */
	uint64_t	 by_length[SPELLING_NAME_MAX + 1];	/* bit i: names[i] */
	char		 folded[SPELLING_MAX][SPELLING_NAME_MAX + 1];
};

enum spelling_match {
	SPELLING_NONE,			/* another name */
	SPELLING_EXACT,
	SPELLING_OTHER,			/* that name to some readers */
	SPELLING_FORBIDDEN		/* U+0000 cuts names short, __proto__ adds members of any name */
};

/* No names yet. */
void	spelling_init(struct spelling *);

/* One more NAME (borrowed, ASCII); its index is what COUNT was before. */
void	spelling_add(struct spelling *, const char *name);

/*
 * Compare TEXT (N bytes of UTF-8, decoded; lone surrogates as utf8_encode writes
 * them) to the names: *INDEX is the one it is. Ignored are case, separators
 * (white space and - _ .), what begins at a "[", and which characters exactly
 * those are that Unicode's compatibility and case mappings make ASCII. Of texts
 * longer than SPELLING_TEXT_MAX only U+0000 is looked for.
 */
enum spelling_match spelling_find(const struct spelling *, const char *text,
	    size_t n, size_t *index);

/* The bit of the name that TEXT is in any spelling, as above; 0: it is none. */
uint64_t spelling_mask(const struct spelling *, const char *text, size_t n);
#endif
