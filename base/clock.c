#include "config.h"

#include "base/clock.h"

#include <stdio.h>

static uint64_t
clock_us(clockid_t id)
{
	struct timespec	 ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
clock_now_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

uint64_t
clock_wall_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

void
clock_format(uint64_t wall_us, char text[CLOCK_TEXT_SIZE])
{
	time_t		 second = (time_t)(wall_us / 1000000);
	struct tm	 tm;
	size_t		 len;

	localtime_r(&second, &tm);
	len = strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(text + len, CLOCK_TEXT_SIZE - len, ".%03u",
	    (unsigned)(wall_us / 1000 % 1000));
}
