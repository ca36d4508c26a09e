/* when.h - points and lengths of time as people write them. */
#ifndef BASE_WHEN_H
#define BASE_WHEN_H

#include <stdbool.h>
#include <stdint.h>

enum { WHEN_TEXT_SIZE = 24 };

/*
 * "2026-11-26", "2026-11-26T05", "2026-11-26T05:30", "2026-11-26T05:30:00", with
 * "Z" or without, all in UTC, or the last with a fraction, which is dropped, or
 * an offset (RFC 3339): as seconds since 1970. False: it is none of them.
 */
bool	when_parse_time(const char *text, int64_t *time_s);

/* "1795671049", seconds since 1970. False: it is no such number. */
bool	when_parse_seconds(const char *text, int64_t *time_s);

/* "2026-11-26T05:30:00Z" (RFC 3339). What is out of its range is its nearest end. */
void	when_format(int64_t time_s, char text[WHEN_TEXT_SIZE]);

/* "90s", "30m", "24h", "7d" in seconds. False: it is none of them. */
bool	when_parse_duration(const char *text, int64_t *duration_s);
#endif
