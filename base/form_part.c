#include "config.h"

#include "base/form_part.h"

#include <string.h>
#include <strings.h>

#include "base/disposition.h"
#include "base/http.h"
#include "base/media_type.h"

static const char bad_header[] =
	"The header of a part of the multipart body is not well-formed.";
static const char folded_header[] =
	"The header of a part of the multipart body has a folded line.";
static const char no_disposition[] =
	"A part of the multipart body has no Content-Disposition.";
static const char two_dispositions[] =
	"A part of the multipart body has more than one Content-Disposition.";
static const char two_types[] =
	"A part of the multipart body has more than one Content-Type.";
static const char two_encodings[] = "A part of the multipart body has more than "
	"one Content-Transfer-Encoding.";
static const char nested_parts[] =
	"A part of the multipart body is a message with parts of its own.";
static const char other_spelling[] = "A field of the multipart body has a name "
	"that some providers read as another.";
static const char forbidden_name[] = "A field of the multipart body has a name "
	"that means something else to some providers.";
static const char encoded_field[] = "A field of the multipart body has a "
	"Content-Transfer-Encoding that changes its value.";
static const char odd_type[] = "A field of the multipart body, which is no file, "
	"has a Content-Type that is not text/plain in UTF-8.";
static const char file_field[] =
	"A field of the multipart body is sent as a file, which it is not.";
static const char odd_line[] = "A field of the multipart body, which is no file, "
	"has a header that only files have.";

/* Sets the charset of all other fields (RFC 7578 section 4.6). */
static const char charset_field[] = "_charset_";

void
form_part_init(struct form_part *p)
{
	*p = (struct form_part){ .watching = -1 };
}

/* Is the field called NAME watched? NULL, or what is wrong with the name. */
static const char *
find_name(struct form_part *p, const struct form_names *names,
    struct param_text name)
{
	size_t index;

	if (names->noted != NULL)
		p->noted = spelling_mask(names->noted, name.p, name.n);
	if (param_is(name, charset_field))
		return forbidden_name;
	switch (spelling_find(names->watched, name.p, name.n, &index)) {
	case SPELLING_NONE:
		return NULL;
	case SPELLING_EXACT:
		p->watching = (int)index;
		return NULL;
	case SPELLING_OTHER:
		return other_spelling;
	default:
		return forbidden_name;
	}
}

static const char *
read_disposition(struct form_part *p, const struct form_names *names,
    struct param_text value)
{
	struct param_text name;
	const char *reason;

	if (p->has_disposition)
		return two_dispositions;
	p->has_disposition = true;
	reason = disposition_parse(value, &name, &p->is_file);
	return reason == NULL ? find_name(p, names, name) : reason;
}

/* Text in a charset in which ASCII is ASCII. */
static bool
is_plain_text(struct form_part *p, struct param_text rest)
{
	enum param_result result;
	struct param param;
	bool found = false;

	while ((result = param_next(&rest, &param)) == PARAM_FOUND) {
		if (found || !param_is(param.name, "charset"))
			return false;
		p->is_ascii = param_is(param.value, "iso-8859-1");
		if (!p->is_ascii && !media_type_is_utf8(param.value))
			return false;
		found = true;
	}
	return result == PARAM_END;
}

static bool
begins_with(struct param_text text, const char *word)
{
	size_t n = strlen(word);

	return text.n >= n && strncasecmp(text.p, word, n) == 0;
}

static const char *
read_type(struct form_part *p, struct param_text value)
{
	struct param_text type = param_first(&value);

	if (p->has_type)
		return two_types;
	p->has_type = true;
	if (begins_with(type, "multipart/") || begins_with(type, "message/"))
		return nested_parts;
	p->is_odd_type = !param_is(type, "text/plain") ||
	    !is_plain_text(p, value);
	return NULL;
}

static const char *
read_encoding(struct form_part *p, struct param_text value)
{
	struct param_text encoding = param_first(&value);

	if (p->has_encoding)
		return two_encodings;
	p->has_encoding = true;
	param_skip_space(&value);
	p->is_encoded = value.n > 0 || (!param_is(encoding, "7bit") &&
	    !param_is(encoding, "8bit") && !param_is(encoding, "binary"));
	return NULL;
}

const char *
form_part_read(struct form_part *p, const struct form_names *names,
    const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	struct param_text name = { line, 0 }, value;

	if (n > 0 && (line[0] == ' ' || line[0] == '\t'))
		return folded_header;
	if (colon == NULL || !http_is_field_value(line, n))
		return bad_header;
	name.n = (size_t)(colon - line);
	value = (struct param_text){ colon + 1, n - name.n - 1 };
	if (!http_is_token(name.p, name.n))
		return bad_header;
	if (param_is(name, "content-disposition"))
		return read_disposition(p, names, value);
	if (param_is(name, "content-type"))
		return read_type(p, value);
	if (param_is(name, "content-transfer-encoding"))
		return read_encoding(p, value);
	if (!param_is(name, "content-length"))
		p->has_odd_line = true;
	return NULL;
}

const char *
form_part_end(const struct form_part *p)
{
	if (!p->has_disposition)
		return no_disposition;
	if (p->watching < 0)
		return NULL;
	return p->is_encoded ? encoded_field : p->is_odd_type ? odd_type :
	    p->is_file ? file_field : p->has_odd_line ? odd_line : NULL;
}
