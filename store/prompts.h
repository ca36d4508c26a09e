/* prompts.h - the system prompts in the database: making and changing them. */
#ifndef STORE_PROMPTS_H
#define STORE_PROMPTS_H

#include <stdint.h>

struct db;

enum {
	PROMPTS_TEXT_MAX = 65536,	/* bytes */
	PROMPTS_NAME_MAX = 256		/* of a model's name */
};

/* Whose requests get it; in the order in which they are put together. */
enum prompts_scope {
	PROMPTS_GLOBAL, PROMPTS_MODEL, PROMPTS_KEY, PROMPTS__SCOPES
};

enum prompts_end {
	PROMPTS_DONE, PROMPTS_BAD_NAME, PROMPTS_BAD_TEXT, PROMPTS_NO_KEY,
	PROMPTS_NOT_FOUND, PROMPTS_BROKEN, PROMPTS__END
};

/* As the database and people call it. */
const char *prompts_scope_name(enum prompts_scope);

/* A sentence about it. */
const char *prompts_end_text(enum prompts_end);

/* One as it is told to people. Times in seconds since 1970. */
struct prompts_record {
	enum prompts_scope scope;
	const char	*name;		/* "", a model's, or a key's name */
	const char	*text;
	int64_t		 created, updated;
};

/*
 * All that follow block, and leave the database as it was unless they succeed.
 * NAME is what a record has.
 */

/*
 * TEXT is what SCOPE and NAME have from now on: valid UTF-8 without control
 * characters other than tabs and ends of lines. "": none.
 */
enum prompts_end prompts_set(struct db *, enum prompts_scope scope,
	    const char *name, const char *text, int64_t now_s);
enum prompts_end prompts_delete(struct db *, enum prompts_scope scope,
	    const char *name);

/* Call EACH for every prompt, by scope and name; the record is lent for the call. */
enum prompts_end prompts_each(struct db *,
	    void (*each)(void *arg, const struct prompts_record *), void *arg);

/* Call EACH for this one, or return PROMPTS_NOT_FOUND. */
enum prompts_end prompts_find(struct db *, enum prompts_scope scope,
	    const char *name,
	    void (*each)(void *arg, const struct prompts_record *), void *arg);
#endif
