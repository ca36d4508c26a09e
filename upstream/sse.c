/* sse.c - lines, events, and what a relay must know about them. */
#include "config.h"

#include "upstream/sse.h"

#include <string.h>

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

enum {
	EVENT_MAX_BYTES = 64 * 1024	/* a longer one is output, whatever it says */
};

/*
 * Events that end a stream, by their types: of /v1/responses, /v1/messages and
 * /v1/audio; those of /v1/images may be more than one.
 */
#define END(type, is_last) { type, sizeof type - 1, is_last }

static const struct { const char *type; size_t n; bool is_last; } ends[] = {
	END("response.completed", true), END("response.failed", true),
	END("response.incomplete", true), END("message_stop", true),
	END("speech.audio.done", true), END("transcript.text.done", true),
	END("image_generation.completed", false),
	END("image_edit.completed", false),
};

/* Names of events that tell of a failure. */
static const char *const failures[] = { "error", "response.failed" };

struct span {
	const char	*p;
	size_t		 n;
};

void
sse_init(struct sse *s)
{
	*s = (struct sse){ .at_boundary = true, .first_line = true };
	buf_init(&s->data, EVENT_MAX_BYTES);
	peek_init(&s->peek);
}

void
sse_fini(struct sse *s)
{
	buf_fini(&s->data);
	peek_fini(&s->peek);
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

	if (s->first_line && starts_with(line, BYTE_ORDER_MARK))
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

/* Note TYPE, which is that of an event, if it ends the stream. */
static void
end_note(struct sse *s, struct span type)
{
	for (size_t i = 0; type.n > 0 && i < sizeof ends / sizeof ends[0]; i++)
		if (ends[i].n == type.n && memcmp(ends[i].type, type.p,
		    type.n) == 0) {
			s->finish_seen = true;
			s->done_seen |= ends[i].is_last;
		}
}

/*
 * The "type" of an object that TEXT begins with, as far as can be told without
 * parsing: it must come before any nested value. Quotes inside a JSON string
 * have backslashes, so no text of a model can look like this. Empty: none.
 */
static struct span
type_find(struct span text)
{
	static const struct span none = { "", 0 };
	const char *type, *end;

	if (!starts_with(text, "{"))
		return none;
	type = memmem(text.p, text.n, "\"type\"", 6);
	if (type == NULL)
		return none;
	for (const char *p = text.p + 1; p < type; p++)
		if (*p == '{' || *p == '[')
			return none;
	text = skip(text, (size_t)(type - text.p) + 6);
	while (text.n > 0 && memchr(" \t:", text.p[0], 3) != NULL)
		text = skip(text, 1);
	if (!starts_with(text, "\""))
		return none;
	text = skip(text, 1);
	end = memchr(text.p, '"', text.n);
	return end == NULL ? none :
	    (struct span){ text.p, (size_t)(end - text.p) };
}

/* Look for the stream's end in the line's beginning, complete or not. */
static void
done_check(struct sse *s, struct span line)
{
	struct span value;

	if (line.n > sizeof s->line)
		line.n = sizeof s->line;
	if (!line_field(line, "data", &value) || value.n == 0)
		return;
	if (starts_with(value, "[DONE]"))
		s->done_seen = true;
	else
		end_note(s, type_find(value));
}

static bool
is_wanted(const struct sse *s)
{
	return s->event != NULL || !s->token_seen;
}

static void
token_found(struct sse *s)
{
	s->token_seen = true;
	if (!is_wanted(s))
		buf_fini(&s->data);
}

/* More of an event that is not kept. */
static void
piece_tell(struct sse *s, const char *p, size_t n)
{
	peek_feed(&s->peek, p, n);
	if (s->piece != NULL)
		s->piece(s->arg, p, n);
}

/* The data does not fit any more: its beginning is kept, and all of it told. */
static void
data_overflow(struct sse *s, const char *p, size_t n)
{
	size_t room = EVENT_MAX_BYTES - buf_len(&s->data);

	s->too_long = true;
	token_found(s);
	if (!is_wanted(s))
		return;
	buf_append(&s->data, p, room);
	piece_tell(s, buf_data(&s->data), buf_len(&s->data));
	piece_tell(s, p + room, n - room);
}

static void
data_add(struct sse *s, const char *p, size_t n)
{
	if (!is_wanted(s))
		return;
	if (s->too_long)
		piece_tell(s, p, n);
	else if (buf_append(&s->data, p, n) != ERR_NONE)
		data_overflow(s, p, n);
}

/* The bytes at hand are about to go: copy what an open event has in them. */
static void
data_unlend(struct sse *s)
{
	if (s->lent == NULL)
		return;
	data_add(s, s->lent, s->lent_len);
	s->lent = NULL;
}

/*
 * Add the value of a data line to its event's data, as far as the line has come.
 * An only line that lies in the bytes at hand as a whole is not copied.
 */
static void
data_take(struct sse *s, struct span value)
{
	if (s->line_kept)
		return;
	s->line_kept = true;
	if (!is_wanted(s))
		return;
	if (!s->has_data && s->line_len == 0 && value.n <= EVENT_MAX_BYTES) {
		s->lent = value.p;
		s->lent_len = value.n;
		return;
	}
	data_unlend(s);
	if (s->has_data)
		data_add(s, "\n", 1);
	data_add(s, value.p, value.n);
}

/* N more bytes of a line that is not complete, or was not. */
static void
line_add(struct sse *s, const char *p, size_t n)
{
	size_t kept = sizeof s->line - s->line_len;
	struct span value;

	if (kept > n)
		kept = n;
	memcpy(s->line + s->line_len, p, kept);
	s->line_len += (unsigned char)kept;
	if (kept == n || !is_wanted(s))
		return;
	if (line_field(line_get(s), "data", &value)) {
		data_take(s, value);
		data_add(s, p + kept, n - kept);
	}
}

/* A chunk that has usage and no choices comes after all others (OpenAI). */
static bool
is_last_usage(const struct peek *k)
{
	return k->has_usage && !k->has_choices &&
	    (k->members & PEEK_CHOICES) != 0;
}

/* Look for an end or a failure in an event's DATA. */
static void
event_peek(struct sse *s, struct span data)
{
	uint64_t output_bytes;

	s->part_ended = false;
	if (!s->too_long) {
		if (peek_glance(data.p, data.n, &output_bytes))
			return;
		peek_feed(&s->peek, data.p, data.n);
	}
	s->finish_seen |= s->peek.has_finish || is_last_usage(&s->peek);
	s->part_ended = s->peek.ends_part;
	s->is_failure |= s->peek.has_error;
	peek_fini(&s->peek);
	peek_init(&s->peek);
}

/* What the complete event's DATA says, before anybody is told of it. */
static void
event_judge(struct sse *s, struct span data)
{
	if (s->event != NULL)
		event_peek(s, data);
	if (s->event != NULL && s->is_failure && !s->error_seen) {
		s->error_seen = true;
		s->error_first = !s->token_seen;
	}
	if (!s->token_seen && sse_is_token(data.p, data.n))
		s->token_seen = true;
}

static void
event_tell(struct sse *s, struct span data)
{
	if (s->event == NULL)
		return;
	if (!s->too_long) {
		s->event(s->arg, data.p, data.n);
		return;
	}
	s->head = data.p;
	s->head_len = data.n;
	s->event(s->arg, NULL, 0);
	s->head = NULL;
	s->head_len = 0;
}

/* An event without data is none (the standard's section 9.2.6). */
static void
event_finish(struct sse *s)
{
	struct span data = { buf_data(&s->data), buf_len(&s->data) };

	if (s->lent != NULL)
		data = (struct span){ s->lent, s->lent_len };
	if (s->has_data) {
		s->events++;
		s->contents += !starts_with(data, "[DONE]");
		event_judge(s, data);
		event_tell(s, data);
	}
	if (s->data.data != NULL)
		buf_fini(&s->data);
	s->lent = NULL;
	s->has_data = s->too_long = s->is_failure = false;
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
		data_take(s, value);
		s->has_data = true;
		done_check(s, line);
	} else if (line_field(line, "event", &value)) {
		end_note(s, value);
		s->is_failure = is_among(value, failures,
		    sizeof failures / sizeof failures[0]);
	}
}

