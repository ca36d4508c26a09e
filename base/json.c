/* json.c - one pass over JSON text that arrives in pieces. */
#include "config.h"

#include "base/json.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/json_text.h"

/* What is expected next. Those up to STATE_DONE may have white space before it. */
enum state {
	STATE_START,			/* the top-level '{' */
	STATE_FIRST_KEY,		/* a name or '}' */
	STATE_KEY,			/* a name */
	STATE_COLON,
	STATE_FIRST_ITEM,		/* a value or ']' */
	STATE_VALUE,
	STATE_AFTER,			/* ',' or the closing bracket */
	STATE_DONE,			/* nothing */
	STATE_STRING,
	STATE_ESCAPE,			/* what follows a backslash */
	STATE_HEX,
	STATE_UTF8,
	STATE_LITERAL,
	STATE_NUMBER
};

enum number {				/* what was just read; RFC 8259 section 6 */
	NUMBER_NOTHING, NUMBER_MINUS, NUMBER_ZERO, NUMBER_INT, NUMBER_POINT,
	NUMBER_FRACTION, NUMBER_E, NUMBER_E_SIGN, NUMBER_EXPONENT,
	NUMBER_END, NUMBER_BAD
};

static const char *const literals[] = {
	[JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true",
};

void
json_scan_init(struct json_scan *s, const char *const *names, size_t count)
{
	assert(count <= JSON_WATCH_MAX);
	memset(s, 0, offsetof(struct json_scan, key));
	s->names = names;
	s->name_count = count;
	s->watching = -1;
	s->state = STATE_START;
}

void
json_scan_init_strict(struct json_scan *s, const struct spelling *spelling)
{
	json_scan_init(s, spelling->names, spelling->count);
	s->spelling = spelling;
}

/* Offset in the whole text of the byte that stands LEFT before the feed's end. */
static inline uint64_t
offset_of(const struct json_scan *s, ptrdiff_t left)
{
	return s->offset - (uint64_t)left;
}

static const uint8_t *
fail(struct json_scan *s, enum err err, uint64_t offset)
{
	s->err = err;
	s->err_offset = offset;
	return NULL;
}

static inline bool
in_object(const struct json_scan *s)
{
	unsigned top = s->depth - 1;

	return s->nesting[top / 8] >> top % 8 & 1;
}

/* A value was completed right before OFFSET. */
static inline void
value_end(struct json_scan *s, uint64_t offset)
{
	s->state = s->depth == 0 ? STATE_DONE : STATE_AFTER;
	if (s->depth == 1 && s->watching >= 0) {
		s->ranges[s->watching].end = offset;
		s->watching = -1;
	}
}

static inline void
value_start(struct json_scan *s, enum json_kind kind, uint64_t offset)
{
	if (s->depth == 1 && s->watching >= 0) {
		s->ranges[s->watching].start = offset;
		s->ranges[s->watching].kind = kind;
	}
}

/* For media: of the value that begins. */
static inline uint8_t
name_of_value(const struct json_scan *s)
{
	return s->depth > 0 && media_has_name(&s->media) ?
	    media_name(&s->media, in_object(s), s->depth) : 0;
}

static const uint8_t *
bracket_open(struct json_scan *s, bool object, const uint8_t *p, const uint8_t *end)
{
	unsigned bit = 1U << s->depth % 8;

	uint64_t offset = offset_of(s, end - p);
	uint8_t name = name_of_value(s);

	if (s->depth == JSON_DEPTH_MAX)
		return fail(s, ERR_JSON_DEPTH, offset);
	value_start(s, object ? JSON_OBJECT : JSON_ARRAY, offset);
	if (object)
		s->nesting[s->depth / 8] |= (uint8_t)bit;
	else
		s->nesting[s->depth / 8] &= (uint8_t)~bit;
	s->depth++;
	media_bracket_open(&s->media, object, name, s->depth, offset);
	s->state = object ? STATE_FIRST_KEY : STATE_FIRST_ITEM;
	return p + 1;
}

static const uint8_t *
value_open(struct json_scan *s, const uint8_t *p, const uint8_t *end)
{
	uint64_t offset = offset_of(s, end - p);
	uint8_t name;

	switch (*p) {
	case '"':
		s->in_key = false;
		s->state = STATE_STRING;
		value_start(s, JSON_STRING, offset);
		s->media.list_start = 0;
		name = name_of_value(s);
		if (name != 0)
			media_string_begin(&s->media, name, s->depth, offset);
		return p + 1;
	case '{':
	case '[':
		return bracket_open(s, *p == '{', p, end);
	case 'n':
	case 'f':
	case 't':
		s->literal = *p == 'n' ? JSON_NULL :
		    *p == 'f' ? JSON_FALSE : JSON_TRUE;
		s->state = STATE_LITERAL;
		s->sub = 1;
		s->media.list_start = 0;
		value_start(s, s->literal, offset);
		return p + 1;
	default:
		if (*p != '-' && (*p < '0' || *p > '9'))
			return fail(s, ERR_JSON_SYNTAX, offset);
		s->state = STATE_NUMBER;
		s->sub = NUMBER_NOTHING;
		s->media.numbers++;
		value_start(s, JSON_NUMBER, offset);
		return p;
	}
}

static const uint8_t *
top_open(struct json_scan *s, const uint8_t *p, const uint8_t *end)
{
	s->object_start = offset_of(s, end - p);
	if (*p == '{')
		return bracket_open(s, true, p, end);
	if (memchr("[\"-0123456789tfn", *p, 16) != NULL)
		return fail(s, ERR_JSON_NOT_OBJECT, s->object_start);
	return fail(s, ERR_JSON_SYNTAX, s->object_start);
}

static const uint8_t *
key_open(struct json_scan *s, const uint8_t *p, const uint8_t *end)
{
	s->in_key = true;
	s->has_members = true;
	s->key_start = offset_of(s, end - p);
	s->key_len = 0;
	s->high_surrogate = 0;
	s->state = STATE_STRING;
	return p + 1;
}

static const uint8_t *
value_after(struct json_scan *s, const uint8_t *p, const uint8_t *end)
{
	bool object = in_object(s);

	if (*p == ',') {
		s->state = object ? STATE_KEY : STATE_VALUE;
		return p + 1;
	}
	if (*p != (object ? '}' : ']'))
		return fail(s, ERR_JSON_SYNTAX, offset_of(s, end - p));
	s->depth--;
	value_end(s, offset_of(s, end - p) + 1);
	media_bracket_close(&s->media, offset_of(s, end - p) + 1);
	return p + 1;
}

/* One byte of structure, white space before it. */
static const uint8_t *
scan_structure(struct json_scan *s, const uint8_t *p, const uint8_t *end)
{
	while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
		if (++p == end)
			return p;
	switch (s->state) {
	case STATE_START:
		return top_open(s, p, end);
	case STATE_FIRST_KEY:
		if (*p == '}')
			return value_after(s, p, end);
		/* FALLTHROUGH */
	case STATE_KEY:
		if (*p == '"')
			return key_open(s, p, end);
		break;
	case STATE_COLON:
		if (*p == ':') {
			s->state = STATE_VALUE;
			return p + 1;
		}
		break;
	case STATE_FIRST_ITEM:
		if (*p == ']')
			return value_after(s, p, end);
		if (s->depth == 2 && s->watching >= 0)
			s->ranges[s->watching].has_items = true;
		/* FALLTHROUGH */
	case STATE_VALUE:
		return value_open(s, p, end);
	case STATE_AFTER:
		return value_after(s, p, end);
	}
	return fail(s, ERR_JSON_SYNTAX, offset_of(s, end - p));
}

/* Only names of the top level are kept: no other can be watched. */
static inline bool
key_wanted(const struct json_scan *s)
{
	return s->in_key && s->depth == 1;
}

static void
key_put(struct json_scan *s, const uint8_t *p, size_t n)
{
	size_t room = sizeof s->key - s->key_len;

	if (n > room)
		n = room;
	memcpy(s->key + s->key_len, p, n);
	s->key_len += (uint8_t)n;
}

static void
key_put_code(struct json_scan *s, uint32_t code)
{
	uint8_t utf8[4];

	key_put(s, utf8, utf8_encode(code, utf8));
}

/* A first half of a surrogate pair that got no second half. */
static void
key_flush(struct json_scan *s)
{
	if (s->high_surrogate != 0)
		key_put_code(s, s->high_surrogate);
	s->high_surrogate = 0;
}

static inline void
key_add(struct json_scan *s, const uint8_t *p, size_t n)
{
	if (!key_wanted(s) || n == 0)
		return;
	key_flush(s);
	key_put(s, p, n);
}

/* The \uXXXX escape in s->hex belongs to a name. */
static void
key_add_escaped(struct json_scan *s)
{
	if (s->high_surrogate != 0 && s->hex >= 0xDC00 && s->hex <= 0xDFFF) {
		key_put_code(s, 0x10000U +
		    ((s->high_surrogate - 0xD800U) << 10) + (s->hex - 0xDC00U));
		s->high_surrogate = 0;
		return;
	}
	key_flush(s);
	if (s->hex >= 0xD800 && s->hex <= 0xDBFF)
		s->high_surrogate = s->hex;
	else
		key_put_code(s, s->hex);
}

static enum spelling_match
key_find_as_it_is(const struct json_scan *s, size_t *index)
{
	for (size_t i = 0; i < s->name_count; i++)
		if (strlen(s->names[i]) == s->key_len &&
		    memcmp(s->names[i], s->key, s->key_len) == 0) {
			*index = i;
			return SPELLING_EXACT;
		}
	return SPELLING_NONE;
}

/* The name of a member of the top level is complete. */
static enum err
key_end(struct json_scan *s)
{
	size_t index = 0;
	enum spelling_match match;

	key_flush(s);
	if (s->noted != NULL)
		s->noted_mask |= spelling_mask(s->noted, s->key, s->key_len);
	match = s->spelling == NULL ? key_find_as_it_is(s, &index) :
	    spelling_find(s->spelling, s->key, s->key_len, &index);
	s->watching = -1;
	if (match == SPELLING_NONE)
		return ERR_NONE;
	if (match == SPELLING_EXACT && s->ranges[index].kind == JSON_ABSENT) {
		s->watching = (int)index;
		return ERR_NONE;
	}
	s->err_name = index;
	return match == SPELLING_FORBIDDEN ? ERR_JSON_NAME :
	    match == SPELLING_OTHER ? ERR_JSON_SPELLING : ERR_JSON_DUPLICATE;
}

static const uint8_t *
string_end(struct json_scan *s, const uint8_t *p, const uint8_t *end)
{
	enum err err;

	if (!s->in_key) {
		if (s->media.place != 0)
			media_string_end(&s->media, offset_of(s, end - p) + 1);
		value_end(s, offset_of(s, end - p) + 1);
		return p + 1;
	}
	s->state = STATE_COLON;
	if (s->depth > 1)
		return p + 1;
	err = key_end(s);
	return err == ERR_NONE ? p + 1 : fail(s, err, s->key_start);
}

/* A name ends at P; what is here of it begins at START. */
static void
name_note(struct json_scan *s, const uint8_t *start, const uint8_t *p,
    const uint8_t *end)
{
	s->has_wanted = offset_of(s, end - start) != s->key_start + 1 ||
	    s->is_wanted((const char *)start, (size_t)(p - start));
}

/* A part of a string ends at P: its name, or bytes that may be a medium's. */
static inline void
media_feed(struct json_scan *s, const uint8_t *start, const uint8_t *p,
    const uint8_t *end)
{
	const char *bytes = (const char *)start;
	size_t n = (size_t)(p - start);

	if (!s->in_key) {
		if (s->media.place != 0)
			media_string_piece(&s->media, bytes, n);
	} else if (p == end)
		media_name_piece(&s->media, bytes, n);
	else if (*p == '"')
		media_name_end(&s->media, bytes, n);
	else
		media_name_spoil(&s->media);
}

static const uint8_t *
scan_string(struct json_scan *s, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *start = p;

	p = json_text_skip(p, end, !key_wanted(s));
	key_add(s, start, (size_t)(p - start));
	media_feed(s, start, p, end);
	if (p == end)
		return p;
	if (*p == '"') {
		if (s->in_key && s->is_wanted != NULL && !s->has_wanted)
			name_note(s, start, p, end);
		return string_end(s, p, end);
	}
	if (*p == '\\') {
		s->state = STATE_ESCAPE;
		return p + 1;
	}
	if (*p < 0x20)
		return fail(s, ERR_JSON_SYNTAX, offset_of(s, end - p));
	if (!utf8_lead(*p, &s->rest))
		return fail(s, ERR_JSON_UTF8, offset_of(s, end - p));
	key_add(s, p, 1);
	s->media.is_dense = false;
	s->state = STATE_UTF8;
	return p + 1;
}

static const uint8_t *
scan_utf8(struct json_scan *s, const uint8_t *p, const uint8_t *end)
{
	if (*p < s->rest.low || *p > s->rest.high)
		return fail(s, ERR_JSON_UTF8, offset_of(s, end - p));
	key_add(s, p, 1);
	s->rest.low = 0x80;
	s->rest.high = 0xBF;
	if (--s->rest.left == 0)
		s->state = STATE_STRING;
	return p + 1;
}

static const uint8_t *
scan_escape(struct json_scan *s, const uint8_t *p, const uint8_t *end)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *letter;

	if (*p == 'u') {
		s->state = STATE_HEX;
		s->sub = 0;
		s->hex = 0;
		return p + 1;
	}
	letter = memchr(letters, *p, sizeof letters - 1);
	if (letter == NULL)
		return fail(s, ERR_JSON_SYNTAX, offset_of(s, end - p));
	key_add(s, (const uint8_t *)&meanings[letter - letters], 1);
	if (!s->in_key && s->media.place != 0)
		media_string_piece(&s->media, letter, 1);
	s->state = STATE_STRING;
	return p + 1;
}

