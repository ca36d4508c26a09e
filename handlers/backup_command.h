/* backup_command.h - the commands "sluicectl backup" and "sluicectl restore". */
#ifndef HANDLERS_BACKUP_COMMAND_H
#define HANDLERS_BACKUP_COMMAND_H

#include "handlers/command.h"

/*
 * Copy the database to the file that WORDS (a NULL ends them) name, or back from
 * it. What was done is told on OUT, problems on ERR. FILE is the configuration
 * unless the words name one. Returns the exit status; 2: the words are wrong.
 */
int	backup_command_run(struct command *, char **words);
int	backup_command_restore(struct command *, char **words);
#endif
