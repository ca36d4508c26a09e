/* references.h - what objects a request's body names: they must be its key's own. */
#ifndef HANDLERS_REFERENCES_H
#define HANDLERS_REFERENCES_H

#include <stdbool.h>
#include <stddef.h>

#include "handlers/exchange.h"
#include "handlers/id_reader.h"

enum { REFERENCES_MAX = 4096 };

/*
 * What json_scan is to look for in a JSON body of the exchange's route: NULL
 * where bodies name no objects.
 */
typedef bool	references_name_fn(const char *name, size_t n);
references_name_fn *references_names(const struct exchange *);

/*
 * The form fields to be watched on the exchange's route: those of BASE, and
 * behind them those that name objects.
 */
const struct spelling *references_fields(const struct exchange *,
	    const struct spelling *base);

/*
 * Read all of them from the body, JSON or a form, whose scan has found it
 * well-formed: kinds as store/objects has them. ERR_REFERENCES: there are more than REFERENCES_MAX;
 * ERR_SPOOL.
 */
enum err references_read(struct exchange *, struct id_list *);
#endif
