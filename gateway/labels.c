#include "config.h"

#include "gateway/labels.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

const char labels_other[] = "other";

/* What stands for C after a backslash (Prometheus' text format 0.0.4), or 0. */
static char
escape_of(char c)
{
	return c == '\n' ? 'n' : c == '"' || c == '\\' ? c : '\0';
}

/* One letter of VALUE to OUT: bytes taken, or 0 when it is no text. */
static size_t
put_letter(char *out, size_t *len, const char *value)
{
	unsigned char c = (unsigned char)*value;
	char	 escape = escape_of(*value);
	size_t	 n;

	if (escape != '\0') {
		out[(*len)++] = '\\';
		out[(*len)++] = escape;
		return 1;
	}
	if (c < ' ' || c == 0x7F)
		return 0;
	if (c < 0x80) {
		out[(*len)++] = *value;
		return 1;
	}
	n = utf8_length((const unsigned char *)value, strnlen(value, 4));
	memcpy(out + *len, value, n);
	*len += n;
	return n;
}

/* VALUE, escaped, to OUT: its length; SIZE_MAX: it is too long or no text. */
static size_t
put_value(char out[LABELS_VALUE_MAX + 4], const char *value)
{
	size_t	 len = 0, n;

	while (*value != '\0') {
		n = put_letter(out, &len, value);
		if (n == 0 || len > LABELS_VALUE_MAX)
			return SIZE_MAX;
		value += n;
	}
	return len;
}

static void
put(struct labels *l, const char *text, size_t n)
{
	assert(n <= STATE_TEXT_MAX - l->len);
	memcpy(l->text + l->len, text, n);
	l->len += n;
}

void
labels_begin(struct labels *l, const char *name)
{
	l->len = 0;
	put(l, name, strlen(name));
	put(l, "{", 1);
}

bool
labels_add(struct labels *l, const char *name, const char *value)
{
	char	 escaped[LABELS_VALUE_MAX + 4];
	size_t	 n = put_value(escaped, value);

	if (l->text[l->len - 1] == '"')
		put(l, ",", 1);
	put(l, name, strlen(name));
	put(l, "=\"", 2);
	if (n == SIZE_MAX)
		put(l, labels_other, strlen(labels_other));
	else
		put(l, escaped, n);
	put(l, "\"", 1);
	return n != SIZE_MAX;
}

void
labels_end(struct labels *l)
{
	put(l, "}", 1);
	l->text[l->len] = '\0';
}
