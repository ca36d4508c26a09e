#include "config.h"

#include "base/when.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DURATION_DIGITS = 9, SECONDS_DIGITS = 11 };
#define TIME_MAX	253402300799	/* the last second of year 9999 */

/* The longest first: each stops where the next one does not go on. */
static const char *const formats[] = {
	"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d",
};

static const struct { char name; int seconds; } units[] = {
	{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
};

/* "", "Z", "+02:00", with a fraction of a second before it or without. */
static bool
parse_zone(const char *text, int *east_s)
{
	int	 hours, minutes, n = 0;

	*east_s = 0;
	if (*text == '.' && strspn(text + 1, "0123456789") > 0)
		text += 1 + strspn(text + 1, "0123456789");
	if (strcmp(text, "") == 0 || strcmp(text, "Z") == 0)
		return true;
	if (strlen(text) != strlen("+00:00") || strspn(text + 1, "0123456789:")
	    != 5 || sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &n) != 2 ||
	    n != 5 || hours > 23 || minutes > 59)
		return false;
	*east_s = (hours * 60 + minutes) * (*text == '-' ? -60 : 60);
	return *text == '-' || *text == '+';
}

bool
when_parse_time(const char *text, int64_t *time_s)
{
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, formats[i], &tm);
		int	 east_s;

		if (end == NULL)
			continue;
		if (i == 0 ? !parse_zone(end, &east_s) : *end != '\0' &&
		    (strcmp(end, "Z") != 0 || strchr(text, 'T') == NULL))
			return false;
		*time_s = timegm(&tm) - (i == 0 ? east_s : 0);
		return *time_s >= 0 && *time_s <= TIME_MAX;
	}
	return false;
}

bool
when_parse_seconds(const char *text, int64_t *time_s)
{
	size_t	 n = strspn(text, "0123456789");

	if (n == 0 || n > SECONDS_DIGITS || text[n] != '\0')
		return false;
	*time_s = strtoll(text, NULL, 10);
	return true;
}

void
when_format(int64_t time_s, char text[WHEN_TEXT_SIZE])
{
	time_t	 second = time_s < 0 ? 0 : time_s > TIME_MAX ? TIME_MAX : time_s;
	struct tm tm;

	gmtime_r(&second, &tm);
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
