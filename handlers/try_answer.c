/* try_answer.c - what kind of answer a try has got, and whether it is one. */
#include "config.h"

#include "handlers/try.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/log.h"
#include "upstream/retry_after.h"

enum { ORIGIN_MAX_BYTES = 300 };

/* ---- By the head. ---- */

static void
read_fields(struct try *t, const struct attempt *a)
{
	const char *name, *value;
	size_t	 at = 0, name_len, value_len;

	if (a->status >= 400)
		t->retry_after_ms = retry_after_find(a, clock_wall_us());
	while (attempt_next_field(a, &at, &name, &name_len, &value,
	    &value_len))
		if (http_is_name(name, name_len, "content-type"))
			t->type = answer_form_of_type(value, value_len);
		else if (http_is_name(name, name_len, "content-encoding"))
			t->is_encoded = value_len < 8 ||
			    strncasecmp(value, "identity", 8) != 0;
}

/* "scheme://host:port" of the Location, without what may be secret, or "". */
static const char *
find_origin(struct arena *arena, const struct attempt *a)
{
	const char *name, *value, *host, *end, *p;
	size_t	 at = 0, name_len, value_len;

	while (attempt_next_field(a, &at, &name, &name_len, &value,
	    &value_len)) {
		if (!http_is_name(name, name_len, "location") ||
		    value_len > ORIGIN_MAX_BYTES ||
		    !http_is_field_value(value, value_len))
			continue;
		value = arena_strndup(arena, value, value_len);
		host = strstr(value, "://");
		if (host == NULL)
			return "";
		host += 3;
		end = host + strcspn(host, "/?#");
		for (p = host; p < end; p++)
			if (*p == '@')
				return "";
		return arena_strndup(arena, value, (size_t)(end - value));
	}
	return "";
}

/*
 * An API does not redirect: base_url is another one than it should be. To follow
 * could carry our key away, and Location is nothing to the client.
 */
static void
refuse_redirect(struct try *t, struct attempt *a)
{
	struct channel *c = t->step->target->channel;
	const char *origin = find_origin(t->x->call.arena, a);

	if (*origin != '\0')
		t->text = arena_printf(t->x->call.arena, "The provider "
		    "redirects to %s; its base_url has to be corrected.",
		    origin);
	if (!c->is_redirect_told)
		log_warn("channel %s redirects to %s (status %d): correct its "
		    "base_url", c->name, *origin != '\0' ? origin :
		    "another path", a->status);
	c->is_redirect_told = true;
	attempt_fail(a, ERR_UPSTREAM_REDIRECT);
}

bool
try_has_no_content(const struct try *t)
{
	return t->record->status == 204 || t->record->status == 205;
}

/* What is no call of a model passes as it comes. */
static enum try_mode
mode_of_any(const struct try *t)
{
	switch (t->type) {
	case ANSWER_FORM_EVENTS:
		return TRY_SSE;
	case ANSWER_FORM_JSON:
		return TRY_HELD;
	default:
		return TRY_PLAIN;
	}
}

void
try_read_head(struct try *t, struct attempt *a)
{
	t->type = ANSWER_FORM_UNKNOWN;
	read_fields(t, a);
	if (a->status >= 400 || try_has_no_content(t))
		t->mode = TRY_HELD;
	else if (a->status >= 300) {
		t->mode = TRY_HELD;
		refuse_redirect(t, a);
	} else if (t->order->whole_max != 0)
		t->mode = TRY_HELD;
	else if (t->is_encoded)
		t->mode = t->type == ANSWER_FORM_JSON ? TRY_HELD : TRY_PLAIN;
	else if (t->order->answer == ANSWER_ANY)
		t->mode = mode_of_any(t);
	else if (t->type == ANSWER_FORM_JSON && !t->x->call.stream)
		t->mode = TRY_HELD;	/* as most are: it is judged when it is complete */
	else
		t->mode = TRY_OPEN;
}

