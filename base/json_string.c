/* json_string.c - JSON strings to text and back. */
#include "config.h"

#include "base/json.h"

#include <string.h>

#include "base/buf.h"

/* The four digits of a \uXXXX escape at P, or -1. */
static int
hex_parse(const char *p, const char *end)
{
	int code = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int c = (unsigned char)p[i];

		if (c >= '0' && c <= '9')
			code = code << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			code = code << 4 | ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return code;
}

/* Read what stands after "\u" at *P, the second half of a pair included. */
static int
unicode_parse(const char **p, const char *end)
{
	int code = hex_parse(*p, end), low = -1;

	if (code < 0)
		return -1;
	*p += 4;
	if (code < 0xD800 || code > 0xDFFF)
		return code;
	if (code < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u')
		low = hex_parse(*p + 2, end);
	if (low < 0xDC00 || low > 0xDFFF)
		return UTF8_REPLACEMENT;
	*p += 6;
	return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
}

/* Read what stands after a backslash at *P. Returns its code point, or -1. */
static int
escape_parse(const char **p, const char *end)
{
	if (*p == end)
		return -1;
	switch (*(*p)++) {
	case 'u':
		return unicode_parse(p, end);
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case '"':
	case '\\':
	case '/':
		return (*p)[-1];
	default:
		return -1;
	}
}

int
json_string_decode(const char *raw, size_t n, char *out, size_t out_size)
{
	const char *p, *end;
	size_t used = 0;

	if (n < 2 || raw[0] != '"' || raw[n - 1] != '"')
		return -1;
	end = raw + n - 1;
	for (p = raw + 1; p < end;) {
		unsigned char utf8[4] = { (unsigned char)*p++ };
		size_t len = 1;

		if (utf8[0] == '\\') {
			int code = escape_parse(&p, end);

			if (code < 0)
				return -1;
			len = utf8_encode((uint32_t)code, utf8);
		}
		if (utf8[0] == '\0' || out_size <= len || used >= out_size - len)
			return -1;
		memcpy(out + used, utf8, len);
		used += len;
	}
	if (used >= out_size)
		return -1;
	out[used] = '\0';
	return (int)used;
}

/* Length of the text at P that may stand in a JSON string as it is. */
static size_t
plain_length(const unsigned char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\') {
		size_t len = utf8_length(p + i, n - i);

		if (len == 0)
			break;
		i += len;
	}
	return i;
}

static enum err
write_escaped(struct buf *out, unsigned char c)
{
	switch (c) {
	case '"':
		return buf_puts(out, "\\\"");
	case '\\':
		return buf_puts(out, "\\\\");
	case '\n':
		return buf_puts(out, "\\n");
	case '\r':
		return buf_puts(out, "\\r");
	case '\t':
		return buf_puts(out, "\\t");
	default:
		if (c < 0x20)
			return buf_printf(out, "\\u%04x", c);
		return buf_puts(out, "\xEF\xBF\xBD");
	}
}

enum err
json_write_string(struct buf *out, const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + n;
	enum err err = buf_puts(out, "\"");

	while (err == ERR_NONE && p < end) {
		size_t len = plain_length(p, (size_t)(end - p));

		err = buf_append(out, p, len);
		p += len;
		if (err == ERR_NONE && p < end)
			err = write_escaped(out, *p++);
	}
	return err == ERR_NONE ? buf_puts(out, "\"") : err;
}
