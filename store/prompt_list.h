/* prompt_list.h - the system prompts as a process knows them: read whole, never
 * changed. */
#ifndef STORE_PROMPT_LIST_H
#define STORE_PROMPT_LIST_H

#include <stddef.h>

#include "store/prompts.h"

/* What stands between the quotes of a JSON string. */
struct prompt_text {
	const char	*json;
	size_t		 len;
};

struct prompt_list;
struct sqlite3;

/* Neither these nor finding takes locks: all references belong to one thread. */
struct prompt_list *prompt_list_ref(struct prompt_list *);
void	prompt_list_unref(struct prompt_list *);	/* NULL is fine */

/* How many there are, of all scopes or of one; of NULL: 0. */
size_t	prompt_list_count(const struct prompt_list *);
size_t	prompt_list_count_of(const struct prompt_list *,
	    enum prompts_scope);

/*
 * The one of SCOPE for NAME: "", a model's name, or a key's id. NULL: there is
 * none. It lives as long as LIST.
 */
const struct prompt_text *prompt_list_find(const struct prompt_list *list,
	    enum prompts_scope scope, const char *name);

/* All there are. NULL: they cannot be read to the end. Blocks. */
struct prompt_list *prompt_list_read(struct sqlite3 *);
#endif
