#include "config.h"

#include "gateway/settle.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "gateway/cost.h"
#include "gateway/metrics.h"

enum { TEXT_MAX_BYTES = 1024, LINE_MAX_BYTES = 2048 * TEXT_MAX_BYTES };

/* A member's NAME as it stands before its value: one literal, one append. */
#define MEMBER(name)	",\"" name "\":"

static void
put_text(struct buf *line, const char *member, const char *text)
{
	size_t	 len = text == NULL ? 0 : strlen(text);

	buf_puts(line, member);
	if (text == NULL)
		buf_puts(line, "null");
	else
		json_write_string(line, text, len < TEXT_MAX_BYTES ? len :
		    TEXT_MAX_BYTES);
}

static void
put_number(struct buf *line, const char *member, uint64_t number)
{
	buf_puts(line, member);
	buf_put_number(line, number);
}

/* P20's members, where log.bodies is set. */
static void
put_body(struct buf *line, const char *member, const char *cut,
    const struct call_text *text)
{
	if (text == NULL)
		return;
	buf_puts(line, member);
	json_write_string(line, buf_data(&text->buf), buf_len(&text->buf));
	if (!text->is_cut)
		return;
	buf_puts(line, cut);
	buf_puts(line, "true");
}

/* Does a client merely look what there is? Each does so when it starts. */
static bool
is_probe(const struct call *c)
{
	return c->outcome == ERR_NO_WEBSOCKET ||
	    (strcmp(c->method, "HEAD") == 0 &&
	    (c->status == 404 || c->status == 405));
}

static const char *
level_of(const struct call *c)
{
	if (c->outcome == ERR_CLIENT_GONE || is_probe(c))
		return "INFO";
	if (c->status >= 400 && c->status < 500)
		return "WARNING";
	return c->status >= 500 || c->outcome != ERR_NONE ? "ERROR" : "INFO";
}

/* Milliseconds, or null when there was no such moment. */
static void
put_ms(struct buf *line, const char *member, bool is_known, uint64_t us)
{
	buf_puts(line, member);
	if (is_known)
		buf_put_number(line, us / 1000);
	else
		buf_puts(line, "null");
}

static const char *const sources[] = {
	[USAGE_REPORTED] = "reported", [USAGE_PARTIAL] = "partial",
	[USAGE_ESTIMATED] = "estimated",
};

static void
put_usage(struct buf *line, const struct usage *u)
{
	buf_puts(line, MEMBER("usage"));
	if (u->source == USAGE_NONE) {
		buf_puts(line, "null");
		return;
	}
	buf_puts(line, "{\"source\":\"");
	buf_puts(line, sources[u->source]);
	buf_puts(line, "\"");
	put_number(line, MEMBER("input_tokens"), u->input_tokens);
	put_number(line, MEMBER("cache_read_tokens"), u->cache_read_tokens);
	put_number(line, MEMBER("cache_write_tokens"), u->cache_write_tokens);
	put_number(line, MEMBER("output_tokens"), u->output_tokens);
	put_number(line, MEMBER("reasoning_tokens"), u->reasoning_tokens);
	buf_puts(line, "}");
}

static void
put_cost(struct buf *line, uint64_t cost)
{
	buf_puts(line, MEMBER("cost"));
	cost_put(line, cost);
}

static void
put_attempt(struct buf *line, const struct call_attempt *a)
{
	uint64_t cost;

	buf_puts(line, "{\"provider\":");
	json_write_string(line, a->target->provider->name,
	    strlen(a->target->provider->name));
	put_text(line, MEMBER("model"), a->model);
	put_number(line, MEMBER("status"), (uint64_t)a->status);
	put_text(line, MEMBER("outcome"), err_get(a->outcome)->name);
	if (a->detail != NULL)
		put_text(line, MEMBER("detail"), a->detail);
	put_number(line, MEMBER("duration_ms"),
	    (a->end_us - a->start_us) / 1000);
	put_ms(line, MEMBER("first_token_ms"), a->first_token_us != 0,
	    a->first_token_us);
	buf_puts(line, MEMBER("hedge"));
	buf_puts(line, a->is_hedge ? "true" : "false");
	if (a->usage.source != USAGE_NONE)
		put_usage(line, &a->usage);
	if (cost_find(&a->target->prices, &a->usage, &cost))
		put_cost(line, cost);
	buf_puts(line, "}");
}

