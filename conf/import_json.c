/* import_json.c - JSON files as people write them, comments included. */
#include "config.h"

#include "conf/import_json.h"

#include <string.h>

#include <yajl/yajl_parse.h>

#include "base/tree.h"
#include "conf/import.h"

static int
enter(void *depth)
{
	return ++*(unsigned *)depth <= IMPORT_JSON_DEPTH_MAX;
}

static int
leave(void *depth)
{
	--*(unsigned *)depth;
	return 1;
}

static unsigned
line_at(const char *text, size_t offset)
{
	unsigned line = 1;

	for (size_t i = 0; i < offset && text[i] != '\0'; i++)
		line += text[i] == '\n';
	return line;
}

/* The parser's own words without the piece of text that it would quote. */
static void
report(struct import *im, yajl_handle handle, const char *text, unsigned depth)
{
	unsigned line = line_at(text, yajl_get_bytes_consumed(handle));
	unsigned char *words;

	if (depth > IMPORT_JSON_DEPTH_MAX) {
		import_problem(im, line, "nested more than %d deep",
		    IMPORT_JSON_DEPTH_MAX);
		return;
	}
	words = yajl_get_error(handle, 0, NULL, 0);
	words[strcspn((char *)words, "\n")] = '\0';
	import_problem(im, line, "%s", (char *)words);
	yajl_free_error(handle, words);
}

/* Look before building a tree: yajl frees one recursively. */
static bool
is_sound(struct import *im, const char *text)
{
	static const yajl_callbacks callbacks = {
		.yajl_start_map = enter, .yajl_end_map = leave,
		.yajl_start_array = enter, .yajl_end_array = leave,
	};
	unsigned depth = 0;
	yajl_handle handle = yajl_alloc(&callbacks, NULL, &depth);
	bool sound;

	if (handle == NULL)
		return false;
	yajl_config(handle, yajl_allow_comments, 1);
	sound = yajl_parse(handle, (const unsigned char *)text,
	    strlen(text)) == yajl_status_ok &&
	    yajl_complete_parse(handle) == yajl_status_ok;
	if (!sound)
		report(im, handle, text, depth);
	yajl_free(handle);
	return sound;
}

yajl_val
import_json_parse(struct import *im, const char *text)
{
	yajl_val tree = NULL;

	if (is_sound(im, text)) {
		tree = tree_parse_commented(text);
		if (!YAJL_IS_OBJECT(tree)) {
			import_problem(im, 1, "expected a JSON object");
			yajl_tree_free(tree);
			tree = NULL;
		}
	}
	return tree;
}

yajl_val
import_json_find(yajl_val v, const char *name)
{
	if (!YAJL_IS_OBJECT(v))
		return NULL;
	for (size_t i = v->u.object.len; i-- > 0; )
		if (strcmp(v->u.object.keys[i], name) == 0)
			return v->u.object.values[i];
	return NULL;
}

const char *
import_json_string(yajl_val v, const char *name)
{
	const char *text = YAJL_GET_STRING(import_json_find(v, name));

	return text == NULL || text[0] == '\0' ? NULL : text;
}

unsigned
import_json_seconds(struct import *im, const char *where, yajl_val v,
    const char *name)
{
	yajl_val n = import_json_find(v, name);
	double seconds;

	if (n == NULL || YAJL_IS_NULL(n))
		return 0;
	seconds = YAJL_IS_INTEGER(n) ? (double)YAJL_GET_INTEGER(n) :
	    YAJL_IS_DOUBLE(n) ? YAJL_GET_DOUBLE(n) : 0.0;
	if (seconds >= 0.001 && seconds <= 86400.0)
		return (unsigned)(seconds * 1000.0 + 0.5);
	import_note(im, "%s.%s: expected seconds between 0.001 and 86400",
	    where, name);
	return 0;
}

static bool
is_one_of(const char *name, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(*words, name) == 0)
			return true;
	return false;
}

void
import_json_note_others(struct import *im, const char *where, yajl_val v,
    const char *const *words)
{
	for (size_t i = 0; YAJL_IS_OBJECT(v) && i < v->u.object.len; i++)
		if (!is_one_of(v->u.object.keys[i], words))
			import_note(im, "%s.%.60s: unknown setting", where,
			    v->u.object.keys[i]);
}
