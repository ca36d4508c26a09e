/* average.h - a decayed average in one word that many processes share. */
#ifndef GATEWAY_AVERAGE_H
#define GATEWAY_AVERAGE_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * Recent values weigh more, and old ones fade by the clock: after a minute's
 * pause what was known counts half. A word of 0 knows nothing. Any word is a
 * possible average: the memory may hold anything.
 */

/* Add VALUE, from 0 to 1. NOW_MS is wall-clock time. Lock-free. */
void	average_add(_Atomic uint64_t *, double value, uint64_t now_ms);

/* The average, 0 to 1; 0 while nothing is known. */
double	average_get(uint64_t word);

/* The same, faded towards 0 by its age: for what should be forgotten in peace. */
double	average_faded(uint64_t word, uint64_t now_ms);

/* How many values it stands for by NOW_MS, at most AVERAGE_COUNT_MAX. */
unsigned average_count(uint64_t word, uint64_t now_ms);

enum { AVERAGE_COUNT_MAX = 20 };
#endif
