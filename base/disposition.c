#include "config.h"

#include "base/disposition.h"

#include <string.h>
#include <strings.h>

#include "base/http.h"

static const char not_form_data[] =
	"The Content-Disposition of a part of the multipart body is not form-data.";
static const char no_name[] = "A part of the multipart body has no name.";
static const char two_names[] =
	"A part of the multipart body has more than one name.";
static const char extended_name[] = "The name of a part of the multipart body "
	"is given as name*, which form-data does not have.";
static const char malformed[] =
	"The Content-Disposition of a part of the multipart body is not well-formed.";

/* Undo the escapes of a quoted string, in place. Returns the new length. */
static size_t
unescape_backslashes(char *text, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\\' && i + 1 < n)
			i++;
		text[out++] = text[i];
	}
	return out;
}

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit = memchr(digits, c >= 'A' ? c | 0x20 : c, 16);

	return digit == NULL ? -1 : (int)(digit - digits);
}

/* Browsers write %22, %0D and %0A; who writes more than that hides something. */
static size_t
unescape_percents(char *text, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c == '%' && n - i > 2 && hex_digit(text[i + 1]) >= 0 &&
		    hex_digit(text[i + 2]) >= 0) {
			c = (char)(hex_digit(text[i + 1]) << 4 |
			    hex_digit(text[i + 2]));
			i += 2;
		}
		text[out++] = c;
	}
	return out;
}

/*
 * How often TEXT has what a careless parser takes for a name parameter: quotes
 * and escapes, which parsers read differently, can hide it or show it.
 */
static unsigned
names_count(struct param_text text)
{
	const char *end = text.p + text.n;
	unsigned count = 0;

	while ((text.p = memchr(text.p, ';', (size_t)(end - text.p))) != NULL) {
		text.p++;
		text.n = (size_t)(end - text.p);
		param_skip_space(&text);
		if (text.n < 5 || strncasecmp(text.p, "name", 4) != 0)
			continue;
		text.p += 4;
		text.n -= 4;
		param_skip_space(&text);
		count += text.n > 0 && (text.p[0] == '=' || text.p[0] == '*');
	}
	return count;
}

const char *
disposition_parse(char *value, size_t n, struct param_text *name)
{
	struct param_text rest = { value, n };
	unsigned names = names_count(rest);
	enum param_result result;
	struct param param;

	*name = (struct param_text){ NULL, 0 };
	if (!param_is(param_first(&rest), "form-data"))
		return not_form_data;
	while ((result = param_next(&rest, &param)) == PARAM_FOUND) {
		if (!param.quoted && !http_is_token(param.value.p, param.value.n))
			return malformed;
		if (param.name.n > 4 && strncasecmp(param.name.p, "name*", 5) == 0)
			return extended_name;
		if (!param_is(param.name, "name"))
			continue;
		if (name->p != NULL)
			return two_names;
		*name = param.value;
	}
	if (result == PARAM_BAD)
		return malformed;
	if (name->p == NULL)
		return no_name;
	if (names > 1)
		return two_names;
	value += name->p - value;
	name->n = unescape_percents(value, unescape_backslashes(value, name->n));
	return NULL;
}
