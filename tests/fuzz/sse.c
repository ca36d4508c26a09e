/* A stream means the same however it is cut, and what a plain reading says. */
#include "config.h"

#include "upstream/sse.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static void
follow(struct sse *s, const uint8_t *data, size_t n, size_t step)
{
	sse_init(s);
	for (size_t i = 0; i < n; i += step)
		sse_feed(s, (const char *)data + i, n - i < step ? n - i : step);
	sse_fini(s);
}

static void
compare(const struct sse *a, const struct sse *b)
{
	must(a->at_boundary == b->at_boundary);
	must(a->token_seen == b->token_seen);
	must(a->done_seen == b->done_seen);
	must(a->events == b->events);
}

static bool
is_field(const uint8_t *line, size_t n, const char *name)
{
	size_t len = strlen(name);

	return n >= len && memcmp(line, name, len) == 0 &&
	    (n == len || line[len] == ':');
}

/* The whole stream at once, line by line. */
static void
check_plainly(const struct sse *s, const uint8_t *data, size_t n)
{
	bool open = false, has_data = false, cr_last = n > 0 && data[n - 1] == '\r';
	unsigned long events = 0;
	size_t i = n >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	bool partial = i == n && n > 0;

	for (size_t end; i < n; i = end) {
		const uint8_t *line = data + i;

		for (end = i; end < n && data[end] != '\r' && data[end] != '\n';)
			end++;
		partial = end == n;
		if (partial)
			break;
		if (end == i) {
			events += has_data;
			open = has_data = false;
		} else if (*line != ':') {
			open = true;
			has_data |= is_field(line, end - i, "data");
		}
		end += data[end] == '\r' && end + 1 < n && data[end + 1] == '\n' ? 2 : 1;
	}
	must(s->events == events);
	must(s->at_boundary == (!partial && !open && !cr_last));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sse whole, pieces;

	for (size_t prefix = n < 48 ? 0 : n; prefix <= n; prefix++) {
		follow(&whole, data, prefix, prefix + 1);
		for (size_t step = 1; step <= 7; step += 3) {
			follow(&pieces, data, prefix, step);
			compare(&whole, &pieces);
		}
		check_plainly(&whole, data, prefix);
	}
	sse_is_token((const char *)data, n);
	return 0;
}
