/* multipart.c - one pass over a multipart body that arrives in pieces.
 *
 * Parsers disagree about what is not quite well-formed. Whatever one of them
 * could take for another field than we do is refused, not interpreted.
 */
#include "config.h"

#include "base/multipart.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/http.h"
#include "base/param.h"

enum state {
	STATE_START,			/* the first delimiter must come */
	STATE_CONTENT,			/* the next one is looked for */
	STATE_HEADER,
	STATE_DELIMITER,		/* it was read; the rest of its line */
	STATE_LF,
	STATE_DASH,			/* the last dash of the closing delimiter */
	STATE_CLOSED,			/* that has been read */
	STATE_CLOSE_LF,
	STATE_DONE,
	STATE_EMPTY_LF, STATE_OVER	/* an empty line behind that */
};

enum line_break {
	BREAK_NONE,			/* no line starts here */
	BREAK_HEADER,			/* the empty line after a part's header */
	BREAK_CR, BREAK_LF, BREAK_CRLF
};

static const char not_form_data[] = "The Content-Type is not multipart/form-data.";
static const char bad_type[] = "The Content-Type is not well-formed.";
static const char no_boundary[] =
	"The Content-Type of the multipart body has no boundary.";
static const char two_boundaries[] =
	"The Content-Type of the multipart body has more than one boundary.";
static const char bad_boundary[] = "The boundary of the multipart body must be "
	"1 to 70 letters, digits or characters that RFC 2046 allows.";
static const char no_start[] =
	"The multipart body does not start with its boundary.";
static const char bare_break[] =
	"A line of the multipart body does not end with CR LF.";
static const char no_content[] =
	"A part of the multipart body has no empty line between its header and "
	"the boundary.";
static const char bad_delimiter[] =
	"The multipart body has something after its boundary on the same line.";
static const char after_end[] =
	"The multipart body goes on after its closing boundary.";
static const char no_end[] =
	"The multipart body ends before its closing boundary.";
static const char many_parts[] =
	"The multipart body has more than 1000 parts.";
static const char large_header[] =
	"The header of a part of the multipart body is larger than 16384 bytes.";
static const char delimiter_in_header[] =
	"The header of a part of the multipart body is not well-formed.";
static const char two_fields[] =
	"A field that may appear only once appears twice in the multipart body.";

static const uint8_t *
fail(struct multipart_scan *s, const char *reason)
{
	s->err = ERR_MULTIPART;
	s->reason = reason;
	return NULL;
}

/* Offset in the whole body of the byte that stands LEFT before the feed's end. */
static inline uint64_t
offset_of(const struct multipart_scan *s, ptrdiff_t left)
{
	return s->offset - (uint64_t)left;
}

/* RFC 2046 section 5.1.1: bchars, the last of them no space. */
static bool
is_boundary(struct param_text text)
{
	static const char marks[] = "'()+_,-./:=? ";

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z') ||
		    memchr(marks, c, sizeof marks - 1) != NULL))
			return false;
	}
	return text.n > 0 && text.n <= MULTIPART_BOUNDARY_MAX &&
	    text.p[text.n - 1] != ' ';
}

/*
 * Whether the first "boundary" of TYPE is the name of PARAM and none comes after
 * its value, be it in quotes or as part of a longer name: there are parsers that
 * do not look closer.
 */
static bool
is_only_boundary(const char *type, const struct param *param)
{
	return strcasestr(type, "boundary") == param->name.p &&
	    strcasestr(param->value.p + param->value.n, "boundary") == NULL;
}

/* NULL, or what is wrong with the Content-Type. */
static const char *
boundary_find(const char *type, struct param_text *boundary)
{
	struct param_text rest = { type, strlen(type) };
	enum param_result result;
	struct param param;
	bool found = false;

	if (!param_is(param_first(&rest), "multipart/form-data"))
		return not_form_data;
	if (!http_is_field_value(rest.p, rest.n))
		return bad_type;
	while ((result = param_next(&rest, &param)) == PARAM_FOUND) {
		if (!param_is(param.name, "boundary"))
			continue;
		if (found || !is_only_boundary(type, &param))
			return two_boundaries;
		/* There are parsers that end a bare one at a comma. */
		if (!is_boundary(param.value) || (!param.quoted &&
		    memchr(param.value.p, ',', param.value.n) != NULL))
			return bad_boundary;
		*boundary = param.value;
		found = true;
	}
	if (result == PARAM_BAD)
		return bad_type;
	return found ? NULL : no_boundary;
}

enum err
multipart_scan_init(struct multipart_scan *s, const char *content_type,
    const struct spelling *spelling)
{
	struct param_text boundary;
	const char *reason;

	assert(spelling->count <= MULTIPART_WATCH_MAX);
	memset(s, 0, offsetof(struct multipart_scan, line));
	s->names.watched = spelling;
	form_part_init(&s->part);
	reason = boundary_find(content_type == NULL ? "" : content_type, &boundary);
	if (reason != NULL) {
		fail(s, reason);
		return s->err;
	}
	memcpy(s->delimiter, "--", 2);
	memcpy(s->delimiter + 2, boundary.p, boundary.n);
	s->delimiter_len = (uint8_t)(boundary.n + 2);
	return ERR_NONE;
}

