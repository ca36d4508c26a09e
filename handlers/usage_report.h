/* usage_report.h - the command "sluicectl usage". */
#ifndef HANDLERS_USAGE_REPORT_H
#define HANDLERS_USAGE_REPORT_H

#include "handlers/command.h"

/*
 * Print what requests consumed, as WORDS (a NULL ends them) ask for it: a table
 * or JSON lines to OUT, problems to ERR. FILE is the configuration unless they
 * name one. Only reads. Returns the exit status; 2: the words are wrong.
 */
int	usage_report_run(struct command *, char **words);
#endif
