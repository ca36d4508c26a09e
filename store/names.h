/* names.h - what ids in journal, usage and state stand for, as the database says. */
#ifndef STORE_NAMES_H
#define STORE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

struct db;
struct names;

/* Never NULL: where the database cannot be read nothing has a name. Blocks. */
struct names *names_open(struct db *);
void	names_close(struct names *);

/* Can the database be read? */
bool	names_can_read(struct names *);

/* The name of the key KEY_ID, until the next call; NULL: it is none of the database's. */
const char *names_of_key(struct names *, const char *key_id);

/* The id of the key called NAME, until the next call; NULL: there is none. */
const char *names_key_id(struct names *, const char *name);

/* The number of the user whose key KEY_ID is; 0: nobody's. */
int64_t	names_user_id(struct names *, const char *key_id);

/* The salt of CALLER, as salts.h has it; 0: none. */
uint64_t names_salt(struct names *, uint64_t caller);

/* The number of the run-time channel called NAME; 0: there is none. */
int64_t	names_channel_id(struct names *, const char *name);
#endif