/* The delimiter was read right before OFFSET, at the start of a line. */
static bool
delimiter_found(struct multipart_scan *s, uint64_t offset)
{
	uint64_t start = offset - s->delimiter_len;

	if (s->line_break == BREAK_HEADER)
		return fail(s, no_content) != NULL;
	if (s->line_break == BREAK_CR || s->line_break == BREAK_LF)
		return fail(s, bare_break) != NULL;
	if (s->state == STATE_START)
		s->start = start;
	if (s->part.watching >= 0) {
		s->ranges[s->part.watching].end = start - 2;
		s->ranges[s->part.watching].found = true;
	}
	s->state = STATE_DELIMITER;
	return true;
}

/* What the line at P follows, FROM being as far back as we can see. */
static enum line_break
line_break_before(const uint8_t *from, const uint8_t *p)
{
	if (p == from)
		return BREAK_NONE;
	if (p[-1] == '\r')
		return BREAK_CR;
	if (p[-1] != '\n')
		return BREAK_NONE;
	return p - from > 1 && p[-2] == '\r' ? BREAK_CRLF : BREAK_LF;
}

/* The bytes from START on hold no delimiter, but END may cut one. */
static void
tail_keep(struct multipart_scan *s, const uint8_t *start, const uint8_t *end)
{
	const uint8_t *p = end;

	while (end - p < s->delimiter_len &&
	    line_break_before(start, p) == BREAK_NONE) {
		if (p == start)
			return;
		p--;
	}
	if (end - p < s->delimiter_len &&
	    memcmp(p, s->delimiter, (size_t)(end - p)) == 0) {
		s->line_break = (uint8_t)line_break_before(start, p);
		s->matched = (uint8_t)(end - p);
	}
}

/* Look for a line that starts with the delimiter; P is not at a line's start. */
static const uint8_t *
scan_text(struct multipart_scan *s, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *start = p, *found;

	for (;;) {
		found = memmem(p, (size_t)(end - p), s->delimiter, s->delimiter_len);
		if (found == NULL) {
			tail_keep(s, start, end);
			return end;
		}
		s->line_break = (uint8_t)line_break_before(start, found);
		if (s->line_break != BREAK_NONE)
			break;
		p = found + 1;
	}
	found += s->delimiter_len;
	return delimiter_found(s, offset_of(s, end - found)) ? found : NULL;
}

/* Compare a line to the delimiter. A new line may start at any byte. */
static const uint8_t *
scan_line(struct multipart_scan *s, const uint8_t *p, const uint8_t *end)
{
	for (; p < end; p++) {
		if (*p == (uint8_t)s->delimiter[s->matched]) {
			if (++s->matched < s->delimiter_len)
				continue;
			s->matched = 0;
			p++;
			return delimiter_found(s, offset_of(s, end - p)) ? p : NULL;
		}
		if (*p == '\n')
			s->line_break = s->line_break == BREAK_CR &&
			    s->matched == 0 ? BREAK_CRLF : BREAK_LF;
		else if (*p == '\r')
			s->line_break = BREAK_CR;
		else
			s->line_break = BREAK_NONE;
		s->matched = 0;
		if (s->line_break == BREAK_NONE)
			return p + 1;
	}
	return p;
}

/* The body's first bytes: the delimiter, which one CR LF may come before. */
static const uint8_t *
scan_start(struct multipart_scan *s, const uint8_t *p, const uint8_t *end)
{
	for (; p < end; p++) {
		if (s->line_break == BREAK_CR && *p == '\n')
			s->line_break = BREAK_CRLF;
		else if (*p == '\r' && offset_of(s, end - p) == 0)
			s->line_break = BREAK_CR;
		else if (s->line_break == BREAK_CR ||
		    *p != (uint8_t)s->delimiter[s->matched])
			return fail(s, no_start);
		else if (++s->matched == s->delimiter_len) {
			s->matched = 0;
			p++;
			return delimiter_found(s, offset_of(s, end - p)) ?
			    p : NULL;
		}
	}
	return p;
}

static const uint8_t *
scan_content(struct multipart_scan *s, const uint8_t *p, const uint8_t *end)
{
	return s->line_break == BREAK_NONE ? scan_text(s, p, end) :
	    scan_line(s, p, end);
}

static bool
part_open(struct multipart_scan *s)
{
	if (s->parts == MULTIPART_PARTS_MAX)
		return fail(s, many_parts) != NULL;
	s->parts++;
	form_part_init(&s->part);
	s->header_len = 0;
	s->line_len = 0;
	s->state = STATE_HEADER;
	return true;
}

