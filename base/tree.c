#include "config.h"

#include "base/tree.h"

#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "base/json.h"

static enum err
check(const char *json, size_t n)
{
	struct json_scan scan;

	json_scan_init(&scan, NULL, 0);
	json_scan_feed(&scan, json, n);
	return json_scan_end(&scan);
}

yajl_val
tree_parse(const char *json, size_t n)
{
	yajl_val tree;
	char *copy;

	if (check(json, n) != ERR_NONE)
		return NULL;
	copy = strndup(json, n);
	if (copy == NULL)
		return NULL;
	tree = yajl_tree_parse(copy, NULL, 0);
	free(copy);
	return tree;
}

/* yajl's callbacks; false ends the parsing. */
static int
enter(void *depth)
{
	return ++*(unsigned *)depth <= JSON_DEPTH_MAX;
}

static int
leave(void *depth)
{
	--*(unsigned *)depth;
	return 1;
}

static bool
is_shallow(const char *text)
{
	static const yajl_callbacks callbacks = {
		.yajl_start_map = enter, .yajl_end_map = leave,
		.yajl_start_array = enter, .yajl_end_array = leave,
	};
	unsigned depth = 0;
	yajl_handle handle = yajl_alloc(&callbacks, NULL, &depth);
	bool	 ok;

	if (handle == NULL)
		return false;
	yajl_config(handle, yajl_allow_comments, 1);
	ok = yajl_parse(handle, (const unsigned char *)text, strlen(text)) ==
	    yajl_status_ok &&
	    yajl_complete_parse(handle) == yajl_status_ok;
	yajl_free(handle);
	return ok;
}

yajl_val
tree_parse_commented(const char *text)
{
	return is_shallow(text) ? yajl_tree_parse(text, NULL, 0) : NULL;
}

yajl_val
tree_find(yajl_val object, const char *name)
{
	const char *path[] = { name, NULL };

	if (!YAJL_IS_OBJECT(object))
		return NULL;
	return yajl_tree_get(object, path, yajl_t_any);
}

static enum err
write_string(struct buf *out, const char *text)
{
	return json_write_string(out, text, strlen(text));
}

static enum err
write_array(struct buf *out, yajl_val v)
{
	enum err err = buf_puts(out, "[");

	for (size_t i = 0; err == ERR_NONE && i < v->u.array.len; i++) {
		if (i > 0)
			err = buf_puts(out, ",");
		if (err == ERR_NONE)
			err = tree_write(out, v->u.array.values[i]);
	}
	return err == ERR_NONE ? buf_puts(out, "]") : err;
}

static enum err
write_object(struct buf *out, yajl_val v)
{
	enum err err = buf_puts(out, "{");

	for (size_t i = 0; err == ERR_NONE && i < v->u.object.len; i++) {
		if (i > 0)
			err = buf_puts(out, ",");
		if (err == ERR_NONE)
			err = write_string(out, v->u.object.keys[i]);
		if (err == ERR_NONE)
			err = buf_puts(out, ":");
		if (err == ERR_NONE)
			err = tree_write(out, v->u.object.values[i]);
	}
	return err == ERR_NONE ? buf_puts(out, "}") : err;
}

enum err
tree_write(struct buf *out, yajl_val v)
{
	switch (v->type) {
	case yajl_t_string:
		return write_string(out, v->u.string);
	case yajl_t_number:
		return buf_puts(out, v->u.number.r);
	case yajl_t_object:
		return write_object(out, v);
	case yajl_t_array:
		return write_array(out, v);
	case yajl_t_true:
		return buf_puts(out, "true");
	case yajl_t_false:
		return buf_puts(out, "false");
	default:
		return buf_puts(out, "null");
	}
}
