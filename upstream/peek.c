#include "config.h"

#include "upstream/peek.h"

#include <endian.h>
#include <limits.h>
#include <string.h>

#include "base/media.h"

enum {
	NAME_MAX_BYTES = 17, NAMES_MAX = 5,
	WORD_MAX_BYTES = sizeof ((struct peek *)NULL)->word,
	MEDIUM_MIN_BYTES = 1024		/* a shorter string is a link, or an id */
};

enum name {
	NAME_NONE,
	NAME_CHOICES, NAME_ERROR, NAME_FINISH, NAME_MESSAGE, NAME_OUTPUT,
	NAME_CONTENT,			/* is output as well */
	NAME_PICTURE, NAME_RESPONSE, NAME_SOUND, NAME_TYPE, NAME_USAGE,
	NAME_VECTOR,
	NAME_ITEMS, NAME_EMBEDDINGS, NAME_RESULTS, NAME_INPUT_TOKENS,
	NAME_REASON, NAME__MAX
};

/* What members there are at the top. */
static const unsigned members[NAME__MAX] = {
	[NAME_CHOICES] = PEEK_CHOICES, [NAME_CONTENT] = PEEK_CONTENT,
	[NAME_ITEMS] = PEEK_OUTPUT, [NAME_SOUND] = PEEK_DATA,
	[NAME_EMBEDDINGS] = PEEK_EMBEDDINGS, [NAME_RESULTS] = PEEK_RESULTS,
	[NAME_INPUT_TOKENS] = PEEK_INPUT_TOKENS, [NAME_REASON] = PEEK_REASON,
};

/* By length, so that most members cost no comparison. */
static const struct { const char *text; enum name name; } names[NAME_MAX_BYTES + 1][NAMES_MAX] = {
	[3] = { { "url", NAME_PICTURE }, { "msg", NAME_REASON } },
	[4] = { { "type", NAME_TYPE }, { "text", NAME_OUTPUT },
	    { "data", NAME_SOUND }, { "code", NAME_REASON } },
	[5] = { { "usage", NAME_USAGE }, { "error", NAME_ERROR },
	    { "delta", NAME_OUTPUT }, { "input", NAME_OUTPUT },
	    { "fault", NAME_REASON } },
	[6] = { { "x_groq", NAME_RESPONSE }, { "result", NAME_PICTURE },
	    { "output", NAME_ITEMS }, { "errors", NAME_REASON },
	    { "detail", NAME_REASON } },
	[7] = { { "choices", NAME_CHOICES }, { "content", NAME_CONTENT },
	    { "message", NAME_MESSAGE }, { "refusal", NAME_OUTPUT },
	    { "results", NAME_RESULTS } },
	[8] = { { "response", NAME_RESPONSE }, { "thinking", NAME_OUTPUT },
	    { "b64_json", NAME_PICTURE } },
	[9] = { { "arguments", NAME_OUTPUT }, { "reasoning", NAME_OUTPUT },
	    { "embedding", NAME_VECTOR }, { "base_resp", NAME_REASON } },
	[10] = { { "embeddings", NAME_EMBEDDINGS } },
	[12] = { { "partial_json", NAME_OUTPUT },
	    { "input_tokens", NAME_INPUT_TOKENS } },
	[13] = { { "finish_reason", NAME_FINISH },
	    { "usageMetadata", NAME_USAGE } },
	[17] = { { "reasoning_content", NAME_OUTPUT } },
};

/* All that matters outside of strings, but for the beginnings of values. */
static const bool structural[UCHAR_MAX + 1] = {
	['"'] = true, [':'] = true, ['{'] = true, ['}'] = true, ['['] = true,
	[']'] = true,
};

void
peek_init(struct peek *k)
{
	*k = (struct peek){ .usage = NULL };
	buf_init(&k->object, PEEK_OBJECT_MAX);
}

void
peek_fini(struct peek *k)
{
	buf_fini(&k->object);
}

static enum name
name_find(const char *text, size_t n)
{
	if (n > NAME_MAX_BYTES)
		return NAME_NONE;
	for (size_t i = 0; i < NAMES_MAX && names[n][i].text != NULL; i++)
		if (memcmp(names[n][i].text, text, n) == 0)
			return names[n][i].name;
	return NAME_NONE;
}

static bool
is_output(enum name name)
{
	return name == NAME_OUTPUT || name == NAME_CONTENT;
}

