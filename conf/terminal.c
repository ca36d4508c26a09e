/* terminal.c - questions to a person at a terminal. */
#include "config.h"

#include "conf/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const char ctrl_c = 3;

static void
trim(char *line)
{
	size_t n = strlen(line), start = strspn(line, " \t");

	while (n > start && strchr(" \t\r", line[n - 1]) != NULL)
		n--;
	memmove(line, line + start, n - start);
	line[n - start] = '\0';
}

/* Byte by byte: what follows the line is somebody else's. */
bool
terminal_read(int fd, char *line)
{
	size_t n = 0;

	for (;;) {
		ssize_t got = read(fd, line + n, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || (got == 0 && n == 0) ||
		    n == TERMINAL_LINE_BYTES - 1 || line[n] == ctrl_c)
			return false;
		if (got == 0 || line[n] == '\n')
			break;
		n++;
	}
	line[n] = '\0';
	trim(line);
	return true;
}

/*
 * Whoever sees the prompt is not seen typing. Ctrl-C must not leave the terminal
 * without echo, so it is a character here.
 */
static bool
ask_secret(int fd, const char *prompt, char *line)
{
	struct termios shown, hidden;
	bool good;

	if (tcgetattr(fd, &shown) != 0)
		return false;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	if (tcsetattr(fd, TCSAFLUSH, &hidden) != 0)
		return false;
	dprintf(fd, "%s", prompt);
	good = terminal_read(fd, line);
	tcsetattr(fd, TCSAFLUSH, &shown);
	dprintf(fd, "\n");
	return good;
}

bool
terminal_ask(int fd, const char *prompt, bool secret, char *line)
{
	if (secret)
		return ask_secret(fd, prompt, line);
	dprintf(fd, "%s", prompt);
	return terminal_read(fd, line);
}
