/* pair.h - the pairs name=value of a query. */
#ifndef HANDLERS_PAIR_H
#define HANDLERS_PAIR_H

#include <stddef.h>

#include "base/arena.h"

/*
 * "%41+b", N bytes, is "A b" (application/x-www-form-urlencoded), in ARENA. NULL:
 * badly encoded, or a control character.
 */
const char *pair_decode(struct arena *, const char *text, size_t n);

/*
 * The value of the first pair called NAME in QUERY ("a=b&c=d", as it was sent, up
 * to a "#"), in ARENA; NULL: there is none, or its value is badly encoded.
 */
const char *pair_find(struct arena *, const char *query, const char *name);
#endif
