/* admin_json.h - the members of an object in an admin answer.
 *
 * Each appends a member to OUT, with a comma before it unless the object has
 * just been opened. Who opens it closes it.
 */
#ifndef HANDLERS_ADMIN_JSON_H
#define HANDLERS_ADMIN_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* "NAME": and nothing more: the value is the caller's. */
void	admin_json_name(struct buf *out, const char *name);

/* A comma, unless an object or array has just been opened. */
void	admin_json_next(struct buf *out);

void	admin_json_text(struct buf *out, const char *name, const char *text);
void	admin_json_bool(struct buf *out, const char *name, bool);
void	admin_json_integer(struct buf *out, const char *name, uint64_t);
void	admin_json_null(struct buf *out, const char *name);

/* In UTC (RFC 3339); 0 is null. */
void	admin_json_time(struct buf *out, const char *name, int64_t time_s);

/* An amount of money, in billionths. */
void	admin_json_money(struct buf *out, const char *name, uint64_t nano);

/* LIST, whose texts are lines, as an array; "" is an empty one. */
void	admin_json_lines(struct buf *out, const char *name, const char *list);

/* NULL is null. */
void	admin_json_text_or_null(struct buf *out, const char *name,
	    const char *text);

void	admin_json_number(struct buf *out, const char *name, double);
#endif
