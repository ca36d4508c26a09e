/* sse_token.c - which events carry output. */
#include "config.h"

#include "upstream/sse.h"

#include <string.h>

#include "base/tree.h"

/* Events of /v1/responses and /v1/messages that come before any output. */
static const char *const preludes[] = {
	"response.created", "response.in_progress", "response.queued",
	"message_start", "ping",
};

/* Neither null nor an empty string, list or object. */
static bool
is_filled(yajl_val v)
{
	switch (v->type) {
	case yajl_t_null:
		return false;
	case yajl_t_string:
		return v->u.string[0] != '\0';
	case yajl_t_array:
		return v->u.array.len > 0;
	case yajl_t_object:
		return v->u.object.len > 0;
	default:
		return true;
	}
}

/* Whether the object has a filled member other than the one called EXCEPT. */
static bool
has_filled(yajl_val object, const char *except)
{
	for (size_t i = 0; i < object->u.object.len; i++)
		if (strcmp(object->u.object.keys[i], except) != 0 &&
		    is_filled(object->u.object.values[i]))
			return true;
	return false;
}

/* One of a chunk's choices: {"index", "delta": {...}, ...} or {"index", "text", ...}. */
static bool
is_choice_output(yajl_val choice)
{
	if (!YAJL_IS_OBJECT(choice))
		return true;
	for (size_t i = 0; i < choice->u.object.len; i++) {
		const char *key = choice->u.object.keys[i];
		yajl_val value = choice->u.object.values[i];

		if (strcmp(key, "index") == 0)
			continue;
		if (strcmp(key, "delta") == 0 && YAJL_IS_OBJECT(value)) {
			if (has_filled(value, "role"))
				return true;
		} else if (is_filled(value))
			return true;
	}
	return false;
}

static bool
is_prelude(const char *type)
{
	for (size_t i = 0; i < sizeof preludes / sizeof preludes[0]; i++)
		if (strcmp(type, preludes[i]) == 0)
			return true;
	return false;
}

static bool
is_output(yajl_val event)
{
	yajl_val choices = tree_find(event, "choices");
	yajl_val type = tree_find(event, "type");

	if (YAJL_IS_ARRAY(choices)) {
		for (size_t i = 0; i < choices->u.array.len; i++)
			if (is_choice_output(choices->u.array.values[i]))
				return true;
		return false;
	}
	return !YAJL_IS_STRING(type) || !is_prelude(type->u.string);
}

bool
sse_is_token(const char *data, size_t n)
{
	bool output;
	yajl_val event;

	if (n == 0 || (n >= 6 && memcmp(data, "[DONE]", 6) == 0))
		return false;
	event = tree_parse(data, n);
	if (event == NULL)
		return true;
	output = is_output(event);
	yajl_tree_free(event);
	return output;
}
