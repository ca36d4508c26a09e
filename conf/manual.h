/* manual.h - the key table as text for people. */
#ifndef CONF_MANUAL_H
#define CONF_MANUAL_H

#include <stdio.h>

/*
 * One key a line: scope, name, type, default, range and help, separated by
 * tabs; "-" where there is nothing to say.
 */
void	manual_list(FILE *);

/* The same as sections of sluice.conf(5), in mdoc(7) macros. */
void	manual_page(FILE *);
#endif
