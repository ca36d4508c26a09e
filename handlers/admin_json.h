/* admin_json.h - objects told to administrators, by routes and commands.
 *
 * Each appends a member to OUT, with a comma before it unless the object has
 * just been opened. Who opens it closes it.
 */
#ifndef HANDLERS_ADMIN_JSON_H
#define HANDLERS_ADMIN_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

/* An object as a value or an array's next element, and its end. */
void	admin_json_open(struct buf *out);
void	admin_json_close(struct buf *out);

/* "NAME": and nothing more: the value is the caller's. */
void	admin_json_name(struct buf *out, const char *name);

/* Before an array's next element: a comma, unless it is the first. */
void	admin_json_next(struct buf *out);

void	admin_json_text(struct buf *out, const char *name, const char *text);
void	admin_json_bool(struct buf *out, const char *name, bool);
void	admin_json_integer(struct buf *out, const char *name, uint64_t);
void	admin_json_id(struct buf *out, const char *name, int64_t row);
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

/* Whole milliseconds; below 0: nothing is known, null. */
void	admin_json_ms(struct buf *out, const char *name, double ms);

/* Print LINE as a line, and empty it. */
void	admin_json_print(struct buf *line, FILE *out);
#endif
