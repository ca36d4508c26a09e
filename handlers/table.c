#include "config.h"

#include "handlers/table.h"

#include <inttypes.h>
#include <stdlib.h>


enum { GAP = 2, FIRST_CELLS = 64 };

void
table_init(struct table *t, const char *const *titles, size_t columns)
{
	*t = (struct table){ .columns = columns };
	arena_init(&t->arena, 1024);
	for (size_t i = 0; i < columns; i++)
		table_add(t, titles[i]);
}

void
table_fini(struct table *t)
{
	free(t->cells);
	arena_fini(&t->arena);
}

void
table_add(struct table *t, const char *text)
{
	if (t->count == t->size) {
		t->size = t->size == 0 ? FIRST_CELLS : 2 * t->size;
		t->cells = realloc(t->cells, t->size * sizeof *t->cells);
		if (t->cells == NULL)
			abort();
	}
	t->cells[t->count++] = *text == '\0' ? "-" :
	    arena_strdup(&t->arena, text);
}

void
table_add_number(struct table *t, int64_t number)
{
	table_add(t, arena_printf(&t->arena, "%" PRId64, number));
}

/* In characters, not in bytes. */
static size_t
width_of(const char *text)
{
	size_t	 n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xC0) != 0x80;
	return n;
}

static size_t
column_width(const struct table *t, size_t column)
{
	size_t	 widest = 0;

	for (size_t i = column; i < t->count; i += t->columns)
		if (width_of(t->cells[i]) > widest)
			widest = width_of(t->cells[i]);
	return widest;
}

void
table_print(const struct table *t, FILE *out)
{
	size_t	*widths = calloc(t->columns, sizeof *widths);

	if (widths == NULL)
		abort();
	for (size_t i = 0; i < t->columns; i++)
		widths[i] = column_width(t, i);
	for (size_t i = 0; i < t->count; i++) {
		size_t	 column = i % t->columns;

		fputs(t->cells[i], out);
		if (column == t->columns - 1)
			putc('\n', out);
		else
			fprintf(out, "%*s", (int)(widths[column] + GAP -
			    width_of(t->cells[i])), "");
	}
	free(widths);
}
