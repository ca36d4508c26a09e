#include "config.h"

#include "handlers/body.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/http.h"
#include "base/json.h"
#include "base/multipart.h"
#include "base/tree.h"
#include "base/utf8.h"
#include "gateway/gate.h"
#include "handlers/prompt.h"
#include "handlers/route.h"

/* More of anything than there is; a double holds it exactly. */
#define NUMBER_MAX	(UINT64_C(1) << 52)

#define NEW_OPTIONS	"\"stream_options\":{\"include_usage\":true}"

enum {
	MODEL_MAX_BYTES = 256,
	STICKY_MAX_BYTES = 512,
	OPTIONS_MAX_BYTES = 4096,
	METADATA_MAX_BYTES = 4096,
	AROUND_MAX_BYTES = 256,		/* of what is put around a model's name */
	NUMBER_MAX_BYTES = 64
};

/* A prompt, and around it a new model and new options with their commas. */
static_assert(PROMPT_EDITS_MAX + 4 <= SPLICE_EDITS_MAX, "room for all edits");

bool
body_has_model(const struct exchange *x)
{
	return x->multipart != NULL ?
	    x->multipart->ranges[MEMBER_MODEL].found :
	    x->scan != NULL &&
	    x->scan->ranges[MEMBER_MODEL].kind != JSON_ABSENT;
}

/* ---- Reading it back from the spool. ---- */

/*
 * The string MEMBER, at most MAX bytes, in the arena; NULL: it is none, or
 * longer, or empty.
 */
static const char *
read_string(struct exchange *x, enum member member, size_t max)
{
	const struct json_range *range = &x->scan->ranges[member];
	char	 raw[6 * STICKY_MAX_BYTES], text[STICKY_MAX_BYTES + 1];
	size_t	 n = (size_t)(range->end - range->start);
	int	 len;

	if (range->kind != JSON_STRING || n > 6 * max || n > sizeof raw ||
	    spool_read(&x->body, range->start, raw, n) != (ssize_t)n)
		return NULL;
	len = json_string_decode(raw, n, text, max + 1);
	return len <= 0 ? NULL : arena_strndup(x->call.arena, text,
	    (size_t)len);
}

/*
 * False: MEMBER is no number, nor one in a string, which is between client and
 * provider. What is no whole number is rounded up, a longer one is the largest.
 */
static bool
read_number(struct exchange *x, enum member member, uint64_t *number)
{
	const struct json_range *range = &x->scan->ranges[member];
	size_t	 quotes = range->kind == JSON_STRING ? 1 : 0;
	size_t	 n = (size_t)(range->end - range->start) - 2 * quotes;
	char	 text[NUMBER_MAX_BYTES + 1] = "";
	double	 value;

	if ((range->kind != JSON_NUMBER && range->kind != JSON_STRING) ||
	    n == 0 || (quotes > 0 && n > NUMBER_MAX_BYTES))
		return false;
	if (n <= NUMBER_MAX_BYTES &&
	    (spool_read(&x->body, range->start + quotes, text, n) !=
	    (ssize_t)n || strspn(text, " +-.0123456789Ee") != n))
		return false;
	value = n <= NUMBER_MAX_BYTES ? ceil(strtod(text, NULL)) : NUMBER_MAX;
	*number = value >= NUMBER_MAX ? NUMBER_MAX :
	    value < 0 ? 0 : (uint64_t)value;
	return true;
}

/* The names of one thing; of several, who knows which one the provider goes by? */
static void
read_output(struct exchange *x, struct body *b)
{
	static const enum member names[] = { MEMBER_MAX_COMPLETION,
		MEMBER_MAX_TOKENS, MEMBER_MAX_OUTPUT };
	uint64_t number;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (read_number(x, names[i], &number)) {
			b->has_max_output = true;
			if (number > b->max_output)
				b->max_output = number;
		}
	read_number(x, MEMBER_N, &b->answers);
	if (read_number(x, MEMBER_BEST_OF, &number) && number > b->answers)
		b->answers = number;
}

