/* retry_after.h - how long an answer asks to wait. */
#ifndef UPSTREAM_RETRY_AFTER_H
#define UPSTREAM_RETRY_AFTER_H

#include <stddef.h>
#include <stdint.h>

struct attempt;

enum { RETRY_AFTER_MAX_MS = 24 * 60 * 60 * 1000 };

/*
 * What one field says: ms from NOW_WALL_US (since 1970); -1 = nothing, or more
 * than RETRY_AFTER_MAX_MS, which nobody means: it comes from default pages and
 * wrong clocks. The fields are retry-after-ms (OpenAI),
 * x-ms-retry-after-ms (Azure), and retry-after: seconds, or a date in one of the
 * forms of RFC 9110 section 5.6.7; one that is over is 0. Numbers may have
 * decimals; what they say is rounded up.
 */
int64_t	retry_after_parse(const char *name, size_t name_len, const char *value,
	    size_t value_len, uint64_t now_wall_us);

/*
 * What the answer's fields say together: ms count more than seconds, among
 * equals the longer wait. Only inside the sink's head, as attempt_next_field.
 */
int64_t	retry_after_find(const struct attempt *, uint64_t now_wall_us);
#endif
