/* models_command.h - the command "sluicectl models". */
#ifndef HANDLERS_MODELS_COMMAND_H
#define HANDLERS_MODELS_COMMAND_H

#include "handlers/command.h"

/*
 * Make, map or list models as WORDS (a NULL ends them) say. FILE is the
 * configuration unless the words name one. Returns the exit status; 2: the words
 * are wrong.
 */
int	models_command_run(struct command *, char **words);

/* What words there are. */
void	models_command_print_help(FILE *);
#endif
