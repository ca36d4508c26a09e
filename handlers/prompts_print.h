/* prompts_print.h - system prompts as a table or as JSON. */
#ifndef HANDLERS_PROMPTS_PRINT_H
#define HANDLERS_PROMPTS_PRINT_H

#include <stdio.h>

#include "base/buf.h"
#include "store/store.h"

/* Append the prompt as an object. */
void	prompts_print_record(struct buf *out, const struct prompts_record *);

/* That on a line of its own. */
void	prompts_print_line(const struct prompts_record *, FILE *);

/* A line for each prompt under a line of titles. */
enum prompts_end prompts_print_table(struct db *, FILE *);

/* An object for each prompt, on a line of its own. */
enum prompts_end prompts_print_json(struct db *, FILE *);
#endif
