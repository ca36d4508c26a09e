/* id_reader.h - the ids that a JSON text names, by the members in which they stand. */
#ifndef HANDLERS_ID_READER_H
#define HANDLERS_ID_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yajl/yajl_parse.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/spelling.h"

/*
 * The member NAME: its string, each string in its array, and the
 * "id" of an object that is its value, or is in that array, is an id of KIND.
 */
struct id_name {
	const char	*name, *kind;
	bool		 in_object;	/* its strings are none, only such an "id" is */
};

/* What to look for. */
struct id_table {
	const struct id_name *names;	/* at most SPELLING_MAX; the last is NULL */
	struct spelling	*spelling;	/* room for them, of 0 bytes at first */
	bool		 has_top;	/* the first of them stands for the text as a whole */
	/*
	 * The kind of the id of an object whose "type" is "item_reference", or
	 * one of another call's image without the image; NULL: they are none.
	 */
	const char	*item_kind;
};

/* Strings are the table's, or in the arena. */
struct id_found {
	const char	*kind;
	const char	*member;
	const char	*id;		/* "" for one that holds U+0000: nobody has that */
};

struct id_list {
	struct id_found	*items;		/* in the arena, MAX of them */
	size_t		 count, max;
};

/*
 * Members are known in any spelling (base/spelling.h). What stands in the
 * client's own objects (metadata, schemas, arguments of tools) is not looked at.
 */
struct id_reader {
	bool		 is_full;	/* there are more than the list can hold */

	/* private */
	const struct id_table *table;
	struct arena	*arena;
	struct id_list	*list;
	yajl_handle	 yajl;
	unsigned	 depth;		/* open brackets */
	unsigned	 own_depth;	/* what began at this depth is the client's own; 0 = nothing is */
	bool		 own_next, input_next;	/* what the next value belongs to */
	struct id_level {
		uint8_t	 name;		/* whose value is read */
		uint8_t	 parent;	/* that the object is a value of */
		uint8_t	 role;		/* of the value read */
		bool	 is_item, has_result;
		const char *item_id;	/* in the arena, or NULL */
	} levels[JSON_DEPTH_MAX + 2];
};

/* LIST has its arena's items and is empty. */
void	id_reader_init(struct id_reader *, struct arena *,
	    const struct id_table *, struct id_list *list);
void	id_reader_fini(struct id_reader *);

/*
 * N more bytes of the text. False: the reading has come to its end, be it that
 * the list is full, or that this is no JSON or too deep.
 */
bool	id_reader_feed(struct id_reader *, const char *, size_t n);

/* Is a name of N bytes in the table, in any spelling, and not in_object? */
bool	id_table_has(const struct id_table *, const char *name, size_t n);
#endif
