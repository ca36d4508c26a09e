/* fields.h - the members of an admin request's JSON body, checked by a table. */
#ifndef HANDLERS_FIELDS_H
#define HANDLERS_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum field_type {
	FIELD_TEXT,			/* MIN to MAX bytes, no control characters */
	FIELD_LONG_TEXT,		/* likewise, but lines and tabs may be in it */
	FIELD_TEXTS,			/* an array of MIN to MAX of them, each up to FIELD_ITEM_MAX bytes */
	FIELD_INTEGER,			/* MIN to MAX */
	FIELD_MONEY,			/* a number from 0 to MAX; told in units of 1e-9 */
	FIELD_BOOL
};

enum { FIELD_ITEM_MAX = 256, FIELDS_MAX = 24 };

struct field {
	const char	*name;
	enum field_type	 type;
	bool		 is_required;
	int64_t		 min, max;
};

/* What a body may say: COUNT members, at most FIELDS_MAX. */
struct form {
	const struct field *fields;
	size_t		 count;
};

struct field_value {
	bool		 is_set;	/* absent and null are the same: not set */
	bool		 is_null;	/* it was there, as null */
	bool		 boolean;
	int64_t		 integer;	/* of FIELD_MONEY too */
	const char	*text;
	const char	**texts;
	size_t		 text_count;
};

/* What is wrong: which member (NULL: all of it), and a sentence. In the arena. */
struct field_problem {
	const char	*name, *text;
};

/*
 * Read JSON (N bytes), an object, into VALUES (as many as FIELDS); what they
 * hold lives in ARENA. N 0 counts as an empty object. ERR_JSON_SYNTAX,
 * ERR_JSON_DUPLICATE, ERR_FIELD_UNKNOWN or ERR_FIELD_VALUE, with PROBLEM
 * filled.
 */
enum err fields_read(struct field_value *values, const struct field *fields,
	    size_t count, struct arena *, const char *json, size_t n,
	    struct field_problem *problem);
#endif