/* ---- By the first bytes. ---- */

/* FORM: what the first bytes are. */
static void
set_mode(struct try *t, enum answer_form form)
{
	switch (answer_form_find(t->order->answer, t->x->call.stream, t->type,
	    form)) {
	case ANSWER_FORM_EVENTS:
		t->mode = TRY_SSE;
		break;
	case ANSWER_FORM_JSON:
		t->mode = TRY_HELD;
		break;
	case ANSWER_FORM_UNKNOWN:
		break;
	default:
		t->mode = TRY_PLAIN;
	}
}

void
try_read_beginning(struct try *t, const char *bytes, size_t n)
{
	enum answer_form form = answer_form_of_bytes(bytes, n);

	set_mode(t, form);
	if (t->mode == TRY_OPEN && form != ANSWER_FORM_UNKNOWN)
		attempt_fail(t->attempt, ERR_UPSTREAM_INVALID);
}

/* ---- By the end. ---- */

static enum err
end_of_stream(const struct try *t, enum err err)
{
	bool	 must_end = answer_has_end(t->order->answer) ||
		    t->attempt->close_delimited;

	if (t->sse.error_seen)
		return ERR_UPSTREAM_STREAM_ERROR; /* however it ended after that */
	if (err == ERR_NONE && t->sse.contents == 0 &&
	    t->order->answer != ANSWER_ANY)
		return ERR_UPSTREAM_INVALID;
	if (t->sse.done_seen)
		return ERR_NONE;	/* what came after the last event is of no interest */
	if (err == ERR_NONE && must_end && !t->sse.finish_seen)
		return ERR_UPSTREAM_CUT;	/* an end that nothing announced */
	return err;
}

/* An error object is the error whose status it should have had. */
static enum err
end_of_json(struct try *t)
{
	const char *body = buf_data(&t->held);
	size_t	 n = buf_len(&t->held);

	switch (answer_judge(t->order->answer, &t->meter.answer)) {
	case ANSWER_IS_ERROR:
		t->is_error = true;
		t->record->status = fault_status_of_error(body, n);
		return ERR_NONE;
	case ANSWER_IS_BROKEN:
		return ERR_UPSTREAM_INVALID;
	default:
		return ERR_NONE;
	}
}

/* Is there JSON in it that can be judged? */
static bool
is_judged(const struct try *t)
{
	return t->order->answer != ANSWER_ANY && !t->is_encoded &&
	    t->record->status < 300 && !try_has_no_content(t);
}

/* It was too short to tell what it is, if there was anything at all. */
static enum err
end_of_beginning(struct try *t)
{
	size_t	 n = buf_len(&t->held);
	bool	 is_good;

	if (peek_skip_begin(buf_data(&t->held), n) < n) {
		set_mode(t, ANSWER_FORM_OTHER);
		is_good = t->mode == TRY_PLAIN;
	} else
		is_good = answer_may_be_empty(t->order->answer, t->type);
	t->mode = TRY_HELD;
	return is_good ? ERR_NONE : ERR_UPSTREAM_INVALID;
}

enum err
try_judge(struct try *t, enum err err)
{
	if (t->record->status == 0)
		return err;
	switch (t->mode) {
	case TRY_SSE:
		return end_of_stream(t, err);
	case TRY_OPEN:
		return err == ERR_NONE ? end_of_beginning(t) : err;
	case TRY_HELD:
		return err == ERR_NONE && is_judged(t) ? end_of_json(t) : err;
	default:
		/* JSON that was too large to be held, as all that has been read. */
		return err == ERR_NONE && is_judged(t) && t->is_json &&
		    !peek_is_whole(&t->meter.answer) ? ERR_UPSTREAM_CUT : err;
	}
}

bool
try_is_error_so_far(const struct try *t)
{
	return is_judged(t) && answer_judge_beginning(t->order->answer,
	    &t->meter.answer) != ANSWER_IS_GOOD;
}
