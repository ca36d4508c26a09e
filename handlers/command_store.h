/* command_store.h - the configuration and the database that a command works on. */
#ifndef HANDLERS_COMMAND_STORE_H
#define HANDLERS_COMMAND_STORE_H

#include <stdbool.h>
#include <stdio.h>

#include "conf/conf.h"
#include "store/store.h"

struct command_store {
	struct conf	*conf;
	struct db	*db;
	FILE		*err;		/* gets the problems */
};

/*
 * Read the configuration FILE. False: it cannot be read, which ERR was told; the
 * store is to be closed all the same.
 */
bool	command_store_open(struct command_store *, const char *file, FILE *err);
void	command_store_close(struct command_store *);

/*
 * Become the owner of the database: one made by root could not be opened by the
 * responders.
 */
void	command_store_become_owner(struct command_store *);

/* The key that seals. False: there is none, which ERR was told. */
bool	command_store_load_seal(struct command_store *, struct seal *);

/*
 * The first line of IN, without its end, into SECRET of SIZE bytes. What is too
 * long is cut, and one byte longer than what fits elsewhere.
 */
void	command_store_read_line(FILE *in, char *secret, size_t size);
#endif
