#include "config.h"

#include "handlers/model_names.h"

#include <string.h>

#include <yajl/yajl_parse.h>

#include "base/text.h"

struct reader {
	struct buf	*names;
	size_t		 count;
	int		 depth;		/* open brackets */
	int		 list_depth;	/* that of the list's own bracket; 0 = not yet seen */
	bool		 is_data;	/* the top level's "data" comes next, or is open */
	bool		 is_id;		/* the next value is a model's name */
};

/* A value that is no name: whatever it is. */
static int
on_other(struct reader *r)
{
	r->is_id = false;
	return 1;
}

static int
on_null(void *arg)
{
	return on_other(arg);
}

static int
on_boolean(void *arg, int value)
{
	(void)value;
	return on_other(arg);
}

static int
on_number(void *arg, const char *text, size_t n)
{
	(void)text;
	(void)n;
	return on_other(arg);
}

static bool
is_name(const unsigned char *text, size_t n)
{
	return n > 0 && n <= MODEL_NAME_MAX_BYTES &&
	    text_is_line((const char *)text, n);
}

static int
on_string(void *arg, const unsigned char *text, size_t n)
{
	struct reader *r = arg;
	struct buf *names = r->names;

	if (r->is_id && r->count < MODEL_NAMES_MAX && is_name(text, n) &&
	    buf_len(names) + n < names->max) {
		buf_append(names, text, n);
		buf_append(names, "", 1);
		r->count++;
	}
	return on_other(r);
}

static int
on_key(void *arg, const unsigned char *key, size_t n)
{
	struct reader *r = arg;

	if (r->depth == 1)
		r->is_data = n == 4 && memcmp(key, "data", 4) == 0;
	r->is_id = r->list_depth > 0 && r->depth == r->list_depth + 1 &&
	    n == 2 && memcmp(key, "id", 2) == 0;
	return 1;
}

static int
on_map(void *arg)
{
	struct reader *r = arg;

	r->depth++;
	return on_other(r);
}

static int
on_array(void *arg)
{
	struct reader *r = arg;

	r->depth++;
	if (r->list_depth == 0 && (r->depth == 1 ||
	    (r->depth == 2 && r->is_data)))
		r->list_depth = r->depth;
	return on_other(r);
}

static int
on_end(void *arg)
{
	((struct reader *)arg)->depth--;
	return 1;
}

/* Its own bracket is closed: what else is called "id" is none of it. */
static int
on_array_end(void *arg)
{
	struct reader *r = arg;

	if (r->depth == r->list_depth)
		r->list_depth = -1;
	return on_end(r);
}

bool
model_names_read(const char *text, size_t n, struct buf *names, size_t *count)
{
	static const yajl_callbacks callbacks = {
		.yajl_null = on_null, .yajl_boolean = on_boolean,
		.yajl_number = on_number, .yajl_string = on_string,
		.yajl_map_key = on_key, .yajl_start_map = on_map,
		.yajl_end_map = on_end, .yajl_start_array = on_array,
		.yajl_end_array = on_array_end,
	};
	struct reader r = { .names = names };
	yajl_handle yajl = yajl_alloc(&callbacks, NULL, &r);
	bool	 ok;

	if (yajl == NULL)
		return false;
	ok = yajl_parse(yajl, (const unsigned char *)text, n) ==
	    yajl_status_ok && yajl_complete_parse(yajl) == yajl_status_ok;
	yajl_free(yajl);
	*count = r.count;
	return ok && r.list_depth == -1;
}
