#include "config.h"

#include "upstream/head.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

enum {
	HOP_NAMES_MAX = 32,
	HOP_NAME_BYTES = 128		/* longer ones are not passed on anyway */
};

/* What the fields say of the connection and of where the body ends. */
struct framing {
	bool		 has_length, is_chunked, has_hops;
	uint64_t	 length;
	unsigned	 name_count;
	char		 names[HOP_NAMES_MAX][HOP_NAME_BYTES];
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void
trim(const char **text, size_t *n)
{
	while (*n > 0 && is_blank(**text)) {
		(*text)++;
		(*n)--;
	}
	while (*n > 0 && is_blank((*text)[*n - 1]))
		(*n)--;
}

enum err
head_add_line(struct buf *fields, const char *line, size_t n)
{
	if (n > 0 && is_blank(*line) && buf_len(fields) > 0)
		fields->end--;		/* the line end before it */
	return buf_append(fields, line, n) == ERR_NONE ?
	    buf_append(fields, "\n", 1) : ERR_NO_MEMORY;
}

bool
head_next_field(const struct buf *fields, size_t *at, const char **name,
    size_t *name_len, const char **value, size_t *value_len)
{
	const char *line, *end, *colon;

	while (*at < buf_len(fields)) {
		line = buf_data(fields) + *at;
		end = memchr(line, '\n', buf_len(fields) - *at);
		if (end == NULL)
			return false;
		*at += (size_t)(end - line) + 1;
		colon = memchr(line, ':', (size_t)(end - line));
		if (colon == NULL)
			continue;
		*name = line;
		*name_len = (size_t)(colon - line);
		trim(name, name_len);
		*value = colon + 1;
		*value_len = (size_t)(end - *value);
		trim(value, value_len);
		return true;
	}
	return false;
}

/* ---- Lists. ---- */

/* The next element of a list with commas, which may be empty. False: no more. */
static bool
next_element(const char **list, size_t *n, const char **element, size_t *len)
{
	const char *comma;

	if (*list == NULL)
		return false;
	comma = memchr(*list, ',', *n);
	*element = *list;
	*len = comma == NULL ? *n : (size_t)(comma - *list);
	*n -= comma == NULL ? *n : *len + 1;
	*list = comma == NULL ? NULL : comma + 1;
	trim(element, len);
	return true;
}

static bool
text_is(const char *text, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(text, word, n) == 0;
}

static bool
read_number(const char *text, size_t n, uint64_t *number)
{
	*number = 0;
	if (n == 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9' ||
		    *number > (uint64_t)INT64_MAX / 10 - 1)
			return false;
		*number = *number * 10 + (uint64_t)(text[i] - '0');
	}
	return true;
}

static bool
read_length(struct framing *f, const char *value, size_t n)
{
	const char *element;
	size_t	 len;
	uint64_t length;

	while (next_element(&value, &n, &element, &len)) {
		if (!read_number(element, len, &length) ||
		    (f->has_length && f->length != length))
			return false;
		f->has_length = true;
		f->length = length;
	}
	return true;
}

static bool
read_coding(struct framing *f, const char *value, size_t n)
{
	bool	 is_second = f->is_chunked;

	f->is_chunked = true;
	return !is_second && text_is(value, n, "chunked");
}

static bool
read_hops(struct framing *f, const char *value, size_t n)
{
	const char *element;
	size_t	 len;

	f->has_hops = true;
	while (next_element(&value, &n, &element, &len)) {
		if (len == 0 || len >= HOP_NAME_BYTES ||
		    text_is(element, len, "close") ||
		    text_is(element, len, "keep-alive"))
			continue;
		if (f->name_count == HOP_NAMES_MAX)
			return false;
		memcpy(f->names[f->name_count], element, len);
		f->names[f->name_count++][len] = '\0';
	}
	return true;
}

static bool
read_field(struct framing *f, const char *name, size_t name_len,
    const char *value, size_t value_len)
{
	if (text_is(name, name_len, "content-length"))
		return read_length(f, value, value_len);
	if (text_is(name, name_len, "transfer-encoding"))
		return read_coding(f, value, value_len);
	if (text_is(name, name_len, "connection"))
		return read_hops(f, value, value_len);
	return true;
}

/* ---- What goes no further. ---- */

static bool
is_hop(const struct framing *f, const char *name, size_t n)
{
	if (text_is(name, n, "connection"))
		return true;
	for (unsigned i = 0; i < f->name_count; i++)
		if (text_is(name, n, f->names[i]))
			return true;
	return false;
}

static void
drop_hops(const struct framing *f, struct buf *fields)
{
	char	*data = fields->data + fields->start;
	const char *name, *value;
	size_t	 at = 0, from = 0, kept = 0, name_len, value_len;

	while (head_next_field(fields, &at, &name, &name_len, &value,
	    &value_len)) {
		if (!is_hop(f, name, name_len)) {
			memmove(data + kept, data + from, at - from);
			kept += at - from;
		}
		from = at;
	}
	fields->end = fields->start + kept;
}

enum err
head_end(struct buf *fields, bool *is_chunked)
{
	struct framing f;
	const char *name, *value;
	size_t	 at = 0, name_len, value_len;

	f.has_length = f.is_chunked = f.has_hops = false;
	f.name_count = 0;		/* the names themselves are 4 kB */
	while (head_next_field(fields, &at, &name, &name_len, &value,
	    &value_len))
		if (!read_field(&f, name, name_len, value, value_len))
			return ERR_UPSTREAM_GARBAGE;
	if (f.has_length && f.is_chunked)
		return ERR_UPSTREAM_GARBAGE;
	if (f.has_hops)
		drop_hops(&f, fields);
	*is_chunked = f.is_chunked;
	return ERR_NONE;
}
