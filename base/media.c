/* media.c - the places of media, and what they count. */
#include "config.h"

#include "base/media.h"

#include <string.h>
#include <strings.h>

enum {
	LINK_MAX_BYTES = 2048,		/* of a link or an id */
	BYTES_PER_TOKEN = 4,
	TOKEN_LIST_DEPTH = 3		/* [[1, 2], [3]] of a member of the top level */
};

/* Names that matter; objects and lists hand theirs on to what is in them. */
enum name {
	NAME_NONE,
	NAME_URL, NAME_DATA, NAME_BASE64, NAME_FILE_DATA, NAME_FILE_ID,
	NAME_FILE_URL, NAME_IMAGE_URL, NAME_VIDEO_URL, NAME_AUDIO_URL,
	NAME_SOURCE, NAME_FILE, NAME_AUDIO, NAME_INLINE, NAME_IMAGE,
	NAME_VIDEO, NAME_TOKENS
};

/* By length, so that most members cost no comparison. */
static const struct { const char *text; enum name name; }
names[MEDIA_NAME_MAX + 1][5] = {
	[3] = { { "url", NAME_URL } },
	[4] = { { "data", NAME_DATA }, { "file", NAME_FILE } },
	[5] = { { "input", NAME_TOKENS }, { "image", NAME_IMAGE },
	    { "audio", NAME_AUDIO }, { "video", NAME_VIDEO },
	    { "bytes", NAME_BASE64 } },
	[6] = { { "prompt", NAME_TOKENS }, { "source", NAME_SOURCE },
	    { "images", NAME_IMAGE } },
	[7] = { { "file_id", NAME_FILE_ID } },
	[8] = { { "b64_json", NAME_BASE64 }, { "file_url", NAME_FILE_URL } },
	[9] = { { "image_url", NAME_IMAGE_URL },
	    { "file_data", NAME_FILE_DATA }, { "video_url", NAME_VIDEO_URL },
	    { "audio_url", NAME_AUDIO_URL } },
	[10] = { { "inlineData", NAME_INLINE } },
	[11] = { { "input_audio", NAME_AUDIO }, { "inline_data", NAME_INLINE } },
	[12] = { { "image_base64", NAME_BASE64 } },
};

#define LETTER(c) (UINT32_C(1) << ((c) & 31))

const uint32_t media_letters[MEDIA_NAME_MAX + 1] = {
	[3] = LETTER('u'),
	[4] = LETTER('d') | LETTER('f'),
	[5] = LETTER('i') | LETTER('a') | LETTER('v') | LETTER('b'),
	[6] = LETTER('p') | LETTER('s') | LETTER('i'),
	[7] = LETTER('f'),
	[8] = LETTER('b') | LETTER('f'),
	[9] = LETTER('i') | LETTER('f') | LETTER('v') | LETTER('a'),
	[10] = LETTER('i'),
	[11] = LETTER('i'),
	[12] = LETTER('i'),
};

/* What a string of up to LINK_MAX_BYTES is that is no data URL. */
enum brief { BRIEF_TEXT, BRIEF_BASE64, BRIEF_LINK };

