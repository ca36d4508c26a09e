#include "config.h"

#include "base/when.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DURATION_DIGITS = 9 };

static const char *const formats[] = {
	"%Y-%m-%d", "%Y-%m-%dT%H", "%Y-%m-%dT%HZ", "%Y-%m-%dT%H:%M",
	"%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ",
};

static const struct { char name; int seconds; } units[] = {
	{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
};

bool
when_parse_time(const char *text, int64_t *time_s)
{
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, formats[i], &tm);

		if (end != NULL && *end == '\0') {
			*time_s = timegm(&tm);
			return *time_s >= 0;
		}
	}
	return false;
}

void
when_format(int64_t time_s, char text[WHEN_TEXT_SIZE])
{
	time_t	 second = (time_t)time_s;
	struct tm tm;

	text[0] = '\0';
	if (gmtime_r(&second, &tm) != NULL && tm.tm_year < 8100)
		strftime(text, WHEN_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

bool
when_parse_duration(const char *text, int64_t *duration_s)
{
	size_t	 n = strspn(text, "0123456789");

	if (n == 0 || n > DURATION_DIGITS || text[n] == '\0' ||
	    text[n + 1] != '\0')
		return false;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (units[i].name == text[n]) {
			*duration_s = (int64_t)strtoul(text, NULL, 10) *
			    units[i].seconds;
			return true;
		}
	return false;
}
