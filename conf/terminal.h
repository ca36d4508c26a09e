/* terminal.h - questions to a person at a terminal. */
#ifndef CONF_TERMINAL_H
#define CONF_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

enum { TERMINAL_LINE_BYTES = 4096 };

/*
 * Print PROMPT to FD and read one line of it into LINE (TERMINAL_LINE_BYTES)
 * without its newline and the spaces around it. SECRET: what is typed is not
 * shown, and where FD is no terminal nothing is asked. False: that, end of
 * input, Ctrl-C, or a line that is too long.
 */
bool	terminal_ask(int fd, const char *prompt, bool secret, char *line);

/* One line of FD, as above, without a prompt. */
bool	terminal_read(int fd, char *line);
#endif
