/* json_put.h - the members of objects that are told to administrators. */
#ifndef HANDLERS_JSON_PUT_H
#define HANDLERS_JSON_PUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* "NAME":VALUE, and END behind it: "," or what ends the object. */
void	json_put_text(struct buf *, const char *name, const char *value,
	    const char *end);
void	json_put_number(struct buf *, const char *name, int64_t value,
	    const char *end);
void	json_put_bool(struct buf *, const char *name, bool value,
	    const char *end);

/* Seconds since 1970, as RFC 3339 has them. */
void	json_put_time(struct buf *, const char *name, int64_t time_s,
	    const char *end);

/* What stands before an array's next element, which is counted. */
void	json_put_comma(struct buf *, size_t *count);
#endif
