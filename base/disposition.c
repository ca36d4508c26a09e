#include "config.h"

#include "base/disposition.h"

#include <string.h>
#include <strings.h>

#include "base/http.h"
#include "base/utf8.h"

static const char not_form_data[] =
	"The Content-Disposition of a part of the multipart body is not form-data.";
static const char no_name[] = "A part of the multipart body has no name.";
static const char two_names[] =
	"A part of the multipart body has more than one name.";
static const char extended_name[] = "The name of a part of the multipart body "
	"is given as name*, which form-data does not have.";
static const char escaped_name[] = "The name of a part of the multipart body "
	"has escapes, quotes or bytes that are no UTF-8, which parsers read "
	"differently.";
static const char malformed[] =
	"The Content-Disposition of a part of the multipart body is not well-formed.";

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/*
 * Are there readers that make another NAME of it? Of backslashes some make
 * nothing, some what follows; browsers write percent signs that few undo; PHP
 * takes off single quotes; Java's mail libraries decode RFC 2047's words; and
 * who decodes bytes that are no UTF-8 may drop them.
 */
static bool
is_escaped(struct param_text name)
{
	const unsigned char *p = (const unsigned char *)name.p;
	size_t n;

	for (; name.n > 0; p += n, name.n -= n) {
		n = utf8_length(p, name.n);
		if (n == 0 || *p == '\\' || *p == '\'' || *p == '"')
			return true;
		if (*p == '%' && name.n > 2 && is_hex((char)p[1]) &&
		    is_hex((char)p[2]))
			return true;
		if (*p == '=' && name.n > 1 && p[1] == '?')
			return true;
	}
	return false;
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
disposition_parse(struct param_text rest, struct param_text *name,
    bool *is_file)
{
	unsigned names = names_count(rest);
	enum param_result result;
	struct param param;

	*name = (struct param_text){ NULL, 0 };
	*is_file = false;
	if (!param_is(param_first(&rest), "form-data"))
		return not_form_data;
	while ((result = param_next(&rest, &param)) == PARAM_FOUND) {
		if (!param.quoted && !http_is_token(param.value.p, param.value.n))
			return malformed;
		if (param.name.n > 4 && strncasecmp(param.name.p, "name*", 5) == 0)
			return extended_name;
		*is_file |= param.name.n >= 8 &&
		    strncasecmp(param.name.p, "filename", 8) == 0;
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
	return is_escaped(*name) ? escaped_name : NULL;
}