static void
put_attempts(struct buf *line, const struct call *c)
{
	buf_puts(line, MEMBER("attempts"));
	buf_puts(line, "[");
	for (unsigned i = 0; i < c->attempt_count; i++) {
		if (i > 0)
			buf_puts(line, ",");
		put_attempt(line, c->attempts[i]);
	}
	buf_puts(line, "]");
}

/* Everything but the bodies and the end. */
static void
put_call(struct buf *line, const struct call *c)
{
	char	 when[CLOCK_TEXT_SIZE];
	uint64_t cost;

	clock_format(c->start_wall_us, when);
	buf_puts(line, "{\"asctime\":\"");
	buf_puts(line, when);
	buf_puts(line, "\"");
	put_number(line, MEMBER("time_ms"), c->start_wall_us / 1000);
	put_text(line, MEMBER("levelname"), level_of(c));
	put_text(line, MEMBER("message"), "request settled");
	put_text(line, MEMBER("request_id"), c->id);
	put_text(line, MEMBER("client_host"), c->client_host);
	put_text(line, MEMBER("key_id"), c->key_id);
	if (c->audit != NULL)
		put_text(line, MEMBER("audit"), c->audit);
	put_text(line, MEMBER("method"), c->method);
	put_text(line, MEMBER("api_path"), c->path);
	put_text(line, MEMBER("request_model_name"), c->model);
	put_text(line, MEMBER("target_provider"),
	    c->target == NULL ? NULL : c->target->provider->name);
	put_text(line, MEMBER("target_model_name"), c->target_model);
	buf_puts(line, MEMBER("stream"));
	buf_puts(line, c->stream ? "true" : "false");
	put_number(line, MEMBER("status"), (uint64_t)c->status);
	put_text(line, MEMBER("outcome"), err_get(c->outcome)->name);
	put_number(line, MEMBER("duration_ms"),
	    (clock_now_us() - c->start_us) / 1000);
	put_ms(line, MEMBER("ttfb_ms"), c->first_byte_us != 0,
	    c->first_byte_us - c->start_us);
	put_number(line, MEMBER("bytes"), c->bytes);
	put_text(line, MEMBER("trace_id"), c->trace_id);
	put_attempts(line, c);
	put_usage(line, &c->usage);
	if (call_find_cost(c, &cost))
		put_cost(line, cost);
	else
		put_text(line, MEMBER("cost"), NULL);
}

void
settle(struct state *state, struct journal *journal, const struct call *c)
{
	static const char end[] = "}\n";
	struct buf line, bare;
	bool	 has_bodies = c->request_text != NULL || c->answer_text != NULL;

	buf_init(&line, LINE_MAX_BYTES);
	put_call(&line, c);
	buf_init(&bare, LINE_MAX_BYTES);
	if (has_bodies) {
		buf_append(&bare, buf_data(&line), buf_len(&line));
		buf_puts(&bare, end);
		put_body(&line, MEMBER("request"), MEMBER("request_cut"),
		    c->request_text);
		put_body(&line, MEMBER("response"), MEMBER("response_cut"),
		    c->answer_text);
	}
	if (buf_puts(&line, end) != ERR_NONE)
		buf_consume(&line, buf_len(&line));
	state_begin(state);
	limit_spend(state, c);
	metrics_count(state, c);
	state_commit(state, journal, clock_wall_us(), c->id, buf_data(&line),
	    buf_len(&line), buf_data(&bare), buf_len(&bare));
	limit_end(state, c);
	if (journal != NULL)
		metrics_note_lost_lines(state, journal_take_lost(journal));
	buf_fini(&line);
	buf_fini(&bare);
}
