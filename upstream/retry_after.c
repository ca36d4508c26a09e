#include "config.h"

#include "upstream/retry_after.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "upstream/attempt.h"

enum { VALUE_MAX_BYTES = 64 };

enum form { FORM_NONE, FORM_SECONDS, FORM_MS };

static const struct { const char *name; enum form form; } fields[] = {
	{ "retry-after", FORM_SECONDS },
	{ "retry-after-ms", FORM_MS },
	{ "x-ms-retry-after-ms", FORM_MS },
};

/* RFC 9110 section 5.6.7: today's form, RFC 850's, asctime's. */
static const char *const dates[] = {
	"%a, %d %b %Y %H:%M:%S GMT",
	"%A, %d-%b-%y %H:%M:%S GMT",
	"%a %b %d %H:%M:%S %Y",
};

static enum form
form_of(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (strlen(fields[i].name) == n &&
		    strncasecmp(fields[i].name, name, n) == 0)
			return fields[i].form;
	return FORM_NONE;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * A decimal number of units of UNIT_MS (1 or 1000), rounded up to ms. False if
 * TEXT is none; anything too large is more than RETRY_AFTER_MAX_MS.
 */
static bool
number_parse(const char *text, int64_t unit_ms, int64_t *ms)
{
	const char *p = text;
	int64_t place;

	if (!is_digit(*p))
		return false;
	for (*ms = 0; is_digit(*p); p++)
		if (*ms <= RETRY_AFTER_MAX_MS)
			*ms = *ms * 10 + (*p - '0') * unit_ms;
	if (*p == '.') {
		bool more = false;

		place = unit_ms / 10;
		for (p++; is_digit(*p); p++, place /= 10) {
			*ms += (*p - '0') * place;
			more |= place == 0 && *p != '0';
		}
		*ms += more;
	}
	return *p == '\0';
}

static bool
date_parse(const char *text, uint64_t now_wall_us, int64_t *ms)
{
	int64_t now_ms = (int64_t)(now_wall_us / 1000);

	for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
		struct tm tm = { .tm_isdst = 0 };
		const char *rest = strptime(text, dates[i], &tm);
		int64_t then;

		if (rest == NULL || *rest != '\0')
			continue;
		then = timegm(&tm);
		if (then <= now_ms / 1000)
			*ms = 0;
		else if (then > now_ms / 1000 + RETRY_AFTER_MAX_MS)
			*ms = INT64_MAX;
		else
			*ms = then * 1000 - now_ms;
		return true;
	}
	return false;
}

int64_t
retry_after_parse(const char *name, size_t name_len, const char *value,
    size_t value_len, uint64_t now_wall_us)
{
	enum form form = form_of(name, name_len);
	char text[VALUE_MAX_BYTES];
	int64_t ms;

	if (form == FORM_NONE)
		return -1;
	while (value_len > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		value_len--;
	}
	while (value_len > 0 && (value[value_len - 1] == ' ' ||
	    value[value_len - 1] == '\t'))
		value_len--;
	if (value_len >= sizeof text || memchr(value, '\0', value_len) != NULL)
		return -1;
	memcpy(text, value, value_len);
	text[value_len] = '\0';
	if (!number_parse(text, form == FORM_MS ? 1 : 1000, &ms) &&
	    (form != FORM_SECONDS || !date_parse(text, now_wall_us, &ms)))
		return -1;
	return ms <= RETRY_AFTER_MAX_MS ? ms : -1;
}

int64_t
retry_after_find(const struct attempt *attempt, uint64_t now_wall_us)
{
	const char *name, *value;
	size_t at = 0, name_len, value_len;
	int64_t found[] = { [FORM_SECONDS] = -1, [FORM_MS] = -1 };

	while (attempt_next_field(attempt, &at, &name, &name_len, &value,
	    &value_len)) {
		int64_t ms = retry_after_parse(name, name_len, value, value_len,
		    now_wall_us);
		int64_t *best = &found[form_of(name, name_len)];

		if (ms > *best)
			*best = ms;
	}
	return found[FORM_MS] >= 0 ? found[FORM_MS] : found[FORM_SECONDS];
}
