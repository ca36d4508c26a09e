/* channels_command.h - the command "sluicectl channels". */
#ifndef HANDLERS_CHANNELS_COMMAND_H
#define HANDLERS_CHANNELS_COMMAND_H

#include "handlers/command.h"

/*
 * Make, change or list channels as WORDS (a NULL ends them) say. A provider's
 * key is read from IN. FILE is the configuration unless the words name one.
 * Returns the exit status; 2: the words are wrong.
 */
int	channels_command_run(struct command *, char **words);

/* What words there are. */
void	channels_command_print_help(FILE *);
#endif
