#include "config.h"

#include "upstream/answer.h"

#include <string.h>
#include <strings.h>

/* What is not given is false. */
static const struct {
	unsigned	 members;	/* what it has at the top; 0: nothing in particular */
	bool		 may_be_list;
	bool		 may_be_text, may_be_bytes, is_audio;
	bool		 has_end;
} rules[ANSWER__MAX] = {
	[ANSWER_JSON] = { .may_be_list = true },
	[ANSWER_CHAT] = { .members = PEEK_CHOICES, .has_end = true },
	[ANSWER_MESSAGE] = { .members = PEEK_CONTENT, .has_end = true },
	[ANSWER_RESPONSE] = { .members = PEEK_OUTPUT, .has_end = true },
	[ANSWER_COUNT] = { .members = PEEK_INPUT_TOKENS },
	[ANSWER_VECTORS] = { .members = PEEK_DATA | PEEK_EMBEDDINGS,
	    .may_be_list = true, .may_be_bytes = true },
	[ANSWER_TEXT] = { .may_be_list = true, .may_be_text = true },
	[ANSWER_AUDIO] = { .may_be_list = true, .may_be_text = true,
	    .may_be_bytes = true, .is_audio = true },
	[ANSWER_ANY] = { .may_be_list = true, .may_be_text = true,
	    .may_be_bytes = true },
};

/* By the beginnings of media types. */
static const struct { const char *type; enum answer_form form; } types[] = {
	{ "text/event-stream", ANSWER_FORM_EVENTS },
	{ "application/json", ANSWER_FORM_JSON },
	{ "application/problem+json", ANSWER_FORM_JSON },
	{ "text/html", ANSWER_FORM_HTML },
	{ "application/xhtml", ANSWER_FORM_HTML },
	{ "text/", ANSWER_FORM_TEXT },
	{ "application/x-subrip", ANSWER_FORM_TEXT },
};

/* The fields of an event (WHATWG HTML section 9.2.6), and a comment. */
static const char *const fields[] = {
	"data", "event", "id", "retry", ":",
};

enum answer_form
answer_form_of_type(const char *type, size_t n)
{
	if (n == 0)
		return ANSWER_FORM_UNKNOWN;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		size_t	 len = strlen(types[i].type);

		if (n >= len && strncasecmp(type, types[i].type, len) == 0)
			return types[i].form;
	}
	return ANSWER_FORM_OTHER;
}

/* Is it the first line of an event? UNKNOWN: it may become one. */
static enum answer_form
form_of_line(const char *bytes, size_t n)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		size_t	 len = strlen(fields[i]);

		if (memcmp(bytes, fields[i], n < len ? n : len) != 0)
			continue;
		if (n <= len && fields[i][0] != ':')
			return ANSWER_FORM_UNKNOWN;
		if (fields[i][0] == ':' ||
		    memchr(":\r\n", bytes[len], 3) != NULL)
			return ANSWER_FORM_EVENTS;
	}
	return ANSWER_FORM_OTHER;
}

enum answer_form
answer_form_of_bytes(const char *bytes, size_t n)
{
	size_t	 skipped = peek_skip_begin(bytes, n);

	bytes += skipped;
	n -= skipped;
	if (n == 0)
		return ANSWER_FORM_UNKNOWN;
	switch (*bytes) {
	case '{':
	case '[':
		return ANSWER_FORM_JSON;
	case '<':
		return ANSWER_FORM_HTML;
	default:
		return form_of_line(bytes, n);
	}
}

enum answer_form
answer_form_find(enum answer_kind answer, bool is_stream, enum answer_form type,
    enum answer_form bytes)
{
	bool	 may_be_text = rules[answer].may_be_text;

	if (rules[answer].is_audio && type == ANSWER_FORM_OTHER)
		return ANSWER_FORM_OTHER;	/* samples may begin like anything */
	if (bytes == ANSWER_FORM_UNKNOWN)
		return ANSWER_FORM_UNKNOWN;
	if (type == ANSWER_FORM_EVENTS && bytes != ANSWER_FORM_JSON &&
	    bytes != ANSWER_FORM_HTML)
		return ANSWER_FORM_EVENTS;
	if (bytes == ANSWER_FORM_EVENTS && is_stream)
		return ANSWER_FORM_EVENTS;
	if (may_be_text && type == ANSWER_FORM_TEXT)
		return ANSWER_FORM_TEXT;	/* words may, too */
	if (bytes == ANSWER_FORM_JSON)
		return ANSWER_FORM_JSON;
	if (bytes == ANSWER_FORM_HTML)
		return ANSWER_FORM_UNKNOWN;
	if (rules[answer].may_be_bytes && (type == ANSWER_FORM_OTHER ||
	    type == ANSWER_FORM_UNKNOWN))
		return ANSWER_FORM_OTHER;
	return may_be_text ? ANSWER_FORM_TEXT : ANSWER_FORM_UNKNOWN;
}

bool
answer_may_be_empty(enum answer_kind answer, enum answer_form type)
{
	return answer == ANSWER_ANY || (rules[answer].may_be_text &&
	    !rules[answer].is_audio && type == ANSWER_FORM_TEXT);
}

bool
answer_has_end(enum answer_kind answer)
{
	return rules[answer].has_end;
}

/*
 * An error object may have an empty list of choices beside it. Where it is known
 * what should be there, other words for an error count, too.
 */
static bool
is_error(enum answer_kind answer, const struct peek *k)
{
	unsigned wanted = rules[answer].members;
	bool	 has_reason = k->has_error ||
		    (wanted != 0 && (k->members & PEEK_REASON) != 0);

	if (!has_reason)
		return false;
	return answer == ANSWER_CHAT ? !k->has_choices :
	    (k->members & PEEK_OUTPUTS) == 0;
}

enum answer_finding
answer_judge_beginning(enum answer_kind answer, const struct peek *k)
{
	if (k->first == '[')
		return rules[answer].may_be_list ? ANSWER_IS_GOOD :
		    ANSWER_IS_BROKEN;
	if (k->first != '{')
		return ANSWER_IS_BROKEN;
	return is_error(answer, k) ? ANSWER_IS_ERROR : ANSWER_IS_GOOD;
}

enum answer_finding
answer_judge(enum answer_kind answer, const struct peek *k)
{
	return peek_is_whole(k) ? answer_judge_beginning(answer, k) :
	    ANSWER_IS_BROKEN;
}
