#include "config.h"

#include "handlers/json_find.h"

#include <stdbool.h>
#include <string.h>

#include <yajl/yajl_parse.h>

struct finder {
	yajl_handle	 yajl;
	const char	*text;
	struct json_found *found;
	size_t		 count;
	int		 depth;		/* open maps and arrays */
	bool		 in_data;	/* below the top level's "data" */
	bool		 is_url;	/* the next value belongs to data[].url */
};

static int
on_key(void *arg, const unsigned char *key, size_t n)
{
	struct finder *f = arg;

	if (f->depth == 1)
		f->in_data = n == 4 && memcmp(key, "data", 4) == 0;
	f->is_url = f->in_data && f->depth == 3 && n == 3 &&
	    memcmp(key, "url", 3) == 0;
	return 1;
}

/* yajl says where a token ends; a string begins at its last unescaped quote. */
static int
on_string(void *arg, const unsigned char *value, size_t n)
{
	struct finder *f = arg;
	size_t	 end, start;

	(void)value;
	(void)n;
	if (!f->is_url || f->count == JSON_FIND_MAX)
		return 1;
	f->is_url = false;
	end = yajl_get_bytes_consumed(f->yajl);
	for (start = end - 2; start > 0; start--) {
		size_t slashes = 0;

		if (f->text[start] != '"')
			continue;
		while (slashes < start && f->text[start - 1 - slashes] == '\\')
			slashes++;
		if (slashes % 2 == 0)
			break;
	}
	f->found[f->count++] = (struct json_found){ start, end };
	return 1;
}

static int
on_open(void *arg)
{
	struct finder *f = arg;

	f->depth++;
	f->is_url = false;
	return 1;
}

static int
on_null(void *arg)
{
	((struct finder *)arg)->is_url = false;
	return 1;
}

static int
on_boolean(void *arg, int value)
{
	(void)value;
	return on_null(arg);
}

static int
on_number(void *arg, const char *text, size_t n)
{
	(void)text;
	(void)n;
	return on_null(arg);
}

static int
on_close(void *arg)
{
	((struct finder *)arg)->depth--;
	return 1;
}

size_t
json_find_urls(const char *text, size_t n,
    struct json_found found[JSON_FIND_MAX])
{
	static const yajl_callbacks callbacks = {
		.yajl_null = on_null, .yajl_boolean = on_boolean,
		.yajl_number = on_number, .yajl_string = on_string, .yajl_map_key = on_key,
		.yajl_start_map = on_open, .yajl_end_map = on_close,
		.yajl_start_array = on_open, .yajl_end_array = on_close,
	};
	struct finder f = { .text = text, .found = found };
	bool	 ok;

	f.yajl = yajl_alloc(&callbacks, NULL, &f);
	if (f.yajl == NULL)
		return 0;
	ok = yajl_parse(f.yajl, (const unsigned char *)text, n) ==
	    yajl_status_ok && yajl_complete_parse(f.yajl) == yajl_status_ok;
	yajl_free(f.yajl);
	return ok ? f.count : 0;
}
