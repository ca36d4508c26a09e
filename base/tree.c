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