static void
line_end(struct sse *s, struct span line)
{
	if (line.n == 0)
		event_finish(s);
	else if (line.p[0] == ':')
		s->comment_seen = true;
	else
		field_end(s, line);
	s->line_len = 0;
	s->line_kept = false;
	s->first_line = false;
}

/* The current line's last bytes are those from P to STOP, its line end. */
static void
line_finish(struct sse *s, const char *p, const char *stop)
{
	struct span line = { p, (size_t)(stop - p) };

	if (s->line_len > 0) {
		line_add(s, line.p, line.n);
		line = line_get(s);
	} else if (s->first_line && starts_with(line, BYTE_ORDER_MARK))
		line = skip(line, 3);
	line_end(s, line);
}

/* Where the line that begins at P ends; END if it does not. LF is the next one. */
static const char *
line_stop(const char *p, const char *end, const char **lf)
{
	const char *cr;

	if (*lf == NULL || *lf < p) {
		*lf = memchr(p, '\n', (size_t)(end - p));
		if (*lf == NULL)
			*lf = end;
	}
	cr = memchr(p, '\r', (size_t)(*lf - p));
	return cr == NULL ? *lf : cr;
}

static bool
is_inside_event(const struct sse *s)
{
	return s->line_len > 0 || s->event_open;
}

void
sse_feed(struct sse *s, const char *bytes, size_t n)
{
	const char *p = bytes, *end = bytes + n, *lf = NULL, *stop;

	s->event_is_whole = false;
	while (p < end) {
		if (s->after_cr && *p == '\n')
			p++;
		s->after_cr = false;
		if (p == end)
			break;
		if (!is_inside_event(s)) {
			s->event_is_whole = true;
			s->event_start = (size_t)(p - bytes);
		}
		stop = line_stop(p, end, &lf);
		if (stop == end) {
			line_add(s, p, (size_t)(end - p));
			break;
		}
		s->after_cr = *stop == '\r';
		s->event_end = (size_t)(stop - bytes) + 1;
		if (s->after_cr && stop + 1 < end && stop[1] == '\n')
			s->event_end++;
		line_finish(s, p, stop);
		p = stop + 1;
	}
	data_unlend(s);
	if (s->line_len > 0 && !s->done_seen)
		done_check(s, line_get(s));
	if (!is_inside_event(s))
		s->pending = 0;
	else if (s->event_is_whole)
		s->pending = n - s->event_start;
	else
		s->pending += n;
	s->at_boundary = !is_inside_event(s) && !s->after_cr;
}

void
sse_end(struct sse *s)
{
	s->event_is_whole = false;
	s->event_start = s->event_end = 0;
	if (s->line_len > 0)
		line_end(s, line_get(s));
	if (s->event_open)
		event_finish(s);
}
