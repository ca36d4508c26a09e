/* secret_file.h - 32 random bytes in a file of state_dir that nobody but its owner
 * may read, made once. */
#ifndef STORE_SECRET_FILE_H
#define STORE_SECRET_FILE_H

#include <stdbool.h>

enum { SECRET_FILE_KEY = 32, SECRET_FILE_WHY_SIZE = 320 };

/* Whoever has loaded one forgets it soon. */
struct secret_file {
	unsigned char	 key[SECRET_FILE_KEY];
	char		 why[SECRET_FILE_WHY_SIZE];	/* it cannot be used: a sentence about it */
};

/* 64 hex digits, or base64 of 44 characters. False: TEXT is neither. */
bool	secret_file_parse(struct secret_file *, const char *text);

/*
 * The file NAME in DIR, which must be a regular one that nobody but its owner may
 * read; where it is not there it is made if MAY_MAKE, by one process of those
 * that come at once. False: it cannot be used; why says why. Blocks on a local
 * file. After sodium_init.
 */
bool	secret_file_load(struct secret_file *, const char *dir,
	    const char *name, bool may_make);

void	secret_file_forget(struct secret_file *);
#endif
