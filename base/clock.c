#include "config.h"

#include "base/clock.h"

#include <string.h>

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
	/* Kept for the many calls within one second. */
	static char	 kept[CLOCK_TEXT_SIZE];
	static time_t	 kept_second = -1;
	static size_t	 kept_len;
	time_t		 second = (time_t)(wall_us / 1000000);
	unsigned	 ms = (unsigned)(wall_us / 1000 % 1000);
	struct tm	 tm;

	if (second != kept_second) {
		localtime_r(&second, &tm);
		kept_len = strftime(kept, sizeof kept, "%Y-%m-%d %H:%M:%S",
		    &tm);
		kept_second = second;
	}
	memcpy(text, kept, kept_len);
	text[kept_len] = '.';
	text[kept_len + 1] = (char)('0' + ms / 100);
	text[kept_len + 2] = (char)('0' + ms / 10 % 10);
	text[kept_len + 3] = (char)('0' + ms % 10);
	text[kept_len + 4] = '\0';
}
