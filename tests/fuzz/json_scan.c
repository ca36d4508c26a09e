/* The scanner must not care where its input is cut, and must agree with yajl. */
#include "config.h"

#include <string.h>

#include <yajl/yajl_parse.h>

#include "base/json.h"
#include "tests/fuzz/fuzz.h"

static const char *const names[] = { "model", "n", "\xC3\xA9" };
enum { NAMES = sizeof names / sizeof names[0] };

static void
scan(struct json_scan *s, const uint8_t *data, size_t n, size_t step)
{
	json_scan_init(s, names, NAMES);
	for (size_t i = 0; i < n; i += step)
		json_scan_feed(s, data + i, n - i < step ? n - i : step);
	json_scan_end(s);
}

static void
compare(const struct json_scan *a, const struct json_scan *b)
{
	must(a->err == b->err);
	must(a->err_offset == b->err_offset);
	must(a->object_start == b->object_start);
	must(a->err_name == b->err_name);
	for (size_t i = 0; i < NAMES; i++) {
		must(a->ranges[i].kind == b->ranges[i].kind);
		must(a->ranges[i].start == b->ranges[i].start);
		must(a->ranges[i].end == b->ranges[i].end);
	}
}

/*
 * What yajl takes though RFC 8259 does not: \v and \f for white space, and
 * an unfinished token after the object's end.
 */
static bool
is_leniency(const struct json_scan *s, const uint8_t *data, size_t n)
{
	struct json_scan before;

	if (memchr(data, '\v', n) != NULL || memchr(data, '\f', n) != NULL)
		return true;
	scan(&before, data, s->err_offset, n + 1);
	return before.err == ERR_NONE;
}

/*
 * yajl knows no limits and no duplicates, and takes UTF-8 that RFC 3629
 * forbids. In all else it must say the same.
 */
static void
compare_to_yajl(const struct json_scan *s, const uint8_t *data, size_t n)
{
	static const yajl_callbacks none = { 0 };
	yajl_handle yajl = yajl_alloc(&none, NULL, NULL);
	bool accepted;

	accepted = yajl_parse(yajl, data, n) == yajl_status_ok &&
	    yajl_complete_parse(yajl) == yajl_status_ok;
	yajl_free(yajl);
	if (s->err == ERR_NONE)
		must(accepted);
	else if (accepted && (s->err == ERR_JSON_SYNTAX ||
	    s->err == ERR_JSON_TRUNCATED))
		must(is_leniency(s, data, n));
}

/* What a range cuts out must be one whole value of its kind. */
static void
check_range(const struct json_range *range, const uint8_t *data)
{
	static const char *const starts[] = { [JSON_NULL] = "n",
	    [JSON_FALSE] = "f", [JSON_TRUE] = "t", [JSON_NUMBER] = "-0123456789",
	    [JSON_STRING] = "\"", [JSON_ARRAY] = "[", [JSON_OBJECT] = "{" };
	struct json_scan s;

	if (range->kind == JSON_ABSENT)
		return;
	must(range->end > range->start);
	must(data[range->start] != '\0' &&
	    strchr(starts[range->kind], data[range->start]) != NULL);
	json_scan_init(&s, names, NAMES);
	json_scan_feed(&s, "{\"n\":", 5);
	json_scan_feed(&s, data + range->start, range->end - range->start);
	json_scan_feed(&s, "}", 1);
	must(json_scan_end(&s) == ERR_NONE);
	must(s.ranges[1].end - s.ranges[1].start == range->end - range->start);
}

static void
scan_strictly(struct json_scan *s, const struct spelling *spelling,
    const uint8_t *data, size_t n, size_t step)
{
	json_scan_init_strict(s, spelling);
	s->noted = spelling;
	for (size_t i = 0; i < n; i += step)
		json_scan_feed(s, data + i, n - i < step ? n - i : step);
	json_scan_end(s);
}

/*
 * Being strict changes nothing but what is refused: of a body that passes both
 * ways all is the same, and each name that is there was noted, no other.
 */
static void
check_strict(const struct json_scan *loose, const uint8_t *data, size_t n)
{
	static struct spelling spelling;
	struct json_scan whole, pieces;

	for (size_t i = spelling.count; i < NAMES - 1; i++)
		spelling_add(&spelling, names[i]);
	scan_strictly(&whole, &spelling, data, n, n + 1);
	for (size_t step = 1; step <= 9; step += 4) {
		scan_strictly(&pieces, &spelling, data, n, step);
		must(pieces.err == whole.err);
		must(pieces.err_offset == whole.err_offset);
		must(pieces.noted_mask == whole.noted_mask);
	}
	if (whole.err != ERR_NONE)
		return;
	must(loose->err == ERR_NONE || loose->err == ERR_JSON_DUPLICATE);
	for (size_t i = 0; loose->err == ERR_NONE && i < NAMES - 1; i++) {
		must(whole.ranges[i].kind == loose->ranges[i].kind);
		must(whole.ranges[i].start == loose->ranges[i].start);
		must((whole.noted_mask >> i & 1) ==
		    (whole.ranges[i].kind != JSON_ABSENT));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct json_scan whole, pieces;

	scan(&whole, data, n, n + 1);
	for (size_t step = 1; step <= 9; step += 4) {
		scan(&pieces, data, n, step);
		compare(&whole, &pieces);
	}
	must(whole.err == ERR_NONE || whole.err_offset <= n);
	compare_to_yajl(&whole, data, n);
	check_strict(&whole, data, n);
	for (size_t i = 0; whole.err == ERR_NONE && i < NAMES; i++)
		check_range(&whole.ranges[i], data);
	return 0;
}
