#include "config.h"

#include "base/text.h"

#include <string.h>

#include "base/utf8.h"

/* ALLOWED are the control characters that may be in it. */
static bool
is_text(const char *text, size_t n, const char *allowed)
{
	for (size_t i = 0, len; i < n; i += len) {
		unsigned char c = (unsigned char)text[i];

		len = utf8_length((const unsigned char *)text + i, n - i);
		if (len == 0 || c == '\177' || (c < ' ' &&
		    (c == '\0' || strchr(allowed, c) == NULL)))
			return false;
	}
	return true;
}

bool
text_is_line(const char *text, size_t n)
{
	return is_text(text, n, "");
}

bool
text_is_lines(const char *text, size_t n)
{
	return is_text(text, n, "\t\n\r");
}
