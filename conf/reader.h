/* reader.h - from a libconfig tree to a struct, by the key table. */
#ifndef CONF_READER_H
#define CONF_READER_H

#include <stddef.h>

#include <libconfig.h>

#include "conf/conf.h"
#include "conf/keys.h"

struct arena;

struct reader {
	const char	*file;		/* borrowed; absolute */
	struct arena	*arena;		/* takes the values */
	conf_report_fn	*report;	/* may be NULL */
	void		*arg;
	unsigned	 problems;	/* reported so far */
	config_t	 tree;		/* between reader_open and reader_close */
};

/* Report that FILE is wrong at LINE (0 = as a whole). Never pass a value of the file. */
void	reader_report(struct reader *, unsigned line, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/*
 * Parse the SIZE bytes of r->file into r->tree. On failure the problem is
 * reported and there is nothing to close.
 */
struct source;
enum err reader_open(struct reader *, const struct source *);
void	reader_close(struct reader *);

/*
 * Fill STRUCTURE, which is that of SCOPE and holds its defaults already, from
 * r->tree. What is wrong is reported and keeps its default.
 */
void	reader_read(struct reader *, enum keys_scope, void *structure);

/* What is wrong with VALUE for the string KEY, or NULL. NEEDED: it must not be
 * empty. Static, and never holds the value. */
const char *reader_string_problem(const struct key *, const char *value,
	    bool needed);

/* The defaults of SCOPE alone. */
void	reader_set_defaults(struct reader *, enum keys_scope, void *structure);

/* The line of the setting PATH ("models.[0].name") of r->tree; 0 when there is none. */
unsigned reader_line(const struct reader *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
#endif
