#include "config.h"

#include "handlers/references.h"

#include <stdlib.h>
#include <string.h>

#include "handlers/route.h"

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
	{ .name = "training_file", .kind = "files" },
	{ .name = "validation_file", .kind = "files" },
	{ .name = "source", .kind = "files", .in_object = true },
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
static const struct id_table table = { .names = names, .item_kind = "item" };

/* All of them are at least so long, and end so: few other names do. */
static bool
is_name(const char *name, size_t n)
{
	return n >= 6 && strchr("dsenr", name[n - 1] | 0x20) != NULL &&
	    id_table_has(&table, name, n);
}

/* Items are named by their ids alone. */
static bool
is_name_or_id(const char *name, size_t n)
{
	return (n == 2 && (name[0] | 0x20) == 'i' && (name[1] | 0x20) ==
	    'd') || is_name(name, n);
}

references_name_fn *
references_names(const struct exchange *x)
{
	switch (x->route->objects) {
	case ROUTE_OBJECTS_NAMED:
		return is_name;
	case ROUTE_OBJECTS_ITEMS:
		return is_name_or_id;
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

enum err
references_read(struct exchange *x, struct id_list *list)
{
	struct id_reader *r = malloc(sizeof *r);
	enum err err;

	if (r == NULL)
		abort();
	*list = (struct id_list){ .max = REFERENCES_MAX };
	id_reader_init(r, x->call.arena, &table, list);
	err = feed(x, r);
	id_reader_fini(r);
	free(r);
	return err;
}
