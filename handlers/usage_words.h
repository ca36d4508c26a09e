/* usage_words.h - what reports of usage are asked for, as words. */
#ifndef HANDLERS_USAGE_WORDS_H
#define HANDLERS_USAGE_WORDS_H

#include <stdbool.h>

#include "base/buf.h"
#include "store/store.h"

/* What holds where nothing is said: the last 30 days and today, by day. */
void	usage_words_init(struct usage_query *, int64_t now_s);

/*
 * "7d" and "24h", the day's or hour's beginning so long ago; what when_parse_time
 * and when_parse_seconds take. False: it is none of them.
 */
bool	usage_words_time(const char *text, int64_t now_s, int64_t *time_s);

/* "model,provider" as bits; 0: one of them is unknown. */
unsigned usage_words_by(const char *text);

/* The words of BY, as strings of JSON with commas between them. */
void	usage_words_put_by(struct buf *, unsigned by);

/* Last: whole hours, and hours instead of days where both are asked for. */
void	usage_words_round(struct usage_query *);
#endif
