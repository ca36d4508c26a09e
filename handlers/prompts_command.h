/* prompts_command.h - the command "sluicectl prompts". */
#ifndef HANDLERS_PROMPTS_COMMAND_H
#define HANDLERS_PROMPTS_COMMAND_H

#include "handlers/command.h"

/*
 * List, show, set or delete system prompts as WORDS (a NULL ends them) say. A
 * text is read from IN or a file that they name. Problems go to ERR. FILE is the
 * configuration unless the words name one. Returns the exit status; 2: the words
 * are wrong.
 */
int	prompts_command_run(struct command *, char **words);

/* What words there are. */
void	prompts_command_print_help(FILE *);
#endif
