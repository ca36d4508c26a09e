#include "config.h"

#include "handlers/references.h"

#include <stdlib.h>
#include <string.h>

#include "base/multipart.h"
#include "handlers/route.h"
#include "store/store.h"

enum { PIECE_BYTES = 16 << 10 };

static const struct id_name names[] = {
	{ .name = "previous_response_id", .kind = "response" },
	{ .name = "response_id", .kind = "response" },
	{ .name = "conversation", .kind = "conversations" },
	{ .name = "conversation_id", .kind = "conversations" },
	{ .name = "file_id", .kind = "files" },
	{ .name = "file_ids", .kind = "files" },
	{ .name = "input_file_id", .kind = "files" },
	{ .name = "output_file_id", .kind = "files" },
	{ .name = "error_file_id", .kind = "files" },
	{ .name = "result_files", .kind = "files" },
	{ .name = "training_file", .kind = "files" },
	{ .name = "validation_file", .kind = "files" },
	{ .name = "source", .kind = "files", .in_object = true },
	{ .name = "file", .kind = "files", .in_object = true },
	{ .name = "vector_store_id", .kind = "vector_stores" },
	{ .name = "vector_store_ids", .kind = "vector_stores" },
	{ .name = "container", .kind = "containers" },
	{ .name = "container_id", .kind = "containers" },
	{ .name = "assistant_id", .kind = "assistants" },
	{ .name = "thread_id", .kind = "threads" },
	{ .name = "batch_id", .kind = "batches" },
	{ .name = "eval_id", .kind = "evals" },
	{ .name = "skill_id", .kind = "skills" },
	{ .name = NULL }
};
static struct spelling spelling;
static const struct id_table table = { .names = names,
	.spelling = &spelling, .item_kind = "item" };

/*
 * All of them are at least so long, and end so; nearly no other name that is
 * written in letters does. Without separators the shortest is fileid.
 */
static bool
is_name(const char *name, size_t n)
{
	unsigned char last = n == 0 ? 0 : (unsigned char)name[n - 1] | 0x20;

	return n >= 6 && (strchr("dsenr", last) != NULL || last < 'a' ||
	    last > 'z') && id_table_has(&table, name, n);
}

/* Items are named by their ids alone, and that can be written in few ways. */
static bool
is_name_or_id(const char *name, size_t n)
{
	return (n >= 2 && (name[0] | 0x20) == 'i' && (name[1] | 0x20) == 'd') ||
	    (n > 0 && (name[0] <= ' ' || name[0] == '_' || name[0] == '-' ||
	    name[0] == '.')) || is_name(name, n);
}

static bool
is_any_name(const char *name, size_t n)
{
	(void)name;
	(void)n;
	return true;
}

references_name_fn *
references_names(const struct exchange *x)
{
	switch (x->route->objects) {
	case ROUTE_OBJECTS_NAMED:
		return is_name;
	case ROUTE_OBJECTS_ITEMS:
		return is_name_or_id;
	case ROUTE_OBJECTS_ANY:
		return is_any_name;
	default:
		return NULL;
	}
}

static enum err
feed(struct exchange *x, struct id_reader *r)
{
	char	 piece[PIECE_BYTES];
	uint64_t at = 0;
	ssize_t	 n;

	while ((n = spool_read(&x->body, at, piece, sizeof piece)) > 0) {
		if (!id_reader_feed(r, piece, (size_t)n))
			return r->is_full ? ERR_REFERENCES : ERR_INTERNAL;
		at += (uint64_t)n;
	}
	return n < 0 ? ERR_SPOOL : ERR_NONE;
}

static enum err
read_json(struct exchange *x, struct id_list *list)
{
	struct id_reader *r = malloc(sizeof *r);
	enum err err;

	if (r == NULL)
		abort();
	id_reader_init(r, x->call.arena, &table, list);
	err = feed(x, r);
	id_reader_fini(r);
	free(r);
	return err;
}

/* ---- Forms. ---- */

/* Behind those of the base; which of the table's names each of them is. */
static struct spelling fields;
static size_t first_field, field_names[SPELLING_MAX];

const struct spelling *
references_fields(const struct exchange *x, const struct spelling *base)
{
	if (x->route->objects != ROUTE_OBJECTS_ANY)
		return base;
	if (fields.count > 0)
		return &fields;
	for (size_t i = 0; i < base->count; i++)
		spelling_add(&fields, base->names[i]);
	first_field = base->count;
	for (size_t i = 0; names[i].name != NULL; i++) {
		if (names[i].in_object)
			continue;
		field_names[fields.count] = i;
		spelling_add(&fields, names[i].name);
	}
	return &fields;
}

/* One that is too long, or holds U+0000, is nobody's. */
static const char *
read_field(struct exchange *x, const struct multipart_range *range)
{
	char	 text[OBJECTS_ID_MAX];
	size_t	 n = (size_t)(range->end - range->start);

	if (n >= sizeof text || spool_read(&x->body, range->start, text, n) !=
	    (ssize_t)n || memchr(text, '\0', n) != NULL)
		return "";
	return arena_strndup(x->call.arena, text, n);
}

static void
read_form(struct exchange *x, struct id_list *list)
{
	for (size_t i = first_field; i < fields.count; i++) {
		const struct multipart_range *range =
		    &x->multipart->ranges[i];
		const struct id_name *name = &names[field_names[i]];

		if (!range->found || range->end == range->start)
			continue;
		if (list->items == NULL)
			list->items = arena_alloc(x->call.arena, fields.count *
			    sizeof *list->items);
		list->items[list->count++] = (struct id_found){
			.kind = name->kind, .member = name->name,
			.id = read_field(x, range) };
	}
}

enum err
references_read(struct exchange *x, struct id_list *list)
{
	*list = (struct id_list){ .max = REFERENCES_MAX };
	if (x->scan != NULL && x->scan->has_wanted)
		return read_json(x, list);
	if (x->multipart != NULL &&
	    x->route->objects == ROUTE_OBJECTS_ANY)
		read_form(x, list);
	return ERR_NONE;
}