static const uint8_t *
scan_hex(struct json_scan *s, const uint8_t *p, const uint8_t *end)
{
	unsigned digit;

	if (*p >= '0' && *p <= '9')
		digit = *p - '0';
	else if ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'f')
		digit = (*p | 0x20) - 'a' + 10U;
	else
		return fail(s, ERR_JSON_SYNTAX, offset_of(s, end - p));
	s->hex = (uint16_t)(s->hex << 4 | digit);
	if (++s->sub == 4) {
		if (key_wanted(s))
			key_add_escaped(s);
		s->state = STATE_STRING;
	}
	return p + 1;
}

static const uint8_t *
scan_literal(struct json_scan *s, const uint8_t *p, const uint8_t *end)
{
	const char *literal = literals[s->literal];

	for (; p < end && literal[s->sub] != '\0'; p++, s->sub++)
		if (*p != (uint8_t)literal[s->sub])
			return fail(s, ERR_JSON_SYNTAX, offset_of(s, end - p));
	if (literal[s->sub] == '\0')
		value_end(s, offset_of(s, end - p));
	return p;
}

static inline enum number
number_next(enum number last, uint8_t c)
{
	bool digit = c >= '0' && c <= '9';

	switch (last) {
	case NUMBER_NOTHING:
		if (c == '-')
			return NUMBER_MINUS;
		/* FALLTHROUGH */
	case NUMBER_MINUS:
		return c == '0' ? NUMBER_ZERO : digit ? NUMBER_INT : NUMBER_BAD;
	case NUMBER_INT:
		if (digit)
			return NUMBER_INT;
		/* FALLTHROUGH */
	case NUMBER_ZERO:
		if (c == '.')
			return NUMBER_POINT;
		return c == 'e' || c == 'E' ? NUMBER_E : NUMBER_END;
	case NUMBER_POINT:
		return digit ? NUMBER_FRACTION : NUMBER_BAD;
	case NUMBER_FRACTION:
		if (digit)
			return NUMBER_FRACTION;
		return c == 'e' || c == 'E' ? NUMBER_E : NUMBER_END;
	case NUMBER_E:
		if (c == '+' || c == '-')
			return NUMBER_E_SIGN;
		/* FALLTHROUGH */
	case NUMBER_E_SIGN:
		return digit ? NUMBER_EXPONENT : NUMBER_BAD;
	default:
		return digit ? NUMBER_EXPONENT : NUMBER_END;
	}
}

