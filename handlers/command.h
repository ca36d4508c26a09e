/* command.h - commands of sluicectl that work on the database: tables of their words.
 *
 * A command has verbs ("keys add"), or one that has no name ("usage"). A verb
 * knows the options of its groups; all know -c.
 */
#ifndef HANDLERS_COMMAND_H
#define HANDLERS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "handlers/command_store.h"

enum { COMMAND_EXIT_USAGE = 2, COMMAND_OPERANDS_MAX = 2 };

/* Groups of options, bits; each command has more from COMMAND_OWN on. */
enum { COMMAND_JSON = 1, COMMAND_OWN = 2 };

/* A call of a command. Who calls fills in what is above the blank line. */
struct command {
	FILE		*in, *out, *err;
	const char	*file;		/* the configuration, unless -c names one */
	int64_t		 now_s;
	void		*state;		/* the command's own */

	const struct command_verb *verb;
	const char	*operands[COMMAND_OPERANDS_MAX];	/* NULL: not given */
	size_t		 operand_count;
	bool		 is_json;
	struct arena	 arena;
	struct command_store store;	/* open while the verb runs */
};

struct command_option {
	const char	*name;		/* "--weight"; NULL: any other that has a value */
	unsigned	 group;
	bool		 has_value;
	/* Note what it says; VALUE is NULL where it has none. False: it cannot be. */
	bool		 (*take)(struct command *, const char *name,
			    const char *value);
};

struct command_verb {
	const char	*name;		/* NULL: the command has no verbs */
	const char	*help;		/* what may stand behind it */
	size_t		 operands_min, operands_max;
	unsigned	 groups;
	/* What needs no store, or must be done as who calls; NULL: nothing. */
	int		 (*prepare)(struct command *);
	int		 (*run)(struct command *);
};

struct command_words {
	const char	*name;
	const struct command_verb *verbs;
	size_t		 verb_count;
	const struct command_option *options;	/* tried in their order */
	size_t		 option_count;
	bool		 is_owner;	/* acts as the database's owner */
};

/*
 * Do what WORDS (a NULL ends them) say. Returns the exit status, which prepare
 * and run return, too: EXIT_SUCCESS for going on; COMMAND_EXIT_USAGE when the
 * words are wrong.
 */
int	command_run(struct command *, const struct command_words *,
	    char **words);

/* A line for each verb. */
void	command_print_help(const struct command_words *, FILE *);

/* Tell what went wrong with FILE, NULL: with none; returns EXIT_FAILURE. */
int	command_fail(struct command *, const char *file, const char *text);

/* Digits, from 0 to MAX. */
bool	command_parse_number(const char *text, unsigned max,
	    unsigned *number);
#endif
