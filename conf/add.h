/* add.h - the command "sluicectl add provider". */
#ifndef CONF_ADD_H
#define CONF_ADD_H

#include <stdio.h>

enum { ADD_DONE, ADD_FAILED, ADD_USAGE };	/* exit statuses */

/*
 * ARGS (ends with NULL) is what stands behind the command's name. What they do
 * not say is asked for on TERMINAL, or is a mistake when that is -1. PATH is
 * sluice.conf where "-c" names no other. What was done and what is left to do
 * goes to OUT, mistakes to ERR.
 */
int	add_run(char **args, const char *path, int terminal, FILE *out,
	    FILE *err);
#endif
