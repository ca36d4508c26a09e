#include "config.h"

#include "handlers/usage_report.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/when.h"
#include "conf/conf.h"
#include "handlers/usage_print.h"

enum { EXIT_USAGE = 2, AGO_MAX = 1000000, DEFAULT_DAYS = 30 };

/* The words of --by. */
static const struct {
	const char	*name;
	unsigned	 by;
} groups[] = {
	{ "hour", USAGE_BY_HOUR }, { "day", USAGE_BY_DAY },
	{ "key", USAGE_BY_KEY }, { "model", USAGE_BY_MODEL },
	{ "provider", USAGE_BY_PROVIDER },
};
enum { GROUP_COUNT = sizeof groups / sizeof groups[0] };

struct report {
	FILE		*out, *err;
	const char	*file;
	struct usage_query query;
	bool		 is_json;
};

/* "7d" and "24h": the day's or hour's beginning so long ago. */
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

/* "2026-11-26", "2026-11-26T05", "2026-11-26T05:30", with "Z" or without. */
static bool
parse_time(const char *text, int64_t now_s, int64_t *time_s)
{
	return parse_ago(text, now_s, time_s) ||
	    when_parse_time(text, time_s);
}

/* "model,provider" as bits; 0: one of them is unknown. */
static unsigned
parse_by(const char *text)
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

static bool
parse_option(struct report *r, const char *name, const char *value,
    int64_t now_s)
{
	if (strcmp(name, "-c") == 0) {
		r->file = value;
		return value[0] != '\0';
	}
	if (strcmp(name, "--by") == 0) {
		r->query.by = parse_by(value);
		return r->query.by != 0;
	}
	if (strcmp(name, "--from") == 0)
		return parse_time(value, now_s, &r->query.from_s);
	return strcmp(name, "--to") == 0 &&
	    parse_time(value, now_s, &r->query.to_s);
}

static bool
parse_words(struct report *r, char **words)
{
	int64_t	 now_s = time(NULL), today_s = now_s / USAGE_DAY_S * USAGE_DAY_S;
	struct usage_query *q = &r->query;

	q->by = USAGE_BY_DAY;
	q->from_s = today_s - (int64_t)DEFAULT_DAYS * USAGE_DAY_S;
	q->to_s = today_s + USAGE_DAY_S;
	for (; *words != NULL; words++)
		if (strcmp(*words, "--json") == 0)
			r->is_json = true;
		else if (words[1] == NULL ||
		    !parse_option(r, words[0], words[1], now_s))
			return false;
		else
			words++;
	q->from_s -= q->from_s % USAGE_HOUR_S;
	q->to_s = (q->to_s + USAGE_HOUR_S - 1) / USAGE_HOUR_S * USAGE_HOUR_S;
	if (q->by & USAGE_BY_HOUR)
		q->by &= ~(unsigned)USAGE_BY_DAY;
	return true;
}

/* A conf_report_fn. */
static void
report_problem(void *arg, const struct err_at *at)
{
	struct report *r = arg;

	if (at->line == 0)
		fprintf(r->err, "%s: %s\n", at->file, at->text);
	else
		fprintf(r->err, "%s:%u: %s\n", at->file, at->line, at->text);
}

static bool
put_report(struct report *r, const struct db *db)
{
	struct usage *u = usage_open(db);
	bool	 ok = u != NULL && (r->is_json ?
		     usage_print_json(u, &r->query, r->out) :
		     usage_print_table(u, &r->query, r->out));

	usage_close(u);
	if (!ok)
		fprintf(r->err, "sluicectl: %s cannot be read, or has not been "
		    "made yet\n", db_path(db));
	return ok;
}

int
usage_report_run(char **words, const char *file, FILE *out, FILE *err)
{
	struct report r = { .out = out, .err = err, .file = file };
	struct conf *conf;
	struct db *db;
	bool	 ok;

	if (!parse_words(&r, words))
		return EXIT_USAGE;
	conf = conf_load(r.file, NULL, report_problem, &r);
	if (conf == NULL)
		return EXIT_FAILURE;
	db = db_create(conf->state_dir);
	ok = put_report(&r, db);
	db_free(db);
	conf_free(conf);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