/* Is there a "usage" to be read in the object that is open? */
static bool
is_usage_place(const struct peek *k)
{
	switch (k->depth) {
	case 1:
		return true;
	case 2:
		return k->top == NAME_RESPONSE || k->top == NAME_MESSAGE;
	case 3:
		return k->top == NAME_CHOICES;
	default:
		return false;
	}
}

static void
usage_begin(struct peek *k, size_t at)
{
	if (k->object_depth > 0 || !is_usage_place(k))
		return;
	k->has_usage |= k->depth == 1;
	k->in_message = k->depth == 2 && k->top == NAME_MESSAGE;
	k->too_long = false;
	k->object_start = at;
	k->object_depth = k->depth;
}

/* The open usage goes on in BYTES up to END: it has to be kept. */
static void
usage_keep(struct peek *k, const char *bytes, size_t end)
{
	if (!k->too_long && buf_append(&k->object, bytes + k->object_start,
	    end - k->object_start) != ERR_NONE)
		k->too_long = true;
	k->object_start = 0;
}

static void
usage_end(struct peek *k, const char *bytes, size_t end)
{
	const char *text = bytes + k->object_start;
	size_t n = end - k->object_start;

	k->object_depth = 0;
	if (buf_len(&k->object) > 0) {
		usage_keep(k, bytes, end);
		text = buf_data(&k->object);
		n = buf_len(&k->object);
	}
	if (k->usage != NULL && !k->too_long && n <= PEEK_OBJECT_MAX)
		k->usage(k->arg, text, n, k->in_message);
	buf_fini(&k->object);
}

/* A member of the top level, whose value begins with C. */
static void
member_note(struct peek *k, char c)
{
	unsigned member = k->key == NAME_MESSAGE && c == '"' ? PEEK_REASON :
		    members[k->key];

	if (c == 'n' || (member == PEEK_REASON && (c == 'f' || c == '0')))
		return;			/* null, false, a code of 0 */
	k->members |= member;
}

/* A member's value begins with the byte C, AT in the bytes at hand. */
static void
value_begin(struct peek *k, char c, size_t at)
{
	k->value_next = false;
	if (k->depth == 1)
		member_note(k, c);
	if (k->key == NAME_USAGE && c == '{')
		usage_begin(k, at);
	else if (k->key == NAME_ERROR && k->depth == 1 && c != 'n' &&
	    c != 'f')
		k->has_error = true;
	else if (k->key == NAME_FINISH && k->depth == 3 &&
	    k->top == NAME_CHOICES && c != 'n')
		k->has_finish = true;
	else if (k->key == NAME_VECTOR)
		k->has_vectors = true;
}

enum type {
	TYPE_OTHER, TYPE_ERROR, TYPE_SUMMARY, TYPE_FAILED, TYPE_DONE,
	TYPE_BLOCK_STOP
};

/* What the value of an event's "type" says. */
static enum type
type_of(const char *text, size_t n)
{
	static const char family[] = "response.", failed[] = "response.failed",
	    stop[] = "content_block_stop";

	if (n == 5 && memcmp(text, "error", 5) == 0)
		return TYPE_ERROR;
	if (n == sizeof stop - 1 && memcmp(text, stop, n) == 0)
		return TYPE_BLOCK_STOP;
	if (n < sizeof family - 1 || n >= WORD_MAX_BYTES ||
	    memcmp(text, family, sizeof family - 1) != 0 ||
	    memcmp(text + n - 6, ".delta", 6) == 0)
		return TYPE_OTHER;
	if (n == sizeof failed - 1 && memcmp(text, failed, n) == 0)
		return TYPE_FAILED;
	return memcmp(text + n - 5, ".done", 5) == 0 ? TYPE_DONE :
	    TYPE_SUMMARY;
}

static void
type_note(struct peek *k, enum type type)
{
	k->has_error |= type == TYPE_ERROR || type == TYPE_FAILED;
	k->is_summary |= type == TYPE_SUMMARY || type == TYPE_FAILED ||
	    type == TYPE_DONE;
	k->ends_part |= type == TYPE_DONE || type == TYPE_BLOCK_STOP;
}

/* A long string that begins with TEXT stands where a picture or sound does. */
static void
medium_end(struct peek *k, enum media_kind kind, const char *text, size_t n)
{
	k->media_bytes += k->string_bytes;
	k->media_tokens += media_weigh(kind, text, n, k->string_bytes);
}

