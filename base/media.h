/* media.h - what in a request's JSON is no text: pictures, documents, sound.
 *
 * A model does not read the base64 of a picture as words. The scanner of bodies
 * (json.h) tells here of names, strings and brackets as they go by, and here is
 * added up how many bytes are no text, and for how many tokens they stand. It is
 * the place that decides, not what a string looks like alone: the members in
 * which the OpenAI and Anthropic APIs carry media. A long string there that
 * cannot be base64 is text all the same.
 */
#ifndef BASE_MEDIA_H
#define BASE_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MEDIA_DEPTH_MAX = 16,		/* of open brackets; deeper there is text */
	MEDIA_NAME_MAX = 12,		/* bytes of the longest name that is known */
	MEDIA_HEAD_MAX = 24
};

/* Tokens, and bytes as they are once base64 is decoded. See sluicectl(8). */
enum {
	MEDIA_PICTURE_TOKENS = 1100,
	MEDIA_PAGE_TOKENS = 2500,
	MEDIA_PAGE_BYTES = 50000,
	MEDIA_SECOND_TOKENS = 32,	/* of sound */
	MEDIA_SOUND_BYTES = 8000,	/* a second, compressed */
	MEDIA_WAVE_BYTES = 32000,	/* a second of 16 kHz with 16 bits */
	MEDIA_FILM_TOKENS = 300,	/* a second */
	MEDIA_FILM_BYTES = 120000,	/* a second */
	MEDIA_LINK_SECONDS = 60		/* of sound or film that is only named */
};

enum media_kind {
	MEDIA_TEXT, MEDIA_PICTURE, MEDIA_DOCUMENT, MEDIA_SOUND, MEDIA_WAVE,
	MEDIA_FILM
};

struct media {
	uint64_t	 skipped_bytes;	/* of the body: no text */
	uint64_t	 tokens;	/* that they stand for */

	/* private */
	uint64_t	 start;		/* of the string that is open, in the body */
	uint64_t	 list_start;	/* of a list of nothing but numbers so far; 0 = there is none */
	uint64_t	 numbers;	/* in it */
	uint8_t		 name;		/* of the member that is read, or comes next */
	uint8_t		 place;		/* where the open string stands; 0: it is text */
	bool		 is_dense;	/* it may be base64 */
	bool		 has_lists;	/* a list with a name that is known went by */
	uint8_t		 head_len, piece_len;
	char		 head[MEDIA_HEAD_MAX];	/* of the open string, without backslashes */
	char		 piece[MEDIA_NAME_MAX + 1];	/* of a name that comes in pieces */
	uint8_t		 names[MEDIA_DEPTH_MAX];	/* of the brackets that are open */
};

/*
 * What N_BYTES of base64 that begin with HEAD (N bytes of it) count, by the kind
 * that their place says, unless they say themselves what they are.
 */
uint64_t media_weigh(enum media_kind, const char *head, size_t n,
	    uint64_t n_bytes);

/*
 * For the scanner. OFFSET is where in the body a value begins, or one past its
 * end; DEPTH how many brackets are open.
 */

/* First letters of the names that are known, by their lengths: letter % 32. */
extern const uint32_t media_letters[MEDIA_NAME_MAX + 1];

/* More bytes of a member's name, as they are written. */
void	media_name_piece(struct media *, const char *, size_t n);
void	media_name_find(struct media *, const char *, size_t n);

/* The last bytes of a name. Most names are none of ours, which costs little. */
static inline void
media_name_end(struct media *m, const char *bytes, size_t n)
{
	m->name = 0;
	if (m->piece_len != 0 || (n <= MEDIA_NAME_MAX && n > 0 &&
	    media_letters[n] >> (bytes[0] & 31) & 1))
		media_name_find(m, bytes, n);
}

/* The name is written with escapes, or is not ASCII: it is none of ours. */
static inline void
media_name_spoil(struct media *m)
{
	m->piece_len = MEDIA_NAME_MAX + 1;
}

/* Can the value that begins have a name at all? */
static inline bool
media_has_name(const struct media *m)
{
	return (m->name | m->has_lists) != 0;
}

/* The name that it has: a list gives its own to what is in it. */
static inline uint8_t
media_name(const struct media *m, bool in_object, unsigned depth)
{
	return in_object ? m->name : depth < MEDIA_DEPTH_MAX ?
	    m->names[depth] : 0;
}

/* A string is a value with NAME, not 0: does it stand where media stand? */
void	media_string_begin(struct media *, uint8_t name, unsigned depth,
	    uint64_t offset);

/* While place is not 0. */
void	media_string_piece(struct media *, const char *, size_t n);
void	media_string_end(struct media *, uint64_t offset);

void	media_list_open(struct media *, unsigned depth, uint64_t offset);
void	media_list_end(struct media *, uint64_t offset);

/* The DEPTHth bracket opens, with that one. */
static inline void
media_bracket_open(struct media *m, bool is_object, uint8_t name,
    unsigned depth, uint64_t offset)
{
	m->list_start = 0;
	if (depth < MEDIA_DEPTH_MAX)
		m->names[depth] = name;
	if (name != 0 && !is_object)
		media_list_open(m, depth, offset);
}

static inline void
media_bracket_close(struct media *m, uint64_t offset)
{
	if (m->list_start != 0)
		media_list_end(m, offset);
}
#endif