static const uint8_t *
scan_number(struct json_scan *s, const uint8_t *p, const uint8_t *end)
{
	enum number state = s->sub;

	for (; p < end; p++) {
		if (state == NUMBER_INT && *p >= '0' && *p <= '9')
			continue;
		state = number_next(state, *p);
		if (state == NUMBER_BAD)
			return fail(s, ERR_JSON_SYNTAX, offset_of(s, end - p));
		if (state == NUMBER_END) {
			value_end(s, offset_of(s, end - p));
			return p;
		}
	}
	s->sub = (uint8_t)state;
	return p;
}

enum err
json_scan_feed(struct json_scan *s, const void *bytes, size_t n)
{
	const uint8_t *p = bytes, *end = p + n;

	if (s->err != ERR_NONE)
		return s->err;
	s->offset += n;
	while (p != NULL && p < end) {
		switch (s->state) {
		case STATE_STRING:
			p = scan_string(s, p, end);
			break;
		case STATE_ESCAPE:
			p = scan_escape(s, p, end);
			break;
		case STATE_HEX:
			p = scan_hex(s, p, end);
			break;
		case STATE_UTF8:
			p = scan_utf8(s, p, end);
			break;
		case STATE_LITERAL:
			p = scan_literal(s, p, end);
			break;
		case STATE_NUMBER:
			p = scan_number(s, p, end);
			break;
		default:
			p = scan_structure(s, p, end);
			break;
		}
	}
	return s->err;
}

enum err
json_scan_end(struct json_scan *s)
{
	if (s->err == ERR_NONE && s->state != STATE_DONE)
		fail(s, ERR_JSON_TRUNCATED, s->offset);
	return s->err;
}
