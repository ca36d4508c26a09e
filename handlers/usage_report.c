#include "config.h"

#include "handlers/usage_report.h"

#include <stdlib.h>

#include "handlers/usage_print.h"
#include "handlers/usage_words.h"

static bool
take_by(struct command *c, const char *name, const char *value)
{
	struct usage_query *query = c->state;

	(void)name;
	query->by = usage_words_by(value);
	return query->by != 0;
}

static bool
take_from(struct command *c, const char *name, const char *value)
{
	struct usage_query *query = c->state;

	(void)name;
	return usage_words_time(value, c->now_s, &query->from_s);
}

static bool
take_to(struct command *c, const char *name, const char *value)
{
	struct usage_query *query = c->state;

	(void)name;
	return usage_words_time(value, c->now_s, &query->to_s);
}

static const struct command_option options[] = {
	{ "--by", 0, true, take_by },
	{ "--from", 0, true, take_from },
	{ "--to", 0, true, take_to },
};

static int
print(struct command *c)
{
	struct usage *u = usage_open(c->store.db);
	struct usage_query *query = c->state;
	bool	 ok;

	usage_words_round(query);
	ok = u != NULL && (c->is_json ? usage_print_json :
	    usage_print_table)(u, query, c->out);
	usage_close(u);
	if (ok)
		return EXIT_SUCCESS;
	fprintf(c->err, "sluicectl: %s cannot be read, or has not been made "
	    "yet\n", db_path(c->store.db));
	return EXIT_FAILURE;
}

static const struct command_verb verb = {
	.groups = COMMAND_JSON, .run = print,
};

static const struct command_words usage = {
	.verbs = &verb, .verb_count = 1,
	.options = options,
	.option_count = sizeof options / sizeof options[0],
};

int
usage_report_run(struct command *c, char **words)
{
	struct usage_query query;

	usage_words_init(&query, c->now_s);
	c->state = &query;
	return command_run(c, &usage, words);
}
