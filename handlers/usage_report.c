#include "config.h"

#include "handlers/usage_report.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/conf.h"
#include "handlers/usage_print.h"
#include "handlers/usage_words.h"

enum { EXIT_USAGE = 2 };

struct report {
	FILE		*out, *err;
	const char	*file;
	struct usage_query query;
	bool		 is_json;
};

static bool
parse_option(struct report *r, const char *name, const char *value,
    int64_t now_s)
{
	if (strcmp(name, "-c") == 0) {
		r->file = value;
		return value[0] != '\0';
	}
	if (strcmp(name, "--by") == 0) {
		r->query.by = usage_words_by(value);
		return r->query.by != 0;
	}
	if (strcmp(name, "--from") == 0)
		return usage_words_time(value, now_s, &r->query.from_s);
	return strcmp(name, "--to") == 0 &&
	    usage_words_time(value, now_s, &r->query.to_s);
}

static bool
parse_words(struct report *r, char **words)
{
	int64_t	 now_s = time(NULL);

	usage_words_init(&r->query, now_s);
	for (; *words != NULL; words++)
		if (strcmp(*words, "--json") == 0)
			r->is_json = true;
		else if (words[1] == NULL ||
		    !parse_option(r, words[0], words[1], now_s))
			return false;
		else
			words++;
	usage_words_round(&r->query);
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
