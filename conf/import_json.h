/* import_json.h - JSON files as people write them, comments included. */
#ifndef CONF_IMPORT_JSON_H
#define CONF_IMPORT_JSON_H

#include <stddef.h>

#include <yajl/yajl_tree.h>

struct import;

enum { IMPORT_JSON_DEPTH_MAX = 32 };

/*
 * TEXT as a tree whose top is an object. NULL: reported, with the line. "//" and
 * slash-star comments are taken; yajl_tree_free() it.
 */
yajl_val import_json_parse(struct import *, const char *text);

/* The member NAME of the object V, the last one of several; or NULL. */
yajl_val import_json_find(yajl_val v, const char *name);

/* The same if it is a string that is not empty; else NULL. */
const char *import_json_string(yajl_val v, const char *name);

/*
 * The member NAME as positive seconds in milliseconds. 0: it is not there, or
 * not fit (noted, with WHERE).
 */
unsigned import_json_seconds(struct import *, const char *where, yajl_val v,
	    const char *name);

/* Note every member of V that is not one of WORDS (ends with NULL). */
void	import_json_note_others(struct import *, const char *where, yajl_val v,
	    const char *const *words);
#endif
