/* prompts_command.h - the command "sluicectl prompts". */
#ifndef HANDLERS_PROMPTS_COMMAND_H
#define HANDLERS_PROMPTS_COMMAND_H

#include <stdio.h>

/*
 * List, show, set or delete system prompts as WORDS (a NULL ends them) say. A
 * text is read from IN or a file that they name. Problems go to ERR. FILE is the
 * configuration unless the words name one. Returns the exit status; 2: the words
 * are wrong.
 */
int	prompts_command_run(char **words, const char *file, FILE *in,
	    FILE *out, FILE *err);

/* What words there are. */
void	prompts_command_print_help(FILE *);
#endif
