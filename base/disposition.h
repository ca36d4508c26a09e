/* disposition.h - the Content-Disposition of a part of a form (RFC 7578). */
#ifndef BASE_DISPOSITION_H
#define BASE_DISPOSITION_H

#include <stddef.h>

#include "base/param.h"

/*
 * Find the NAME in the field value VALUE (N bytes, no control characters, is
 * written to): NAME is a piece of it, its escapes undone, those with a backslash
 * and those with a percent sign. Returns NULL, or what is wrong, a static
 * sentence for the client: no form-data, no name, not well-formed, or anything
 * that could be another name to another parser.
 */
const char *disposition_parse(char *value, size_t n, struct param_text *name);
#endif
