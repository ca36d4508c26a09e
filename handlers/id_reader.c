#include "config.h"

#include "handlers/id_reader.h"

#include <string.h>

enum { NONE = UINT8_MAX };

/* What a member says of the object that it is in. */
enum role { ROLE_NONE, ROLE_ID, ROLE_TYPE, ROLE_RESULT };

/* What stands in them is between the client and its tools. */
static const char *const own_names[] = {
	"metadata", "client_metadata", "parameters", "input_schema", "schema",
	"arguments", "annotations",
};

/* ---- Names. ---- */

/*
 * N bytes of UTF-8 as Go's encoding/json compares names. False: too long for a
 * name of ours.
 */
static bool
fold(const char *name, size_t n, char out[ID_READER_NAME_MAX + 1])
{
	size_t	 len = 0;

	for (size_t i = 0; i < n; i++) {
		char	 c = name[i];

		if (len == ID_READER_NAME_MAX)
			return false;
		if (n - i >= 2 && memcmp(name + i, "\xc5\xbf", 2) == 0) {
			c = 's';
			i++;
		} else if (n - i >= 3 &&
		    memcmp(name + i, "\xe2\x84\xaa", 3) == 0) {
			c = 'k';
			i += 2;
		}
		out[len++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	out[len] = '\0';
	return true;
}

/* Its index, or NONE. */
static uint8_t
name_find(const struct id_table *t, const char *folded)
{
	for (uint8_t i = 0; t->names[i].name != NULL; i++)
		if (strcmp(t->names[i].name, folded) == 0)
			return i;
	return NONE;
}

bool
id_table_has(const struct id_table *t, const char *name, size_t n)
{
	char	 folded[ID_READER_NAME_MAX + 1];

	return fold(name, n, folded) && name_find(t, folded) != NONE;
}

static bool
is_own(const char *folded)
{
	for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++)
		if (strcmp(own_names[i], folded) == 0)
			return true;
	return false;
}

static enum role
role_of(const char *folded)
{
	return strcmp(folded, "id") == 0 ? ROLE_ID :
	    strcmp(folded, "type") == 0 ? ROLE_TYPE :
	    strcmp(folded, "result") == 0 ? ROLE_RESULT : ROLE_NONE;
}

/* ---- What is found. ---- */

static const char *
copy_id(struct id_reader *r, const char *id, size_t n)
{
	return memchr(id, '\0', n) != NULL ? "" :
	    arena_strndup(r->arena, id, n);
}

static int
add(struct id_reader *r, const char *kind, const char *member, const char *id)
{
	struct id_list *list = r->list;
	const struct id_found *last = list->count == 0 ? NULL :
	    &list->items[list->count - 1];

	if (last != NULL && last->kind == kind && strcmp(last->id, id) == 0)
		return 1;
	if (list->count == list->max) {
		r->is_full = true;
		return 0;
	}
	if (list->items == NULL)
		list->items = arena_alloc(r->arena, list->max *
		    sizeof *list->items);
	list->items[list->count++] = (struct id_found){ kind, member, id };
	return 1;
}

static bool
text_is(const char *text, size_t n, const char *other)
{
	return strlen(other) == n && memcmp(text, other, n) == 0;
}

/* A string that says something of the object it is in. */
static void
note_item(struct id_reader *r, const char *text, size_t n)
{
	struct id_level *level = &r->levels[r->depth];

	if (level->role == ROLE_ID)
		level->item_id = copy_id(r, text, n);
	else if (level->role == ROLE_RESULT)
		level->has_result = n > 0;
	else if (level->role == ROLE_TYPE)
		level->is_item = text_is(text, n, "item_reference") ||
		    text_is(text, n, "image_generation_call");
}

/* ---- Reading. ---- */

static int
on_key(void *arg, const unsigned char *key, size_t n)
{
	struct id_reader *r = arg;
	struct id_level *level = &r->levels[r->depth];
	char	 name[ID_READER_NAME_MAX + 1];

	r->own_next = r->input_next = false;
	level->name = NONE;
	level->role = ROLE_NONE;
	if (!fold((const char *)key, n, name))
		return 1;
	r->own_next = is_own(name);
	r->input_next = strcmp(name, "input") == 0;
	level->role = (uint8_t)role_of(name);
	level->name = level->role == ROLE_ID ? level->parent :
	    name_find(r->table, name);
	return 1;
}

/* A value that may be an id. */
static int
on_text(void *arg, const char *text, size_t n)
{
	struct id_reader *r = arg;
	const struct id_level *level = &r->levels[r->depth];
	const struct id_name *name;

	if (r->own_depth != 0 || n == 0)
		return 1;
	if (r->table->item_kind != NULL && level->role != ROLE_NONE)
		note_item(r, text, n);
	if (level->name == NONE)
		return 1;
	name = &r->table->names[level->name];
	if (name->in_object && level->role != ROLE_ID)
		return 1;
	return add(r, name->kind, name->name, copy_id(r, text, n));
}

static int
on_string(void *arg, const unsigned char *text, size_t n)
{
	return on_text(arg, (const char *)text, n);
}

static int
open_bracket(struct id_reader *r, bool is_own_value, uint8_t name,
    uint8_t parent)
{
	if (r->depth == JSON_DEPTH_MAX)
		return 0;
	r->depth++;
	if (is_own_value && r->own_depth == 0)
		r->own_depth = r->depth;
	r->levels[r->depth] = (struct id_level){ .name = name,
		.parent = parent };
	r->own_next = r->input_next = false;
	return 1;
}

/* An "input" that is an object is what a model has called a tool with. */
static int
on_open_map(void *arg)
{
	struct id_reader *r = arg;

	return open_bracket(r, r->own_next || r->input_next, NONE,
	    r->levels[r->depth].name);
}

static int
on_open_array(void *arg)
{
	struct id_reader *r = arg;

	return open_bracket(r, r->own_next, r->levels[r->depth].name, NONE);
}

static int
on_close(void *arg)
{
	struct id_reader *r = arg;
	const struct id_level *level = &r->levels[r->depth];

	if (r->own_depth == r->depth)
		r->own_depth = 0;
	r->depth--;
	if (!level->is_item || level->has_result || level->item_id == NULL)
		return 1;
	return add(r, r->table->item_kind, "id", level->item_id);
}

void
id_reader_init(struct id_reader *r, struct arena *arena,
    const struct id_table *table, struct id_list *list)
{
	static const yajl_callbacks callbacks = {
		.yajl_number = on_text, .yajl_string = on_string,
		.yajl_map_key = on_key,
		.yajl_start_map = on_open_map, .yajl_end_map = on_close,
		.yajl_start_array = on_open_array, .yajl_end_array = on_close,
	};

	r->is_full = false;
	r->table = table;
	r->arena = arena;
	r->list = list;
	r->depth = r->own_depth = 0;
	r->own_next = r->input_next = false;
	r->levels[0] = (struct id_level){ .name = table->has_top ? 0 : NONE,
		.parent = NONE };
	r->yajl = yajl_alloc(&callbacks, NULL, r);
}

void
id_reader_fini(struct id_reader *r)
{
	if (r->yajl != NULL)
		yajl_free(r->yajl);
	r->yajl = NULL;
}

bool
id_reader_feed(struct id_reader *r, const char *bytes, size_t n)
{
	return r->yajl != NULL && yajl_parse(r->yajl,
	    (const unsigned char *)bytes, n) == yajl_status_ok;
}
