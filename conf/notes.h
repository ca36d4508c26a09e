/* notes.h - what is no mistake in a configuration, but seldom what somebody wants. */
#ifndef CONF_NOTES_H
#define CONF_NOTES_H

#include <stdio.h>

struct conf;

enum { NOTES_KEY_MIN = 16 };	/* bytes: a shorter key can be guessed */

/* A line for each; no secret is in one. */
void	notes_print(FILE *out, const struct conf *);
#endif
