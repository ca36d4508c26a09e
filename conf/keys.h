/* keys.h - the one table of configuration keys.
 *
 * It drives the reader, `sluicectl check`, `show-config` and `keys`, the key
 * section of the manual page and the tests. A new key is a new row and a
 * member of a struct in conf.h.
 */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/values.h"

enum keys_scope {
	KEYS_MAIN,		/* sluice.conf -> struct conf */
	KEYS_PROVIDER,		/* a provider file -> struct conf_provider */
	KEYS_HEADER,		/* its headers = ( { } ) -> struct conf_header */
	KEYS_MODEL,		/* its models = ( { } ) -> struct conf_model */
	KEYS_ENDPOINT,		/* their endpoints = ( { } ) -> struct conf_endpoint */
	KEYS_SCOPE__MAX
};

/* The type says what may stand in a file and what member takes it. */
enum keys_type {
	KEYS_STRING,		/* const char *; NULL when empty */
	KEYS_PATH,		/* const char *, made absolute; NULL when empty */
	KEYS_URL,		/* const char *, without trailing slashes */
	KEYS_CHOICE,		/* an enum: the index into choices */
	KEYS_BOOL,		/* bool */
	KEYS_SECONDS,		/* float or integer -> unsigned milliseconds */
	KEYS_MILLISECONDS,	/* integer -> unsigned */
	KEYS_BYTES,		/* integer -> uint64_t */
	KEYS_COUNT,		/* integer -> unsigned */
	KEYS_RATIO,		/* float or integer -> double; not set: below 0 */
	KEYS_STRINGS,		/* array or list of strings -> const char ** and a count */
	KEYS_GROUPS,		/* list of groups -> array of structs and a count */
	KEYS_TYPE__MAX
};

struct key {
	const char	*name;		/* dotted: "timeouts.idle" */
	enum keys_scope	 scope;
	enum keys_type	 type;
	/* As in a file, strings without quotes. "" = not set, which an empty
	 * string in a file means, too. */
	const char	*fallback;
	double		 min, max;	/* numbers in the file's unit; STRINGS, GROUPS: most elements; other strings: most bytes */
	const char *const *choices;	/* KEYS_CHOICE: NULL-terminated; a first "" is "not set" */
	values_fn	*value;		/* strings: what is wrong with a value */
	enum keys_scope	 element;	/* KEYS_GROUPS: the scope of one group */
	size_t		 offset;	/* of the member in the scope's struct */
	size_t		 count_offset;	/* KEYS_STRINGS, KEYS_GROUPS: of the count (size_t) */
	bool		 required;
	bool		 secret;	/* never shown */
	bool		 restart;	/* a change waits for the next start; none does so far */
	const char	*help;		/* without a full stop */
};

/* All keys, in the order of the sample files; ends with a NULL name. */
extern const struct key keys[];

/* The key called NAME (dotted) in SCOPE, or NULL. */
const struct key *keys_find(enum keys_scope, const char *name);

/* The first scope that has a key NAME, or KEYS_SCOPE__MAX. */
enum keys_scope	 keys_find_scope(const char *name);

/* The choices of KEY that are words: all but a first "". */
const char *const *keys_words(const struct key *);

/* The index of VALUE in the choices of KEY, or -1. "" is one of them only where
 * it is the fallback. */
int		 keys_find_choice(const struct key *, const char *value);

/* What a number is without a setting, in the file's unit. */
double		 keys_number(const struct key *);

/* True when "NAME." begins a key of SCOPE: NAME is a group. */
bool		 keys_is_group(enum keys_scope, const char *name);

/* "main", "provider", "header", "model" or "endpoint". */
const char	*keys_scope_name(enum keys_scope);

/* Where a scope's keys stand, in words: "a provider file". */
const char	*keys_scope_text(enum keys_scope);

/* Size of the struct that a group of this scope fills. */
size_t		 keys_scope_size(enum keys_scope);

/* What a file must hold for KEY, in words: "a number of seconds", "a string". */
const char	*keys_type_text(enum keys_type);
#endif
