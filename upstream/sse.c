/* sse.c - lines, events, and the two things a relay must know about them. */
#include "config.h"

#include "upstream/sse.h"

#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_tree.h>

#include "base/json.h"

enum { EVENT_MAX_BYTES = 64 * 1024 };	/* a longer one is output, whatever it says */

/* Events of /v1/responses and /v1/messages that end a stream. */
static const char *const terminals[] = {
	"response.completed", "response.failed", "response.incomplete",
	"message_stop",
};

/* Those that come before any output. */
static const char *const preludes[] = {
	"response.created", "response.in_progress", "response.queued",
	"message_start", "ping",
};

struct span {
	const char	*p;
	size_t		 n;
};

void
sse_init(struct sse *s)
{
	*s = (struct sse){ .at_boundary = true, .first_line = true };
	buf_init(&s->data, EVENT_MAX_BYTES);
}

void
sse_fini(struct sse *s)
{
	buf_fini(&s->data);
}

static bool
starts_with(struct span text, const char *word)
{
	size_t n = strlen(word);

	return text.n >= n && memcmp(text.p, word, n) == 0;
}

static struct span
skip(struct span text, size_t n)
{
	return (struct span){ text.p + n, text.n - n };
}

/* What is kept of the current line, without the byte order mark. */
static struct span
line_get(const struct sse *s)
{
	struct span line = { s->line, s->line_len };

	if (s->first_line && starts_with(line, "\xEF\xBB\xBF"))
		return skip(line, 3);
	return line;
}

/* The value of the line's field if that is NAME; one leading space is not part of it. */
static bool
line_field(struct span line, const char *name, struct span *value)
{
	if (!starts_with(line, name))
		return false;
	*value = skip(line, strlen(name));
	if (value->n == 0)
		return true;
	if (value->p[0] != ':')
		return false;
	*value = skip(*value, starts_with(*value, ": ") ? 2 : 1);
	return true;
}

/*
 * Whether data that begins with TEXT is an object whose "type" is one of the
 * terminals, as far as can be told without parsing: "type" must come before any
 * nested value. Quotes inside a JSON string have backslashes, so no text of a
 * model can look like this.
 */
static bool
is_terminal_data(struct span text)
{
	const char *type;

	if (!starts_with(text, "{"))
		return false;
	type = memmem(text.p, text.n, "\"type\"", 6);
	if (type == NULL)
		return false;
	for (const char *p = text.p + 1; p < type; p++)
		if (*p == '{' || *p == '[')
			return false;
	text = skip(text, (size_t)(type - text.p) + 6);
	while (text.n > 0 && memchr(" \t:", text.p[0], 3) != NULL)
		text = skip(text, 1);
	for (size_t i = 0; i < sizeof terminals / sizeof terminals[0]; i++) {
		size_t n = strlen(terminals[i]);

		if (text.n >= n + 2 && text.p[0] == '"' && text.p[n + 1] == '"' &&
		    memcmp(text.p + 1, terminals[i], n) == 0)
			return true;
	}
	return false;
}

/* Look for the stream's end in what is kept of the line, complete or not. */
static void
done_check(struct sse *s)
{
	struct span value;

	if (!line_field(line_get(s), "data", &value) || value.n == 0)
		return;
	if (starts_with(value, "[DONE]") || is_terminal_data(value))
		s->done_seen = true;
}

static void
token_found(struct sse *s)
{
	s->token_seen = true;
	buf_fini(&s->data);
}

static void
data_add(struct sse *s, const char *p, size_t n)
{
	if (!s->token_seen && buf_append(&s->data, p, n) != ERR_NONE)
		token_found(s);
}

/* Add the value of a data line to its event's data, as far as the line has come. */
static void
data_keep(struct sse *s, struct span value)
{
	if (s->line_kept)
		return;
	s->line_kept = true;
	if (s->has_data)
		data_add(s, "\n", 1);
	data_add(s, value.p, value.n);
}

/* N more bytes of the current line. */
static void
line_add(struct sse *s, const char *p, size_t n)
{
	size_t kept = sizeof s->line - s->line_len;
	struct span value;

	if (kept > n)
		kept = n;
	memcpy(s->line + s->line_len, p, kept);
	s->line_len += (unsigned char)kept;
	if (kept == n || s->token_seen)
		return;
	if (line_field(line_get(s), "data", &value)) {
		data_keep(s, value);
		data_add(s, p + kept, n - kept);
	}
}

static void
event_end(struct sse *s)
{
	if (s->has_data) {
		s->events++;
		if (!s->token_seen &&
		    sse_is_token(buf_data(&s->data), buf_len(&s->data)))
			token_found(s);
		buf_consume(&s->data, buf_len(&s->data));
	}
	s->has_data = false;
	s->event_open = false;
}

