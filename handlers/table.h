/* table.h - rows of text under titles, as wide as they need. */
#ifndef HANDLERS_TABLE_H
#define HANDLERS_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"

struct table {
	struct arena	 arena;
	size_t		 columns;
	const char	**cells;	/* row by row, the titles first */
	size_t		 count, size;
};

/* TITLES are COLUMNS of them. */
void	table_init(struct table *, const char *const *titles, size_t columns);
void	table_fini(struct table *);

/* The next cell; an empty one is shown as "-". */
void	table_add(struct table *, const char *text);
void	table_add_number(struct table *, int64_t number);

void	table_print(const struct table *, FILE *);
#endif
