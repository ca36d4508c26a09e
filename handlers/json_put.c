#include "config.h"

#include "handlers/json_put.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/when.h"

void
json_put_text(struct buf *out, const char *name, const char *value,
    const char *end)
{
	buf_printf(out, "\"%s\":", name);
	json_write_string(out, value, strlen(value));
	buf_puts(out, end);
}

void
json_put_number(struct buf *out, const char *name, int64_t value,
    const char *end)
{
	buf_printf(out, "\"%s\":%" PRId64 "%s", name, value, end);
}

void
json_put_bool(struct buf *out, const char *name, bool value, const char *end)
{
	buf_printf(out, "\"%s\":%s%s", name, value ? "true" : "false", end);
}

void
json_put_time(struct buf *out, const char *name, int64_t time_s,
    const char *end)
{
	char	 text[WHEN_TEXT_SIZE];

	when_format(time_s, text);
	json_put_text(out, name, text, end);
}

void
json_put_comma(struct buf *out, size_t *count)
{
	if ((*count)++ > 0)
		buf_puts(out, ",");
}