/* A place: a member, and of what it is one, NAME_NONE = of anything. */
static const struct place {
	enum name	 parent, name;
	enum media_kind	 kind;
	enum brief	 brief;
} places[] = {
	{ NAME_IMAGE_URL, NAME_URL, MEDIA_PICTURE, BRIEF_LINK },	/* chat */
	{ NAME_NONE, NAME_IMAGE_URL, MEDIA_PICTURE, BRIEF_LINK },	/* responses */
	{ NAME_AUDIO, NAME_DATA, MEDIA_SOUND, BRIEF_BASE64 },
	{ NAME_AUDIO_URL, NAME_URL, MEDIA_SOUND, BRIEF_LINK },		/* vLLM */
	{ NAME_VIDEO_URL, NAME_URL, MEDIA_FILM, BRIEF_LINK },
	{ NAME_NONE, NAME_FILE_DATA, MEDIA_DOCUMENT, BRIEF_BASE64 },
	{ NAME_NONE, NAME_FILE_URL, MEDIA_DOCUMENT, BRIEF_LINK },
	{ NAME_NONE, NAME_FILE_ID, MEDIA_DOCUMENT, BRIEF_LINK },
	{ NAME_SOURCE, NAME_DATA, MEDIA_PICTURE, BRIEF_BASE64 },	/* messages */
	{ NAME_SOURCE, NAME_URL, MEDIA_PICTURE, BRIEF_LINK },
	{ NAME_INLINE, NAME_DATA, MEDIA_PICTURE, BRIEF_BASE64 },	/* Gemini */
	{ NAME_IMAGE, NAME_URL, MEDIA_PICTURE, BRIEF_LINK },
	{ NAME_NONE, NAME_BASE64, MEDIA_PICTURE, BRIEF_TEXT },
	{ NAME_NONE, NAME_IMAGE, MEDIA_PICTURE, BRIEF_TEXT },
	{ NAME_NONE, NAME_AUDIO, MEDIA_SOUND, BRIEF_TEXT },
	{ NAME_NONE, NAME_VIDEO, MEDIA_FILM, BRIEF_TEXT },
};

/* What a link or an id counts, behind which nobody has looked. */
static const uint64_t link_tokens[] = {
	[MEDIA_PICTURE] = MEDIA_PICTURE_TOKENS,
	[MEDIA_DOCUMENT] = MEDIA_PAGE_TOKENS,
	[MEDIA_SOUND] = MEDIA_SECOND_TOKENS * MEDIA_LINK_SECONDS,
	[MEDIA_FILM] = MEDIA_FILM_TOKENS * MEDIA_LINK_SECONDS,
};

/*
 * How data URLs (RFC 2397) and the base64 of some files begin; a slash may have
 * a backslash before it.
 */
static const struct { const char *text; enum media_kind kind; } heads[] = {
	{ "data:image", MEDIA_PICTURE },
	{ "data:audio/wav", MEDIA_WAVE }, { "data:audio/x-wav", MEDIA_WAVE },
	{ "data:audio", MEDIA_SOUND },
	{ "data:video", MEDIA_FILM },
	{ "data:text", MEDIA_TEXT },
	{ "data:", MEDIA_DOCUMENT },
	{ "JVBERi", MEDIA_DOCUMENT },				/* %PDF- */
};

/* ---- Names. ---- */

static uint8_t
name_find(const char *text, size_t n)
{
	if (n > MEDIA_NAME_MAX)
		return NAME_NONE;
	for (size_t i = 0; i < 5 && names[n][i].text != NULL; i++)
		if (memcmp(names[n][i].text, text, n) == 0)
			return (uint8_t)names[n][i].name;
	return NAME_NONE;
}

void
media_name_piece(struct media *m, const char *bytes, size_t n)
{
	size_t room = sizeof m->piece - m->piece_len;

	if (n > room)
		n = room;
	memcpy(m->piece + m->piece_len, bytes, n);
	m->piece_len += (uint8_t)n;
}

void
media_name_find(struct media *m, const char *bytes, size_t n)
{
	if (m->piece_len == 0) {
		m->name = name_find(bytes, n);
		return;
	}
	media_name_piece(m, bytes, n);
	m->name = name_find(m->piece, m->piece_len);
	m->piece_len = 0;
}

/* ---- Strings. ---- */

/* The place's number, from 1. */
static uint8_t
place_find(const struct media *m, uint8_t name, unsigned depth)
{
	uint8_t parent = depth < MEDIA_DEPTH_MAX ? m->names[depth] : 0;

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (places[i].name == name && (places[i].parent == NAME_NONE ||
		    places[i].parent == parent))
			return (uint8_t)(i + 1);
	return 0;
}

