/* keys_print.h - the keys of clients as a table or as JSON. */
#ifndef HANDLERS_KEYS_PRINT_H
#define HANDLERS_KEYS_PRINT_H

#include <stdint.h>
#include <stdio.h>

#include "store/store.h"

/* A line for each key under a line of titles; what has expired at NOW_S is called so. */
enum keys_end keys_print_table(struct db *, int64_t now_s, FILE *);

/* An object for each key, on a line of its own. */
enum keys_end keys_print_json(struct db *, int64_t now_s, FILE *);
#endif