static bool
is_among(struct span text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(words[i]) == text.n &&
		    memcmp(words[i], text.p, text.n) == 0)
			return true;
	return false;
}

static void
field_end(struct sse *s, struct span line)
{
	struct span value;

	s->event_open = true;
	if (line_field(line, "data", &value)) {
		data_keep(s, value);
		s->has_data = true;
		done_check(s);
	} else if (line_field(line, "event", &value) && is_among(value,
	    terminals, sizeof terminals / sizeof terminals[0]))
		s->done_seen = true;
}

static void
line_end(struct sse *s)
{
	struct span line = line_get(s);

	if (line.n == 0)
		event_end(s);
	else if (line.p[0] != ':')
		field_end(s, line);
	s->line_len = 0;
	s->line_kept = false;
	s->first_line = false;
}

void
sse_feed(struct sse *s, const char *bytes, size_t n)
{
	const char *p = bytes, *end = bytes + n, *lf = NULL, *stop;

	while (p < end) {
		if (s->after_cr && *p == '\n')
			p++;
		s->after_cr = false;
		if (p == end)
			break;
		if (lf == NULL || lf < p)
			lf = memchr(p, '\n', (size_t)(end - p));
		if (lf == NULL)
			lf = end;
		stop = memchr(p, '\r', (size_t)(lf - p));
		if (stop == NULL)
			stop = lf;
		line_add(s, p, (size_t)(stop - p));
		if (stop == end)
			break;
		line_end(s);
		s->after_cr = *stop == '\r';
		p = stop + 1;
	}
	if (s->line_len > 0 && !s->done_seen)
		done_check(s);
	s->at_boundary = s->line_len == 0 && !s->event_open && !s->after_cr;
}

/* Neither null nor an empty string, list or object. */
static bool
is_filled(yajl_val v)
{
	switch (v->type) {
	case yajl_t_null:
		return false;
	case yajl_t_string:
		return v->u.string[0] != '\0';
	case yajl_t_array:
		return v->u.array.len > 0;
	case yajl_t_object:
		return v->u.object.len > 0;
	default:
		return true;
	}
}

/* Whether the object has a filled member other than the one called EXCEPT. */
static bool
has_filled(yajl_val object, const char *except)
{
	for (size_t i = 0; i < object->u.object.len; i++)
		if (strcmp(object->u.object.keys[i], except) != 0 &&
		    is_filled(object->u.object.values[i]))
			return true;
	return false;
}

/* One of a chunk's choices: {"index", "delta": {...}, ...} or {"index", "text", ...}. */
static bool
is_choice_output(yajl_val choice)
{
	if (!YAJL_IS_OBJECT(choice))
		return true;
	for (size_t i = 0; i < choice->u.object.len; i++) {
		const char *key = choice->u.object.keys[i];
		yajl_val value = choice->u.object.values[i];

		if (strcmp(key, "index") == 0)
			continue;
		if (strcmp(key, "delta") == 0 && YAJL_IS_OBJECT(value)) {
			if (has_filled(value, "role"))
				return true;
		} else if (is_filled(value))
			return true;
	}
	return false;
}

static bool
is_output(yajl_val event)
{
	const char *choices_path[] = { "choices", NULL };
	const char *type_path[] = { "type", NULL };
	yajl_val choices, type;
	struct span name;

	if (!YAJL_IS_OBJECT(event))
		return true;
	choices = yajl_tree_get(event, choices_path, yajl_t_array);
	if (choices != NULL) {
		for (size_t i = 0; i < choices->u.array.len; i++)
			if (is_choice_output(choices->u.array.values[i]))
				return true;
		return false;
	}
	type = yajl_tree_get(event, type_path, yajl_t_string);
	if (type == NULL)
		return true;
	name = (struct span){ type->u.string, strlen(type->u.string) };
	return !is_among(name, preludes, sizeof preludes / sizeof preludes[0]);
}

/* The scan bounds the depth: yajl frees its trees by recursion. */
static bool
is_sound(const char *data, size_t n)
{
	struct json_scan scan;

	json_scan_init(&scan, NULL, 0);
	json_scan_feed(&scan, data, n);
	return json_scan_end(&scan) == ERR_NONE;
}

bool
sse_is_token(const char *data, size_t n)
{
	struct span text = { data, n };
	bool output = true;
	yajl_val event;
	char *copy;

	if (n == 0 || starts_with(text, "[DONE]"))
		return false;
	if (!is_sound(data, n))
		return true;
	copy = strndup(data, n);
	if (copy == NULL)
		return true;
	event = yajl_tree_parse(copy, NULL, 0);
	if (event != NULL)
		output = is_output(event);
	yajl_tree_free(event);
	free(copy);
	return output;
}
