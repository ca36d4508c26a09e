#include "config.h"

#include "handlers/usage_words.h"

#include <stdlib.h>
#include <string.h>

#include "base/when.h"

enum { AGO_MAX = 1000000, DEFAULT_DAYS = 30 };

static const struct {
	const char	*name;
	unsigned	 by;
} groups[] = {
	{ "hour", USAGE_BY_HOUR }, { "day", USAGE_BY_DAY },
	{ "key", USAGE_BY_KEY }, { "model", USAGE_BY_MODEL },
	{ "provider", USAGE_BY_PROVIDER },
};
enum { GROUP_COUNT = sizeof groups / sizeof groups[0] };

void
usage_words_init(struct usage_query *q, int64_t now_s)
{
	int64_t	 today_s = now_s / USAGE_DAY_S * USAGE_DAY_S;

	*q = (struct usage_query){ .by = USAGE_BY_DAY,
		.from_s = today_s - (int64_t)DEFAULT_DAYS * USAGE_DAY_S,
		.to_s = today_s + USAGE_DAY_S };
}

static bool
parse_ago(const char *text, int64_t now_s, int64_t *time_s)
{
	char	*end;
	unsigned long n = strtoul(text, &end, 10);
	int64_t	 unit = *end == 'd' ? USAGE_DAY_S : USAGE_HOUR_S;

	if (strspn(text, "0123456789") == 0 || n > AGO_MAX ||
	    (strcmp(end, "d") != 0 && strcmp(end, "h") != 0))
		return false;
	*time_s = (now_s / unit - (int64_t)n) * unit;
	return true;
}

bool
usage_words_time(const char *text, int64_t now_s, int64_t *time_s)
{
	return parse_ago(text, now_s, time_s) ||
	    when_parse_time(text, time_s) || when_parse_seconds(text, time_s);
}

unsigned
usage_words_by(const char *text)
{
	unsigned by = 0;

	for (;;) {
		size_t	 n = strcspn(text, ",");
		size_t	 i = 0;

		while (i < GROUP_COUNT && (strlen(groups[i].name) != n ||
		    memcmp(groups[i].name, text, n) != 0))
			i++;
		if (i == GROUP_COUNT)
			return 0;
		by |= groups[i].by;
		if (text[n] == '\0')
			return by;
		text += n + 1;
	}
}

void
usage_words_put_by(struct buf *out, unsigned by)
{
	const char *between = "";

	for (size_t i = 0; i < GROUP_COUNT; i++)
		if ((by & groups[i].by) != 0) {
			buf_printf(out, "%s\"%s\"", between, groups[i].name);
			between = ",";
		}
}

void
usage_words_round(struct usage_query *q)
{
	q->from_s -= q->from_s % USAGE_HOUR_S;
	q->to_s = (q->to_s + USAGE_HOUR_S - 1) / USAGE_HOUR_S * USAGE_HOUR_S;
	if ((q->by & USAGE_BY_HOUR) != 0)
		q->by &= ~(unsigned)USAGE_BY_DAY;
}
