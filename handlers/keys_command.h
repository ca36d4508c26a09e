/* keys_command.h - the command "sluicectl keys". */
#ifndef HANDLERS_KEYS_COMMAND_H
#define HANDLERS_KEYS_COMMAND_H

#include "handlers/command.h"

/*
 * Make, change or list keys as WORDS (a NULL ends them) say. A key that was made
 * goes to OUT, once and for all; one that is brought along is read from IN.
 * Problems go to ERR. FILE is the configuration unless the words name one.
 * Returns the exit status; 2: the words are wrong.
 */
int	keys_command_run(struct command *, char **words);

/* What words there are. */
void	keys_command_print_help(FILE *);
#endif
