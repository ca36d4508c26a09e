/* disposition.h - the Content-Disposition of a part of a form (RFC 7578). */
#ifndef BASE_DISPOSITION_H
#define BASE_DISPOSITION_H

#include <stdbool.h>

#include "base/param.h"

/*
 * Find the NAME in the field value VALUE (no control characters): a piece of it,
 * as it stands. IS_FILE: it has a file's name, too. Returns NULL, or what is
 * wrong, a static sentence for the client: no form-data, no name, not well-formed,
 * or anything that could be another name to another parser.
 */
const char *disposition_parse(struct param_text value, struct param_text *name,
	    bool *is_file);
#endif
