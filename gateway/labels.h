/* labels.h - the text of a series: name{label="value",label="value"}. */
#ifndef GATEWAY_LABELS_H
#define GATEWAY_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include "store/state.h"

enum { LABELS_VALUE_MAX = 90 };		/* bytes of a value, escaped */

struct labels {
	char	 text[STATE_TEXT_MAX + 1];
	size_t	 len;
};

/* Stands for every value that is too long or no text. */
extern const char labels_other[];

/*
 * Two of the values may be as long as they like; all names, and what more
 * values there are, are short words of ours.
 */
void	labels_begin(struct labels *, const char *name);
/* False: the value is called other. */
bool	labels_add(struct labels *, const char *name, const char *value);
void	labels_end(struct labels *);
#endif
