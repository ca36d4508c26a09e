#include "config.h"

#include "handlers/admin_json.h"

#include <string.h>

#include "base/json.h"
#include "base/when.h"
#include "gateway/cost.h"

/* Behind a name, too, none is due. */
void
admin_json_next(struct buf *out)
{
	size_t	 n = buf_len(out);

	if (n > 0 && strchr("{[:", buf_data(out)[n - 1]) == NULL)
		buf_puts(out, ",");
}

void
admin_json_open(struct buf *out)
{
	admin_json_next(out);
	buf_puts(out, "{");
}

void
admin_json_close(struct buf *out)
{
	buf_puts(out, "}");
}

void
admin_json_name(struct buf *out, const char *name)
{
	admin_json_next(out);
	buf_printf(out, "\"%s\":", name);
}

void
admin_json_text(struct buf *out, const char *name, const char *text)
{
	admin_json_name(out, name);
	json_write_string(out, text, strlen(text));
}

void
admin_json_bool(struct buf *out, const char *name, bool value)
{
	admin_json_name(out, name);
	buf_puts(out, value ? "true" : "false");
}

void
admin_json_integer(struct buf *out, const char *name, uint64_t value)
{
	admin_json_name(out, name);
	buf_put_number(out, value);
}

void
admin_json_id(struct buf *out, const char *name, int64_t row)
{
	admin_json_integer(out, name, (uint64_t)row);
}

void
admin_json_null(struct buf *out, const char *name)
{
	admin_json_name(out, name);
	buf_puts(out, "null");
}

void
admin_json_time(struct buf *out, const char *name, int64_t time_s)
{
	char	 text[WHEN_TEXT_SIZE];

	if (time_s == 0) {
		admin_json_null(out, name);
		return;
	}
	when_format(time_s, text);
	admin_json_text(out, name, text);
}

void
admin_json_money(struct buf *out, const char *name, uint64_t nano)
{
	admin_json_name(out, name);
	cost_put(out, nano);
}

void
admin_json_lines(struct buf *out, const char *name, const char *list)
{
	admin_json_name(out, name);
	buf_puts(out, "[");
	while (*list != '\0') {
		size_t	 n = strcspn(list, "\n");

		admin_json_next(out);
		json_write_string(out, list, n);
		list += n + (list[n] == '\n');
	}
	buf_puts(out, "]");
}

void
admin_json_text_or_null(struct buf *out, const char *name, const char *text)
{
	if (text == NULL)
		admin_json_null(out, name);
	else
		admin_json_text(out, name, text);
}

void
admin_json_number(struct buf *out, const char *name, double value)
{
	admin_json_name(out, name);
	buf_printf(out, "%.9g", value);
}

void
admin_json_ms(struct buf *out, const char *name, double ms)
{
	admin_json_name(out, name);
	if (ms < 0)
		buf_puts(out, "null");
	else
		buf_printf(out, "%.0f", ms);
}

void
admin_json_print(struct buf *line, FILE *out)
{
	fwrite(buf_data(line), 1, buf_len(line), out);
	putc('\n', out);
	buf_consume(line, buf_len(line));
}