static enum err
read_json_stream(struct exchange *x)
{
	switch (x->scan->ranges[MEMBER_STREAM].kind) {
	case JSON_TRUE:
		x->call.stream = true;
		return ERR_NONE;
	case JSON_FALSE:
	case JSON_NULL:
	case JSON_ABSENT:
		return ERR_NONE;
	default:
		return ERR_STREAM_TYPE;
	}
}

static bool
is_utf8(const char *text, size_t n, bool ascii)
{
	size_t	 len = 0;

	for (size_t i = 0; i < n; i += len) {
		len = utf8_length((const unsigned char *)text + i, n - i);
		if (len == 0 || (ascii && len > 1))
			return false;
	}
	return true;
}

/* A form field of up to MODEL_MAX_BYTES as text, or NULL. */
static const char *
read_field(struct exchange *x, enum member member)
{
	const struct multipart_range *range = &x->multipart->ranges[member];
	char	 text[MODEL_MAX_BYTES];
	size_t	 n = (size_t)(range->end - range->start);

	if (!range->found || n == 0 || n > sizeof text ||
	    spool_read(&x->body, range->start, text, n) != (ssize_t)n ||
	    !http_is_field_value(text, n) || !is_utf8(text, n, range->is_ascii))
		return NULL;
	return arena_strndup(x->call.arena, text, n);
}

/* Does the object in TEXT say anything about include_usage, and in one way only? */
static enum err
read_include_usage(struct body *b, const char *text, size_t n)
{
	struct spelling names;
	struct json_scan scan;
	enum err err;

	spelling_init(&names);
	spelling_add(&names, "include_usage");
	json_scan_init_strict(&scan, &names);
	err = json_scan_feed(&scan, text, n);
	b->options_have_members = scan.has_members;
	b->asks_usage = scan.ranges[0].kind != JSON_ABSENT;
	return err;
}

/* What is no object, or a large one, is between client and provider. */
static enum err
read_options(struct exchange *x, struct body *b)
{
	const struct json_range *range =
	    &x->scan->ranges[MEMBER_STREAM_OPTIONS];
	size_t	 n = (size_t)(range->end - range->start);
	char	 text[OPTIONS_MAX_BYTES];

	b->options_kind = range->kind;
	b->options_start = range->start;
	b->options_end = range->end;
	if (range->kind == JSON_ABSENT || range->kind == JSON_NULL)
		return ERR_NONE;
	b->asks_usage = true;
	if (range->kind != JSON_OBJECT || n > sizeof text ||
	    spool_read(&x->body, range->start, text, n) != (ssize_t)n)
		return ERR_NONE;
	return read_include_usage(b, text, n);
}

/* The string called NAME in the object TEXT, in the arena; NULL: there is none. */
static const char *
find_string(struct exchange *x, const char *text, const char *name)
{
	const char *path[] = { name, NULL };
	yajl_val tree = tree_parse(text, strlen(text));
	const char *found = tree == NULL ? NULL :
	    YAJL_GET_STRING(yajl_tree_get(tree, path, yajl_t_string));

	found = arena_strdup(x->call.arena, found);
	yajl_tree_free(tree);
	return found;
}

/*
 * metadata.user_id of /v1/messages. Claude Code puts JSON into it, whose
 * session_id is the conversation; all else is a text of the client's own.
 */
static const char *
read_user_id(struct exchange *x)
{
	const struct json_range *range = &x->scan->ranges[MEMBER_METADATA];
	size_t	 n = (size_t)(range->end - range->start);
	char	 text[METADATA_MAX_BYTES + 1];
	const char *user, *session;

	if (range->kind != JSON_OBJECT || n > METADATA_MAX_BYTES ||
	    spool_read(&x->body, range->start, text, n) != (ssize_t)n)
		return NULL;
	text[n] = '\0';
	user = find_string(x, text, "user_id");
	if (user == NULL || *user != '{')
		return user;
	session = find_string(x, user, "session_id");
	return session == NULL || *session == '\0' ? user : session;
}

static const char *
read_sticky(struct exchange *x)
{
	const char *sticky = read_string(x, MEMBER_PROMPT_CACHE_KEY,
	    STICKY_MAX_BYTES);

	if (sticky == NULL)
		sticky = read_string(x, MEMBER_USER, STICKY_MAX_BYTES);
	if (sticky == NULL && x->route->dialect == ROUTE_DIALECT_MESSAGES)
		sticky = read_user_id(x);
	return sticky;
}

