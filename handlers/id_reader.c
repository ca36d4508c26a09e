#include "config.h"

#include "handlers/id_reader.h"

#include <string.h>

enum { NONE = UINT8_MAX };

/* What a member says of the object that it is in. */
enum role { ROLE_NONE, ROLE_ID, ROLE_TYPE, ROLE_RESULT };

/*
 * What readers of an item go by, and what is between the client and its tools:
 * that is known by its exact name alone.
 */
enum special {
	SPECIAL_ID, SPECIAL_TYPE, SPECIAL_RESULT, SPECIAL_INPUT, SPECIAL_OWN,
	SPECIAL_NONE = UINT8_MAX
};

static const char *const special_names[] = {
	[SPECIAL_ID] = "id", [SPECIAL_TYPE] = "type",
	[SPECIAL_RESULT] = "result", [SPECIAL_INPUT] = "input",
	[SPECIAL_OWN] = "metadata", "client_metadata", "parameters",
	"input_schema", "schema", "arguments", "annotations",
};
enum { SPECIALS = sizeof special_names / sizeof special_names[0] };

/* ---- Names. ---- */

static const struct spelling *
get_specials(void)
{
	static struct spelling specials;

	for (size_t i = specials.count; i < SPECIALS; i++)
		spelling_add(&specials, special_names[i]);
	return &specials;
}

static const struct spelling *
get_names(const struct id_table *t)
{
	for (size_t i = t->spelling->count; t->names[i].name != NULL; i++)
		spelling_add(t->spelling, t->names[i].name);
	return t->spelling;
}

/* Its index, or NONE. */
static uint8_t
name_find(const struct id_table *t, const char *name, size_t n)
{
	size_t	 index;
	enum spelling_match match = spelling_find(get_names(t), name, n,
	    &index);

	return match == SPELLING_EXACT || match == SPELLING_OTHER ?
	    (uint8_t)index : NONE;
}

static enum special
special_find(const char *name, size_t n)
{
	size_t	 index;
	enum spelling_match match = spelling_find(get_specials(), name, n,
	    &index);

	if (match == SPELLING_EXACT)
		return index < SPECIAL_OWN ? (enum special)index : SPECIAL_OWN;
	return match == SPELLING_OTHER && index < SPECIAL_INPUT ?
	    (enum special)index : SPECIAL_NONE;
}

bool
id_table_has(const struct id_table *t, const char *name, size_t n)
{
	uint8_t	 i = name_find(t, name, n);

	return i != NONE && !t->names[i].in_object;
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

static enum role
role_of(enum special special)
{
	switch (special) {
	case SPECIAL_ID:
		return ROLE_ID;
	case SPECIAL_TYPE:
		return ROLE_TYPE;
	case SPECIAL_RESULT:
		return ROLE_RESULT;
	default:
		return ROLE_NONE;
	}
}

static int
on_key(void *arg, const unsigned char *key, size_t n)
{
	struct id_reader *r = arg;
	struct id_level *level = &r->levels[r->depth];
	enum special special = special_find((const char *)key, n);

	r->own_next = special == SPECIAL_OWN;
	r->input_next = special == SPECIAL_INPUT;
	level->role = (uint8_t)role_of(special);
	level->name = level->role == ROLE_ID ? level->parent :
	    name_find(r->table, (const char *)key, n);
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