/* One byte of what follows a delimiter: CR LF, or two dashes and the end. */
static const uint8_t *
scan_delimiter(struct multipart_scan *s, const uint8_t *p)
{
	static const struct {
		char		 byte;
		enum state	 next;
		const char	*reason;	/* why it is no other byte */
	} steps[] = {
		[STATE_DELIMITER] = { '\r', STATE_LF, bad_delimiter },
		[STATE_LF] = { '\n', STATE_HEADER, bare_break },
		[STATE_DASH] = { '-', STATE_CLOSED, bad_delimiter },
		[STATE_CLOSED] = { '\r', STATE_CLOSE_LF, after_end },
		[STATE_CLOSE_LF] = { '\n', STATE_DONE, bare_break },
		/* form-data-encoder, in OpenAI's client, ends with an empty line. */
		[STATE_DONE] = { '\r', STATE_EMPTY_LF, after_end },
		[STATE_EMPTY_LF] = { '\n', STATE_OVER, after_end },
		[STATE_OVER] = { '\0', STATE_OVER, after_end },
	};
	enum state state = s->state;

	if (state == STATE_DELIMITER && *p == '-') {
		s->state = STATE_DASH;
		return p + 1;
	}
	if (state == STATE_OVER || *p != (uint8_t)steps[state].byte)
		return fail(s, *p == '\n' && state < STATE_DONE ? bare_break :
		    steps[state].reason);
	s->state = (uint8_t)steps[state].next;
	return state != STATE_LF || part_open(s) ? p + 1 : NULL;
}

/* NULL, or what is wrong with the header line of N bytes, without its line end. */
static const char *
field_read(struct multipart_scan *s, size_t n)
{
	/* Who splits the body at its delimiters first would split it here. */
	if (n >= s->delimiter_len &&
	    memcmp(s->line, s->delimiter, s->delimiter_len) == 0)
		return delimiter_in_header;
	return form_part_read(&s->part, &s->names, s->line, n);
}

/* The header is complete and the content begins at OFFSET. */
static const char *
header_end(struct multipart_scan *s, uint64_t offset)
{
	const char *reason = form_part_end(&s->part);
	struct multipart_range *range;

	if (reason != NULL)
		return reason;
	s->noted_mask |= s->part.noted;
	if (s->part.watching >= 0) {
		range = &s->ranges[s->part.watching];
		/* No content begins at 0. */
		if (range->start > 0)
			return two_fields;
		range->start = offset;
		range->is_ascii = s->part.is_ascii;
	}
	s->state = STATE_CONTENT;
	s->line_break = BREAK_HEADER;
	return NULL;
}

static const uint8_t *
scan_header(struct multipart_scan *s, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *lf = memchr(p, '\n', (size_t)(end - p));
	size_t n = lf == NULL ? (size_t)(end - p) : (size_t)(lf + 1 - p);
	const char *reason;

	if (n > MULTIPART_HEADERS_MAX - s->header_len)
		return fail(s, large_header);
	s->header_len += n;
	memcpy(s->line + s->line_len, p, n);
	s->line_len += n;
	p += n;
	if (lf == NULL)
		return p;
	n = s->line_len - 1;
	s->line_len = 0;
	if (n == 0 || s->line[n - 1] != '\r')
		return fail(s, bare_break);
	reason = n == 1 ? header_end(s, offset_of(s, end - p)) :
	    field_read(s, n - 1);
	return reason == NULL ? p : fail(s, reason);
}

enum err
multipart_scan_feed(struct multipart_scan *s, const void *bytes, size_t n)
{
	const uint8_t *p = bytes, *end;

	if (s->err != ERR_NONE || n == 0)
		return s->err;
	end = p + n;
	s->offset += n;
	while (p != NULL && p < end) {
		if (s->state == STATE_START)
			p = scan_start(s, p, end);
		else if (s->state == STATE_CONTENT)
			p = scan_content(s, p, end);
		else if (s->state == STATE_HEADER)
			p = scan_header(s, p, end);
		else
			p = scan_delimiter(s, p);
	}
	return s->err;
}

enum err
multipart_scan_end(struct multipart_scan *s)
{
	if (s->err == ERR_NONE && s->state == STATE_START)
		fail(s, no_start);
	else if (s->err == ERR_NONE && s->state != STATE_CLOSED &&
	    s->state != STATE_DONE && s->state != STATE_OVER)
		fail(s, no_end);
	return s->err;
}

void
multipart_write_type(const struct multipart_scan *s,
    char out[MULTIPART_TYPE_SIZE])
{
	const char *boundary = s->delimiter + 2;
	size_t n = s->delimiter_len - 2U;
	const char *quote = http_is_token(boundary, n) ? "" : "\"";

	snprintf(out, MULTIPART_TYPE_SIZE,
	    "multipart/form-data; boundary=%s%.*s%s", quote, (int)n, boundary,
	    quote);
}
