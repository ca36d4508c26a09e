#include "config.h"

#include "handlers/references.h"

#include <string.h>

#include <yajl/yajl_parse.h>

#include "handlers/route.h"

enum { PIECE_BYTES = 64 << 10, NAME_MAX_BYTES = 24 };

/* Members whose strings, or strings in an array, or "id" in an object, are ids. */
static const struct { const char *name, *kind; } names[] = {
	{ "previous_response_id", "response" },
	{ "response_id", "response" },
	{ "conversation", "conversations" },
	{ "conversation_id", "conversations" },
	{ "file_id", "files" },
	{ "file_ids", "files" },
	{ "input_file_id", "files" },
	{ "training_file", "files" },
	{ "validation_file", "files" },
	{ "vector_store_id", "vector_stores" },
	{ "vector_store_ids", "vector_stores" },
	{ "container", "containers" },
	{ "container_id", "containers" },
	{ "assistant_id", "assistants" },
	{ "thread_id", "threads" },
	{ "batch_id", "batches" },
	{ "eval_id", "evals" },
	{ "skill_id", "skills" },
};
enum { NAME_COUNT = sizeof names / sizeof names[0] };

/* What stands in them is between the client and its tools. */
static const char *const own_names[] = {
	"metadata", "parameters", "input_schema", "schema", "arguments",
};

/* ---- Names. ---- */

/*
 * N bytes of UTF-8 as Go's encoding/json compares names: in any case, and with
 * the two letters beyond ASCII that become s and k. False: too long for a name
 * of ours.
 */
static bool
fold(const char *name, size_t n, char out[NAME_MAX_BYTES + 1])
{
	size_t	 len = 0;

	for (size_t i = 0; i < n; i++) {
		char	 c = name[i];

		if (len == NAME_MAX_BYTES)
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

/* Its index, or NAME_COUNT. */
static size_t
name_find(const char *name, size_t n)
{
	char	 folded[NAME_MAX_BYTES + 1];
	size_t	 i = NAME_COUNT;

	if (fold(name, n, folded))
		for (i = 0; i < NAME_COUNT; i++)
			if (strcmp(names[i].name, folded) == 0)
				break;
	return i;
}

/* All of them are at least so long, and end so: few other names do. */
static bool
is_name(const char *name, size_t n)
{
	return n >= 7 && strchr("dsenr", name[n - 1] | 0x20) != NULL &&
	    name_find(name, n) < NAME_COUNT;
}

references_name_fn *
references_names(const struct exchange *x)
{
	return x->route->names_objects ? is_name : NULL;
}

static bool
is_own(const char *name, size_t n)
{
	char	 folded[NAME_MAX_BYTES + 1];

	if (!fold(name, n, folded))
		return false;
	for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++)
		if (strcmp(own_names[i], folded) == 0)
			return true;
	return false;
}

/* ---- Reading. ---- */

struct reader {
	struct arena	*arena;
	struct reference_list *list;
	unsigned	 depth;		/* open brackets */
	unsigned	 own_depth;	/* what began at this depth is the client's own; 0 = nothing is */
	bool		 own_next, input_next;	/* what the next value belongs to */
	/* By depth: the member whose value is read, and the one that the object is of. */
	uint8_t		 names[JSON_DEPTH_MAX + 2];
	uint8_t		 parents[JSON_DEPTH_MAX + 2];
};

static bool
is_id(const char *name, size_t n)
{
	return n == 2 && (name[0] | 0x20) == 'i' && (name[1] | 0x20) == 'd';
}

static int
on_key(void *arg, const unsigned char *key, size_t n)
{
	struct reader *r = arg;
	const char *name = (const char *)key;

	r->own_next = is_own(name, n);
	r->input_next = n == 5 && memcmp(name, "input", 5) == 0;
	r->names[r->depth] = is_id(name, n) ? r->parents[r->depth] :
	    (uint8_t)name_find(name, n);
	return 1;
}

/* A value that may be an id. */
static int
on_text(void *arg, const char *id, size_t n)
{
	struct reader *r = arg;
	size_t	 name = r->names[r->depth];
	struct reference_list *list = r->list;

	if (name == NAME_COUNT || r->own_depth != 0 || n == 0)
		return 1;
	if (list->count == REFERENCES_MAX)
		return 0;
	if (list->items == NULL)
		list->items = arena_alloc(r->arena, REFERENCES_MAX *
		    sizeof *list->items);
	list->items[list->count++] = (struct reference){
		.kind = names[name].kind, .member = names[name].name,
		.id = memchr(id, '\0', n) != NULL ? "" :
		    arena_strndup(r->arena, id, n),
	};
	return 1;
}

static int
on_string(void *arg, const unsigned char *text, size_t n)
{
	return on_text(arg, (const char *)text, n);
}

static void
open_bracket(struct reader *r, bool is_own_value, uint8_t name, uint8_t parent)
{
	r->depth++;
	if (is_own_value && r->own_depth == 0)
		r->own_depth = r->depth;
	r->names[r->depth] = name;
	r->parents[r->depth] = parent;
	r->own_next = r->input_next = false;
}

/* An "input" that is an object is what a model has called a tool with. */
static int
on_open_map(void *arg)
{
	struct reader *r = arg;

	open_bracket(r, r->own_next || r->input_next, NAME_COUNT,
	    r->names[r->depth]);
	return 1;
}

static int
on_open_array(void *arg)
{
	struct reader *r = arg;

	open_bracket(r, r->own_next, r->names[r->depth], NAME_COUNT);
	return 1;
}

static int
on_close(void *arg)
{
	struct reader *r = arg;

	if (r->own_depth == r->depth)
		r->own_depth = 0;
	r->depth--;
	return 1;
}

/* The body is well-formed: what ends the reading is a list that is full. */
static enum err
feed(struct exchange *x, yajl_handle yajl)
{
	char	 piece[PIECE_BYTES];
	uint64_t at = 0;
	ssize_t	 n;

	while ((n = spool_read(&x->body, at, piece, sizeof piece)) > 0) {
		if (yajl_parse(yajl, (unsigned char *)piece, (size_t)n) !=
		    yajl_status_ok)
			return ERR_REFERENCES;
		at += (uint64_t)n;
	}
	return n < 0 ? ERR_SPOOL : ERR_NONE;
}

enum err
references_read(struct exchange *x, struct reference_list *list)
{
	static const yajl_callbacks callbacks = {
		.yajl_number = on_text, .yajl_string = on_string,
		.yajl_map_key = on_key,
		.yajl_start_map = on_open_map, .yajl_end_map = on_close,
		.yajl_start_array = on_open_array, .yajl_end_array = on_close,
	};
	struct reader r = { .arena = x->call.arena, .list = list,
		.names = { NAME_COUNT } };
	yajl_handle yajl = yajl_alloc(&callbacks, NULL, &r);
	enum err err;

	*list = (struct reference_list){ .count = 0 };
	if (yajl == NULL)
		return ERR_NO_MEMORY;
	err = feed(x, yajl);
	yajl_free(yajl);
	return err;
}
