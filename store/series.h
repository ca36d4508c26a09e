/* series.h - the directory of metric series: which text has which cells. */
#ifndef STORE_SERIES_H
#define STORE_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/bank.h"
#include "store/layout.h"

/* See state_series. The cells are the same in every bank. */
int32_t	series_get(struct layout *, const char *text, size_t len,
	    unsigned cells, bool is_gauge);

/* See state_each; IS_ALIVE tells which slots are. */
void	series_each(struct layout *, const bool is_alive[LAYOUT_SLOTS],
	    void (*each)(void *arg, const char *text, const uint64_t *cells,
	    unsigned count, bool is_gauge), void *arg);

/* Zero every gauge in the bank. */
void	series_clear_gauges(struct layout *, const struct bank *);
#endif
