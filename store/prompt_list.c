#include "config.h"

#include "store/prompt_list.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"

struct entry {
	const char	*name;
	struct prompt_text text;
};

/* Those of one scope. */
struct section {
	struct entry	*entries;	/* by name, as SQLite compares: strcmp's order */
	size_t		 count, size;
};

struct prompt_list {
	unsigned	 refs;
	struct arena	 arena;
	struct section	 sections[PROMPTS__SCOPES];
	size_t		 count;
};

struct prompt_list *
prompt_list_ref(struct prompt_list *l)
{
	if (l != NULL)
		l->refs++;
	return l;
}

void
prompt_list_unref(struct prompt_list *l)
{
	if (l == NULL || --l->refs > 0)
		return;
	for (size_t i = 0; i < PROMPTS__SCOPES; i++)
		free(l->sections[i].entries);
	arena_fini(&l->arena);
	free(l);
}

size_t
prompt_list_count(const struct prompt_list *l)
{
	return l == NULL ? 0 : l->count;
}

size_t
prompt_list_count_of(const struct prompt_list *l, enum prompts_scope scope)
{
	return l == NULL ? 0 : l->sections[scope].count;
}

static int
entry_compare(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name,
	    ((const struct entry *)b)->name);
}

const struct prompt_text *
prompt_list_find(const struct prompt_list *l, enum prompts_scope scope,
    const char *name)
{
	const struct entry wanted = { .name = name }, *found;

	if (prompt_list_count_of(l, scope) == 0)
		return NULL;
	found = bsearch(&wanted, l->sections[scope].entries,
	    l->sections[scope].count, sizeof wanted, entry_compare);
	return found == NULL ? NULL : &found->text;
}

/* ---- Reading. ---- */

static struct prompt_list *
prompt_list_create(void)
{
	struct prompt_list *l = calloc(1, sizeof *l);

	if (l == NULL)
		abort();
	l->refs = 1;
	arena_init(&l->arena, 1024);
	return l;
}

static struct prompt_text
escape(struct arena *arena, const char *text, size_t n)
{
	struct buf json;
	struct prompt_text escaped;

	buf_init(&json, 6 * n + 2);
	if (json_write_string(&json, text, n) != ERR_NONE)
		abort();
	escaped.len = buf_len(&json) - 2;
	escaped.json = arena_strndup(arena, buf_data(&json) + 1, escaped.len);
	buf_fini(&json);
	return escaped;
}

/* What a process must not hold, or has no scope known here, is left out. */
static void
prompt_list_add(struct prompt_list *l, sqlite3_stmt *stmt,
    enum prompts_scope scope)
{
	struct section *s = &l->sections[scope];
	const char *name = (const char *)sqlite3_column_text(stmt, 1);
	const char *text = (const char *)sqlite3_column_text(stmt, 2);
	size_t	 n = text == NULL ? 0 : strlen(text);

	if (name == NULL || n == 0 || n > PROMPTS_TEXT_MAX)
		return;
	if (s->count == s->size) {
		s->size = s->size == 0 ? 16 : 2 * s->size;
		s->entries = realloc(s->entries, s->size * sizeof *s->entries);
		if (s->entries == NULL)
			abort();
	}
	s->entries[s->count++] = (struct entry){
		.name = arena_strdup(&l->arena, name),
		.text = escape(&l->arena, text, n),
	};
	l->count++;
}

static void
prompt_list_add_row(struct prompt_list *l, sqlite3_stmt *stmt)
{
	const char *text = (const char *)sqlite3_column_text(stmt, 0);

	for (enum prompts_scope i = 0; i < PROMPTS__SCOPES; i++)
		if (text != NULL && strcmp(text, prompts_scope_name(i)) == 0)
			prompt_list_add(l, stmt, i);
}

struct prompt_list *
prompt_list_read(sqlite3 *sqlite)
{
	struct prompt_list *l = prompt_list_create();
	sqlite3_stmt *stmt;
	int	 result = SQLITE_ERROR;

	if (sqlite3_prepare_v2(sqlite, "SELECT scope, name, text FROM prompts "
	    "ORDER BY name", -1, &stmt, NULL) == SQLITE_OK)
		while ((result = sqlite3_step(stmt)) == SQLITE_ROW)
			prompt_list_add_row(l, stmt);
	sqlite3_finalize(stmt);
	if (result == SQLITE_DONE)
		return l;
	prompt_list_unref(l);
	return NULL;
}
