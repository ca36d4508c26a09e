/* import.h - other gateways' settings, on their way into files of ours. */
#ifndef CONF_IMPORT_H
#define CONF_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "conf/conf.h"
#include "conf/keyfile.h"
#include "conf/keys.h"
#include "conf/source.h"

enum { IMPORT_MODELS_MAX = 4000, IMPORT_PROVIDERS_MAX = 1000 };

/* TEXT is one line about something that could not be carried over; borrowed. */
typedef void import_note_fn(void *arg, const char *text);

struct import_provider {
	struct conf_provider settings;	/* what its file will say */
	bool		 off;		/* switched off where it comes from */
};

struct import {
	struct arena	 arena;		/* takes everything below */
	conf_report_fn	*report;	/* mistakes */
	import_note_fn	*note;
	void		*arg;
	unsigned	 problems;	/* reported so far */

	const char	*kind;		/* as the user called it */
	const char	*file;		/* being read */
	struct keyfile_variable *old;	/* the old system's environment */
	size_t		 old_count;
	bool		 has_old;	/* it came from a file; false = it is ours */

	struct conf	 conf;		/* what sluice.conf will say */
	struct import_provider **providers;
	size_t		 provider_count;
	size_t		 model_count;	/* of all of them; above the most: it was reported */
	struct keyfile_variable *variables; /* secrets; value NULL: the user has to fill it in */
	size_t		 variable_count;
};

/* A kind of source. OPERANDS are as the user gave them, NULL where there is none. */
struct import_kind {
	const char	*name;
	const char	*operands;
	const char	*help;
	void		 (*read)(struct import *, const char *source,
			    const char *second);
	bool		 needs_source;
	bool		 takes_second;
};

extern const struct import_kind import_kinds[];	/* ends with a NULL name */
const struct import_kind *import_find(const char *name);

void	import_init(struct import *, conf_report_fn *, import_note_fn *,
	    void *arg);
void	import_fini(struct import *);		/* overwrites what is secret */

/* Tell the user. Control characters become "?". Never pass a secret. */
void	import_note(struct import *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
void	import_problem(struct import *, unsigned line, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/*
 * Read the file PATH, or standard input for "-". False: it was reported.
 * im->file is PATH from then on.
 */
bool	import_load(struct import *, struct source *, const char *path);

/*
 * VALUE if it may stand for the key NAME of SCOPE. Else NULL: reported as a
 * mistake at WHERE (the setting's place in the source file).
 */
const char *import_check(struct import *, const char *where, enum keys_scope,
	    const char *name, const char *value);

/*
 * A new provider with every default. WANTED becomes a name that is fit for a
 * file and not taken. NULL: there are too many, which was reported.
 */
struct conf_provider *import_add_provider(struct import *, const char *wanted);

/*
 * A new model of it; the pointer is good until the next one is added. NULL: the
 * name cannot be carried over, which was noted, or there are too many, which
 * was reported once.
 */
struct conf_model *import_add_model(struct import *, struct conf_provider *,
	    const char *name);

/* A new model "*" of it, with every default; good until the next one is added. */
struct conf_model *import_add_wildcard(struct import *,
	    struct conf_provider *);

/*
 * VALUE becomes a variable called WANTED, or nearly so. Returns its name. A NULL
 * VALUE is left for the user to fill in. The same name with the same value is
 * the same variable.
 */
const char *import_add_secret(struct import *, const char *wanted,
	    const char *value);

/* The upstream's key of this provider; NULL or "": none is sent. */
void	import_set_key(struct import *, struct conf_provider *,
	    const char *value);

/* The clients' keys, separated by commas; NULL: the user has to say. */
void	import_set_client_keys(struct import *, const char *list);

/* LIST of COUNT elements of SIZE with room for one more; perhaps moved. */
void	*import_grow(struct import *, void *list, size_t count, size_t size);

/* A copy of TEXT, or of its first MAX bytes. */
char	*import_cut(struct import *, const char *text, size_t max);

/* The readers, one a source. */
void	import_config_read(struct import *, const char *, const char *);
void	import_foap_read(struct import *, const char *, const char *);
void	import_single_read(struct import *, const char *, const char *);
void	import_llmgateway_read(struct import *, const char *, const char *);
void	import_channels_read(struct import *, const char *, const char *);
#endif
