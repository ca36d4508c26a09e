#include "config.h"

#include "upstream/tree.h"

#include <stdlib.h>
#include <string.h>

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

yajl_val
tree_find(yajl_val object, const char *name)
{
	const char *path[] = { name, NULL };

	if (!YAJL_IS_OBJECT(object))
		return NULL;
	return yajl_tree_get(object, path, yajl_t_any);
}
