/* import_run.h - the command "sluicectl import". */
#ifndef CONF_IMPORT_RUN_H
#define CONF_IMPORT_RUN_H

#include <stdio.h>

enum { IMPORT_DONE, IMPORT_FAILED, IMPORT_USAGE };	/* exit statuses */

/*
 * ARGS (ends with NULL) is what stands behind the command's name. What was
 * written and what could not be carried over goes to OUT, mistakes to ERR.
 */
int	import_run(char **args, FILE *out, FILE *err);

/* The kinds of sources, one a line. */
void	import_print_kinds(FILE *);
#endif
