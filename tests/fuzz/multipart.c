/*
 * The first line is the Content-Type, the rest the body. The scanner must not
 * care where its input is cut, must not miss a boundary that a plain search
 * finds, and what it found must be replaceable.
 */
#include "config.h"

#include <string.h>

#include "base/multipart.h"
#include "tests/fuzz/fuzz.h"

static const char *const names[] = { "model", "n" };
enum { NAMES = sizeof names / sizeof names[0], TYPE_MAX = 200 };

static void
scan(struct multipart_scan *s, const char *type, const uint8_t *data, size_t n,
    size_t step)
{
	static struct spelling spelling;

	if (spelling.count == 0)
		for (size_t i = 0; i < NAMES; i++)
			spelling_add(&spelling, names[i]);
	multipart_scan_init(s, type, &spelling);
	for (size_t i = 0; i < n; i += step)
		multipart_scan_feed(s, data + i, n - i < step ? n - i : step);
	multipart_scan_end(s);
}

static void
compare(const struct multipart_scan *a, const struct multipart_scan *b)
{
	must(a->err == b->err);
	must(a->reason == b->reason);
	must(a->parts == b->parts);
	for (size_t i = 0; i < NAMES; i++) {
		must(a->ranges[i].found == b->ranges[i].found);
		must(a->ranges[i].start == b->ranges[i].start);
		must(a->ranges[i].end == b->ranges[i].end);
	}
}

/* In a good body every delimiter at a line's start is a part's or the last. */
static void
check_delimiters(const struct multipart_scan *s, const uint8_t *data, size_t n)
{
	const uint8_t *p = data, *end = data + n;
	unsigned count = 0;

	while ((p = memmem(p, (size_t)(end - p), s->delimiter,
	    s->delimiter_len)) != NULL) {
		if (p == data || p[-1] == '\n' || p[-1] == '\r') {
			must(p == data || (p - data > 1 && p[-1] == '\n' &&
			    p[-2] == '\r'));
			count++;
		}
		p++;
	}
	must(count == s->parts + 1);
}

static void
check_range(const struct multipart_scan *s, size_t i, const char *type,
    const uint8_t *data, size_t n)
{
	const struct multipart_range *range = &s->ranges[i];
	static uint8_t copy[1 << 20];
	struct multipart_scan other;
	size_t left = n - range->end;

	must(range->start >= 4 && range->start <= range->end && range->end < n);
	must(memcmp(data + range->start - 4, "\r\n\r\n", 4) == 0);
	must(memcmp(data + range->end, "\r\n", 2) == 0);
	must(memcmp(data + range->end + 2, s->delimiter, s->delimiter_len) == 0);
	if (n > sizeof copy - 3)
		return;
	memcpy(copy, data, range->start);
	memcpy(copy + range->start, "new", 3);
	memcpy(copy + range->start + 3, data + range->end, left);
	scan(&other, type, copy, range->start + 3 + left, n + 4);
	must(other.err == ERR_NONE);
	must(other.parts == s->parts);
	must(other.ranges[i].start == range->start);
	must(other.ranges[i].end == range->start + 3);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *line = n == 0 ? NULL : memchr(data, '\n', n);
	struct multipart_scan whole, pieces;
	char type[TYPE_MAX + 1] = "";

	if (line == NULL || line - data > TYPE_MAX)
		return 0;
	memcpy(type, data, (size_t)(line - data));
	n -= (size_t)(line + 1 - data);
	data = line + 1;
	scan(&whole, type, data, n, n + 1);
	must((whole.err == ERR_NONE) == (whole.reason == NULL));
	for (size_t step = 1; step <= 9; step += 4) {
		scan(&pieces, type, data, n, step);
		compare(&whole, &pieces);
	}
	if (whole.err != ERR_NONE)
		return 0;
	check_delimiters(&whole, data, n);
	for (size_t i = 0; i < NAMES; i++)
		if (whole.ranges[i].found)
			check_range(&whole, i, type, data, n);
	return 0;
}