static enum err
read_json(struct exchange *x, struct body *b)
{
	const struct json_scan *scan = x->scan;
	enum err err = read_json_stream(x);

	b->has_members = scan->has_members;
	b->object_start = scan->object_start;
	b->media_bytes = scan->media.skipped_bytes;
	b->media_tokens = scan->media.tokens;
	b->model_start = scan->ranges[MEMBER_MODEL].start;
	b->model_end = scan->ranges[MEMBER_MODEL].end;
	if (err == ERR_NONE)
		err = read_options(x, b);
	if (err != ERR_NONE)
		return err;
	read_output(x, b);
	b->sticky = read_sticky(x);
	if (!b->has_model)
		return ERR_NONE;
	b->model = read_string(x, MEMBER_MODEL, MODEL_MAX_BYTES);
	/* Half a surrogate pair: readers replace it, drop it, or keep it. */
	if (b->model != NULL && strstr(b->model, "\xEF\xBF\xBD") != NULL)
		b->model = NULL;
	return b->model == NULL ? ERR_MODEL_TYPE : ERR_NONE;
}

/* Clients write it as their language does, "True" among others. */
static enum err
read_form_stream(struct exchange *x)
{
	const char *text = read_field(x, MEMBER_STREAM);

	if (text == NULL && !x->multipart->ranges[MEMBER_STREAM].found)
		return ERR_NONE;
	x->call.stream = text != NULL && strcasecmp(text, "true") == 0;
	return x->call.stream || (text != NULL &&
	    strcasecmp(text, "false") == 0) ? ERR_NONE : ERR_STREAM_TYPE;
}

static enum err
read_form(struct exchange *x, struct body *b)
{
	enum err err = read_form_stream(x);

	b->is_form = true;
	b->object_start = x->multipart->start;
	b->model_start = x->multipart->ranges[MEMBER_MODEL].start;
	b->model_end = x->multipart->ranges[MEMBER_MODEL].end;
	if (err != ERR_NONE || !b->has_model)
		return err;
	b->model = read_field(x, MEMBER_MODEL);
	return b->model == NULL ? ERR_MODEL_TYPE : ERR_NONE;
}

/*
 * What a body without a model means: default_model, or where the API has a model
 * of its own for that, the first of that kind that the key may use.
 */
static const char *
find_usual_model(const struct exchange *x)
{
	const struct snapshot *s = x->call.snapshot;
	const char *piece = x->route->usual_models;

	if (s->default_model != NULL || piece == NULL)
		return s->default_model;
	for (size_t i = 0; i < s->model_count; i++) {
		const struct model *m = &s->models[i];

		if (strstr(m->id, piece) != NULL && strcmp(
		    m->targets[0].provider->ns, SNAPSHOT_NAMESPACE) == 0 &&
		    gate_allows_model(&x->call, m))
			return m->id;
	}
	return NULL;
}

enum err
body_read(struct exchange *x, struct body *b)
{
	enum err err = ERR_NONE;

	*b = (struct body){ .has_model = body_has_model(x) };
	b->noted = x->multipart != NULL ? x->multipart->noted_mask :
	    x->scan != NULL ? x->scan->noted_mask : 0;
	if (x->multipart != NULL)
		err = read_form(x, b);
	else if (x->scan != NULL)
		err = read_json(x, b);
	if (err != ERR_NONE)
		return err;
	b->is_stream = x->call.stream;
	x->call.model = x->path.deployment != NULL ? x->path.deployment :
	    b->has_model ? b->model : find_usual_model(x);
	return x->call.model == NULL ? ERR_MODEL_MISSING : ERR_NONE;
}

/* ---- Splicing. ---- */

/*
 * Room for MODEL, every byte of it escaped: its length is the configuration's
 * business.
 */
static void
text_init(struct buf *text, const char *model)
{
	buf_init(text, AROUND_MAX_BYTES + 6 * strlen(model));
}

static void
splice_text(struct exchange *x, struct splice *s, uint64_t start, uint64_t end,
    struct buf *text)
{
	splice_replace(s, start, end, arena_strndup(x->call.arena,
	    buf_data(text), buf_len(text)), buf_len(text));
	buf_fini(text);
}