void
media_string_begin(struct media *m, uint8_t name, unsigned depth,
    uint64_t offset)
{
	m->place = place_find(m, name, depth);
	m->start = offset;
	m->head_len = 0;
	m->is_dense = true;
}

/* Is there neither white space, nor a quote, nor a bracket, nor another script? */
static bool
is_dense(const char *p, size_t n)
{
	const uint64_t ones = UINT64_MAX / 255, high = ones << 7;
	uint64_t word;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		if (((word | (word - ones * '+')) & high) != 0)
			return false;
	}
	for (; n > 0; p++, n--)
		if (*p < '+')
			return false;
	return true;
}

void
media_string_piece(struct media *m, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && m->head_len < MEDIA_HEAD_MAX; i++)
		if (bytes[i] != '\\')
			m->head[m->head_len++] = bytes[i];
	m->is_dense = m->is_dense && is_dense(bytes, n);
}

static bool
begins(const char *head, size_t n, const char *text)
{
	size_t len = strlen(text);

	return n >= len && strncasecmp(head, text, len) == 0;
}

/* How many LOTs of BYTES have begun. */
static uint64_t
count_lots(uint64_t bytes, uint64_t lot)
{
	return bytes / lot + (bytes % lot != 0);
}

/* What HEAD says of itself, or else KIND. A picture can begin with RIFF, too. */
static enum media_kind
find_kind(enum media_kind kind, const char *head, size_t n)
{
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		if (begins(head, n, heads[i].text))
			return heads[i].kind;
	return kind == MEDIA_SOUND && begins(head, n, "UklGR") ?
	    MEDIA_WAVE : kind;
}

uint64_t
media_weigh(enum media_kind kind, const char *head, size_t n,
    uint64_t n_bytes)
{
	uint64_t bytes = n_bytes / 4 * 3;

	switch (find_kind(kind, head, n)) {
	case MEDIA_PICTURE:
		return MEDIA_PICTURE_TOKENS;
	case MEDIA_DOCUMENT:
		return count_lots(bytes, MEDIA_PAGE_BYTES) *
		    MEDIA_PAGE_TOKENS;
	case MEDIA_SOUND:
		return count_lots(bytes, MEDIA_SOUND_BYTES /
		    MEDIA_SECOND_TOKENS);
	case MEDIA_WAVE:
		return count_lots(bytes, MEDIA_WAVE_BYTES /
		    MEDIA_SECOND_TOKENS);
	case MEDIA_FILM:
		return count_lots(bytes, MEDIA_FILM_BYTES /
		    MEDIA_FILM_TOKENS);
	default:
		return count_lots(bytes, BYTES_PER_TOKEN);
	}
}

void
media_string_end(struct media *m, uint64_t offset)
{
	const struct place *place = &places[m->place - 1];
	uint64_t n = offset - m->start;
	bool	 is_url = begins(m->head, m->head_len, "data:");

	m->place = 0;
	if (m->is_dense && (n > LINK_MAX_BYTES ||
	    place->brief == BRIEF_BASE64 || is_url))
		m->tokens += media_weigh(place->kind, m->head, m->head_len, n);
	else if (n <= LINK_MAX_BYTES && place->brief == BRIEF_LINK)
		m->tokens += link_tokens[place->kind];
	else
		return;			/* it is text */
	m->skipped_bytes += n;
}

/* ---- Lists of token numbers. ---- */

void
media_list_open(struct media *m, unsigned depth, uint64_t offset)
{
	m->has_lists = true;
	if (depth < MEDIA_DEPTH_MAX && m->names[depth] == NAME_TOKENS &&
	    depth <= TOKEN_LIST_DEPTH) {
		m->list_start = offset;
		m->numbers = 0;
	}
}

void
media_list_end(struct media *m, uint64_t offset)
{
	m->tokens += m->numbers;
	m->skipped_bytes += offset - m->list_start;
	m->list_start = 0;
}