static void
string_end(struct peek *k, const char *text, size_t n)
{
	if (!k->in_value)
		k->name = (uint8_t)name_find(text, n);
	else if (k->string_bytes > MEDIUM_MIN_BYTES && k->key == NAME_PICTURE)
		medium_end(k, MEDIA_PICTURE, text, n);
	else if (k->string_bytes > MEDIUM_MIN_BYTES && k->key == NAME_SOUND)
		medium_end(k, MEDIA_WAVE, text, n);
	else if (k->key == NAME_TYPE && k->depth == 1)
		type_note(k, type_of(text, n));
}

/* The first quote or backslash at or after P; eight bytes at a time. */
static const char *
string_skip(const char *p, const char *end)
{
	const uint64_t ones = UINT64_MAX / 255, high = ones << 7;
	uint64_t word, quote, slash, hit;

	for (; end - p >= 8; p += 8) {
		memcpy(&word, p, 8);
		word = le64toh(word);
		quote = word ^ ones * '"';
		slash = word ^ ones * '\\';
		hit = (((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
		    high;
		if (hit != 0)
			return p + __builtin_ctzll(hit) / 8;
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

static void
word_keep(struct peek *k, const char *p, size_t n)
{
	size_t room = sizeof k->word - k->word_len;

	if (n > room)
		n = room;
	memcpy(k->word + k->word_len, p, n);
	k->word_len += (uint8_t)n;
}

/* P is inside a string. Returns where the reading goes on. */
static const char *
string_read(struct peek *k, const char *p, const char *end)
{
	const char *start = p;

	while (p < end) {
		if (!k->escaped) {
			p = string_skip(p, end);
			if (p == end || *p == '"')
				break;
		}
		k->escaped = !k->escaped;
		p++;
	}
	k->string_bytes += (size_t)(p - start);
	if (k->in_value && is_output(k->key))
		k->output_bytes += (size_t)(p - start);
	if (p == end || k->word_len > 0)
		word_keep(k, start, (size_t)(p - start));
	if (p == end)
		return end;
	k->in_string = false;
	if (k->word_len > 0)
		string_end(k, k->word, k->word_len);
	else
		string_end(k, start, (size_t)(p - start));
	return p + 1;
}

static void
bracket_open(struct peek *k, char c)
{
	if (c == '{' && k->depth == 2 && k->top == NAME_CHOICES)
		k->has_choices = true;
	k->has_rest |= k->is_closed;
	if (k->depth < UINT32_MAX)
		k->depth++;
}

static void
bracket_close(struct peek *k, const char *bytes, size_t end)
{
	if (k->depth == 0) {
		k->has_rest = true;
		return;
	}
	k->depth--;
	k->is_closed |= k->depth == 0;
	if (k->object_depth > 0 && k->depth == k->object_depth)
		usage_end(k, bytes, end);
}

/* The next member's value belongs to the string that has just ended. */
static void
colon(struct peek *k)
{
	k->key = k->name;
	k->name = NAME_NONE;
	k->value_next = true;
	if (k->depth == 1)
		k->top = k->key;
}

/* The token at P, which is in no string. */
static void
token_read(struct peek *k, const char *bytes, const char *p)
{
	char c = *p;

	if (c == ' ' || c == '\n' || c == '\t' || c == '\r')
		return;
	k->in_value = k->value_next;
	if (k->value_next)
		value_begin(k, c, (size_t)(p - bytes));
	switch (c) {
	case '"':
		k->in_string = true;
		k->string_bytes = 0;
		k->word_len = 0;
		break;
	case ':':
		colon(k);
		break;
	case '{':
	case '[':
		bracket_open(k, c);
		break;
	case '}':
	case ']':
		bracket_close(k, bytes, (size_t)(p - bytes) + 1);
		break;
	default:
		break;
	}
}

size_t
peek_skip_begin(const char *bytes, size_t n)
{
	size_t	 i = 0;

	while (i < n && memchr(" \t\r\n\xEF\xBB\xBF", bytes[i], 7) != NULL)
		i++;
	return i;
}

bool
peek_is_whole(const struct peek *k)
{
	return k->is_closed && k->depth == 0 && !k->has_rest && !k->in_string;
}

/* Note the first byte, and whether anything follows the last one. */
static void
ends_note(struct peek *k, const char *bytes, size_t n)
{
	size_t	 i = peek_skip_begin(bytes, n);

	if (i < n && k->first == 0)
		k->first = bytes[i];
	k->has_rest |= i < n && k->is_closed;
}

/* What stands behind the last bracket of all is no part of the answer. */
static void
rest_note(struct peek *k, const char *bytes, size_t n)
{
	while (n > 0 && memchr(" \t\r\n", bytes[n - 1], 4) != NULL)
		n--;
	if (k->is_closed && n > 0 && bytes[n - 1] != '}' && bytes[n - 1] != ']')
		k->has_rest = true;
}

void
peek_feed(struct peek *k, const char *bytes, size_t n)
{
	const char *p = bytes, *end = bytes + n;

	ends_note(k, bytes, n);

	while (p < end)
		if (k->in_string)
			p = string_read(k, p, end);
		else if (!k->value_next && !structural[(unsigned char)*p])
			p++;
		else
			token_read(k, bytes, p++);
	if (k->object_depth > 0)
		usage_keep(k, bytes, n);
	rest_note(k, bytes, n);
}

/* The last letters of a name as one number, to tell names apart at a glance. */
#define TAIL(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | \
	(uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* Does the name of an output member end so? The name's quote is at CLOSE. */
static bool
is_output_name(const char *data, const char *close)
{
	const char *open = close - 1;

	while (open > data && *open != '"' && close - open <= NAME_MAX_BYTES)
		open--;
	return *open == '"' &&
	    is_output(name_find(open + 1, (size_t)(close - open) - 1));
}

/* The quote that ends the string at P, or END. */
static const char *
string_find_end(const char *p, const char *end)
{
	while ((p = string_skip(p, end)) < end && *p == '\\')
		p += end - p > 1 ? 2 : 1;
	return p;
}

/*
 * Look at the member whose name ends with TAIL before the quote at CLOSE and
 * whose value is at *P. False: it takes a closer look. Else *P may be moved to
 * the end of the value.
 */
static bool
glance_member(const char *data, const char *close, uint32_t tail,
    const char **p, const char *end, uint64_t *output_bytes)
{
	const char *value = *p, *stop;

	switch (tail) {
	case TAIL('s', 'a', 'g', 'e'):
	case TAIL('r', 'r', 'o', 'r'):
	case TAIL('a', 's', 'o', 'n'):
	case TAIL('d', 'a', 't', 'a'):
		return *value == 'n';
	case TAIL('t', 'y', 'p', 'e'):
	case TAIL('t', 'e', 'x', 't'):
	case TAIL('e', 'l', 't', 'a'):
	case TAIL('n', 'p', 'u', 't'):
	case TAIL('t', 'e', 'n', 't'):
	case TAIL('u', 's', 'a', 'l'):
	case TAIL('k', 'i', 'n', 'g'):
	case TAIL('e', 'n', 't', 's'):
	case TAIL('n', 'i', 'n', 'g'):
	case TAIL('j', 's', 'o', 'n'):
	case TAIL('"', 'u', 'r', 'l'):
	case TAIL('s', 'u', 'l', 't'):
		break;
	default:
		return true;
	}
	if (*value != '"')
		return true;
	stop = string_find_end(++value, end);
	if (stop == end)
		return false;
	*p = stop;
	if (tail == TAIL('t', 'y', 'p', 'e'))
		return type_of(value, (size_t)(stop - value)) == TYPE_OTHER;
	if (is_output_name(data, close))
		*output_bytes += (size_t)(stop - value);
	else
		return stop - value <= MEDIUM_MIN_BYTES;
	return true;
}

/*
 * From colon to colon: a member's is behind a quote, and a quote inside a string
 * is behind a backslash.
 */
bool
peek_glance(const char *data, size_t n, uint64_t *output_bytes)
{
	const char *p = data, *end = data + n, *close;
	uint32_t tail;

	*output_bytes = 0;
	while ((p = memchr(p, ':', (size_t)(end - p))) != NULL) {
		close = p++ - 1;
		if (close - data < 5)
			continue;
		if (*close == ' ' || *close == '\t' || *close == '\n' ||
		    *close == '\r')
			return false;
		if (*close != '"')
			continue;
		while (p < end && *p == ' ')
			p++;
		if (p == end)
			return false;
		memcpy(&tail, close - 4, sizeof tail);
		if (!glance_member(data, close, le32toh(tail), &p, end,
		    output_bytes))
			return false;
	}
	return true;
}
