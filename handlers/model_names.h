/* model_names.h - the names in a provider's own list of models. */
#ifndef HANDLERS_MODEL_NAMES_H
#define HANDLERS_MODEL_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { MODEL_NAMES_MAX = 5000, MODEL_NAME_MAX_BYTES = 256 };

/*
 * Append the names in TEXT (N bytes) to NAMES, each with a NUL behind it: the
 * members "id" of the objects in the array "data", as OpenAI, Anthropic and most
 * others have them, or in an array alone, as Together has them. What is no line of
 * text or longer than MODEL_NAME_MAX_BYTES is left out, and so are those beyond
 * MODEL_NAMES_MAX and NAMES' ceiling. COUNT is how many there are. False: TEXT is
 * no such list.
 */
bool	model_names_read(const char *text, size_t n, struct buf *names,
	    size_t *count);
#endif