static void
splice_insert(struct splice *s, uint64_t at, const char *text)
{
	splice_replace(s, at, at, text, strlen(text));
}

static void
splice_new_model(struct exchange *x, struct splice *s, uint64_t at,
    const char *model)
{
	struct buf text;

	text_init(&text, model);
	buf_puts(&text, "\"model\":");
	json_write_string(&text, model, strlen(model));
	splice_text(x, s, at, at, &text);
}

/*
 * New members go to the object's beginning. NULL or false: no such member is
 * new. The commas stand before each but the first, and behind the last where
 * there are members already.
 */
static void
splice_members(struct exchange *x, const struct body *b, struct splice *s,
    const char *model, bool options, const struct prompt *prompt)
{
	uint64_t at = b->object_start + 1;

	if (model != NULL)
		splice_new_model(x, s, at, model);
	if (options)
		splice_insert(s, at, model != NULL ? "," NEW_OPTIONS :
		    NEW_OPTIONS);
	if (prompt != NULL) {
		if (model != NULL || options)
			splice_insert(s, at, ",");
		prompt_splice(prompt, s);
	}
	if (b->has_members && s->count > 0)
		splice_insert(s, at, ",");
}

static void
splice_options(const struct body *b, struct splice *s)
{
	static const char whole[] = "{\"include_usage\":true}";
	static const char first[] = "\"include_usage\":true,";

	if (b->options_kind == JSON_NULL)
		splice_replace(s, b->options_start, b->options_end, whole,
		    sizeof whole - 1);
	else
		splice_replace(s, b->options_start + 1, b->options_start + 1,
		    first, sizeof first - 1 - !b->options_have_members);
}

static void
splice_model(struct exchange *x, const struct body *b, struct splice *s,
    const char *model)
{
	struct buf text;

	text_init(&text, model);
	json_write_string(&text, model, strlen(model));
	splice_text(x, s, b->model_start, b->model_end, &text);
}

static void
splice_json(struct exchange *x, const struct body *b, struct splice *s,
    const char *model, bool inject)
{
	const struct prompt *prompt = b->prompt;
	bool	 has_options = b->options_kind != JSON_ABSENT;

	splice_members(x, b, s, b->has_model ? NULL : model,
	    inject && !has_options,
	    prompt != NULL && prompt->is_member ? prompt : NULL);
	if (prompt != NULL && !prompt->is_member)
		prompt_splice(prompt, s);
	if (b->has_model && strcmp(b->model, model) != 0)
		splice_model(x, b, s, model);
	if (inject && has_options)
		splice_options(b, s);
}

/* A form without the field gets it as its first part, after the delimiter of its first line. */
static enum err
splice_new_part(struct exchange *x, const struct body *b, struct splice *s,
    const char *model)
{
	char	 line[MULTIPART_BOUNDARY_MAX + 4];
	ssize_t	 n = spool_read(&x->body, b->object_start, line, sizeof line);
	const char *end = n < 0 ? NULL : memchr(line, '\r', (size_t)n);
	struct buf text;

	if (end == NULL || line[0] != '-' || line[1] != '-')
		return ERR_MODEL_MISSING;
	text_init(&text, model);
	buf_append(&text, line, (size_t)(end - line));
	buf_puts(&text, "\r\nContent-Disposition: form-data; name=\"model\""
	    "\r\n\r\n");
	buf_puts(&text, model);
	buf_puts(&text, "\r\n");
	splice_text(x, s, b->object_start, b->object_start, &text);
	return ERR_NONE;
}

enum err
body_splice(struct exchange *x, const struct body *b,
    const struct plan_step *step, bool inject, struct splice *s)
{
	splice_init(s, &x->body);
	if (step->model == NULL)
		return ERR_NONE;
	if (!b->is_form) {
		splice_json(x, b, s, step->model, inject);
		return ERR_NONE;
	}
	if (!b->has_model)
		return splice_new_part(x, b, s, step->model);
	if (strcmp(b->model, step->model) != 0)
		splice_replace(s, b->model_start, b->model_end, step->model,
		    strlen(step->model));
	return ERR_NONE;
}
