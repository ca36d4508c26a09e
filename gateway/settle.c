#include "config.h"

#include "gateway/settle.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

enum { TEXT_MAX_BYTES = 1024, LINE_MAX_BYTES = 2048 * TEXT_MAX_BYTES };

static void
put_name(struct buf *line, const char *name)
{
	buf_puts(line, ",\"");
	buf_puts(line, name);
	buf_puts(line, "\":");
}

static void
put_text(struct buf *line, const char *name, const char *text)
{
	size_t	 len = text == NULL ? 0 : strlen(text);

	put_name(line, name);
	if (text == NULL)
		buf_puts(line, "null");
	else
		json_write_string(line, text, len < TEXT_MAX_BYTES ? len :
		    TEXT_MAX_BYTES);
}

static void
put_number(struct buf *line, const char *name, uint64_t number)
{
	put_name(line, name);
	buf_put_number(line, number);
}

/* P20's members, where log.bodies is set. */
static void
put_body(struct buf *line, const char *name, const struct call_text *text)
{
	if (text == NULL)
		return;
	put_name(line, name);
	json_write_string(line, buf_data(&text->buf), buf_len(&text->buf));
	if (!text->is_cut)
		return;
	buf_puts(line, ",\"");
	buf_puts(line, name);
	buf_puts(line, "_cut\":true");
}

static const char *
level_of(const struct call *c)
{
	if (c->outcome == ERR_CLIENT_GONE)
		return "INFO";
	if (c->status >= 400 && c->status < 500)
		return "WARNING";
	return c->status >= 500 || c->outcome != ERR_NONE ? "ERROR" : "INFO";
}

void
settle(struct journal *journal, const struct call *c)
{
	uint64_t now_us = clock_now_us();
	char	 when[CLOCK_TEXT_SIZE];
	struct buf line;

	clock_format(c->start_wall_us, when);
	buf_init(&line, LINE_MAX_BYTES);
	buf_puts(&line, "{\"asctime\":\"");
	buf_puts(&line, when);
	buf_puts(&line, "\"");
	put_text(&line, "levelname", level_of(c));
	put_text(&line, "message", "request settled");
	put_text(&line, "request_id", c->id);
	put_text(&line, "client_host", c->client_host);
	put_text(&line, "method", c->method);
	put_text(&line, "api_path", c->path);
	put_text(&line, "request_model_name", c->model);
	put_text(&line, "target_provider",
	    c->target == NULL ? NULL : c->target->provider->name);
	put_text(&line, "target_model_name", c->target_model);
	put_name(&line, "stream");
	buf_puts(&line, c->stream ? "true" : "false");
	put_number(&line, "status", (uint64_t)c->status);
	put_text(&line, "outcome", err_get(c->outcome)->name);
	put_number(&line, "duration_ms", (now_us - c->start_us) / 1000);
	if (c->first_byte_us != 0)
		put_number(&line, "ttfb_ms",
		    (c->first_byte_us - c->start_us) / 1000);
	else
		buf_puts(&line, ",\"ttfb_ms\":null");
	put_number(&line, "bytes", c->bytes);
	put_body(&line, "request", c->request_text);
	put_body(&line, "response", c->answer_text);
	if (buf_puts(&line, "}\n") == ERR_NONE)
		journal_append(journal, clock_wall_us(), buf_data(&line),
		    buf_len(&line));
	buf_fini(&line);
}
