/* clock.h - time as the gateway needs it. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Monotonic time in microseconds; only differences mean anything. */
uint64_t clock_now_us(void);

/* Wall-clock time in microseconds since 1970. */
uint64_t clock_wall_us(void);

enum { CLOCK_TEXT_SIZE = 32 };

/* "2026-05-04 13:37:00.123" in local time (P26's asctime) into TEXT. */
void	clock_format(uint64_t wall_us, char text[CLOCK_TEXT_SIZE]);
#endif
