#include "config.h"

#include "handlers/backup_command.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/conf.h"
#include "store/store.h"

enum { EXIT_USAGE = 2 };

struct command {
	FILE		*out, *err;
	const char	*config;
	const char	*file;		/* the backup */
	bool		 takes_force, force;
};

static bool
parse_words(struct command *c, char **words)
{
	for (; *words != NULL; words++)
		if (strcmp(*words, "-c") == 0 && words[1] != NULL)
			c->config = *++words;
		else if (c->takes_force && strcmp(*words, "--force") == 0)
			c->force = true;
		else if (words[0][0] != '-' && c->file == NULL)
			c->file = *words;
		else
			return false;
	return c->file != NULL && c->file[0] != '\0' && c->config[0] != '\0';
}

/* A conf_report_fn. */
static void
report_problem(void *arg, const struct err_at *at)
{
	struct command *c = arg;

	if (at->line == 0)
		fprintf(c->err, "%s: %s\n", at->file, at->text);
	else
		fprintf(c->err, "%s:%u: %s\n", at->file, at->line, at->text);
}

static int
tell_failure(struct command *c, const char *path, enum backup_end end)
{
	fprintf(c->err, "sluicectl: %s: %s\n", path, backup_end_text(end));
	return EXIT_FAILURE;
}

static int
back_up(struct command *c, const struct conf *conf, struct db *db)
{
	enum backup_end end = backup_make(db, c->file, c->force);

	if (end == BACKUP_TAKEN || end == BACKUP_NO_FILE ||
	    end == BACKUP_UNWRITABLE)
		return tell_failure(c, c->file, end);
	if (end != BACKUP_DONE)
		return tell_failure(c, db_path(db), end);
	fprintf(c->out, "%s is a copy of %s\n", c->file, db_path(db));
	fprintf(c->out, "note: the journal (%s) is not in it\n",
	    conf->log.dir);
	fprintf(c->out, "note: %s/seal.key is not in it; without that file "
	    "the keys of providers that are kept in the database cannot be "
	    "opened\n", conf->state_dir);
	return EXIT_SUCCESS;
}

static int
restore(struct command *c, const struct conf *conf, struct db *db)
{
	char	 kept[BACKUP_KEPT_SIZE];
	enum backup_end end = backup_restore(db, c->file, kept);

	if (end == BACKUP_BUSY || end == BACKUP_UNWRITABLE)
		return tell_failure(c, db_path(db), end);
	if (end != BACKUP_DONE)
		return tell_failure(c, c->file, end);
	fprintf(c->out, "%s has the contents of %s\n", db_path(db), c->file);
	if (kept[0] != '\0')
		fprintf(c->out, "note: what it was before is %s\n", kept);
	fprintf(c->out, "note: what the journal (%s) has beyond that is "
	    "imported again\n", conf->log.dir);
	return EXIT_SUCCESS;
}

static int
run(struct command *c, char **words, int (*work)(struct command *,
    const struct conf *, struct db *))
{
	struct conf *conf;
	struct db *db;
	int	 status = EXIT_FAILURE;

	if (!parse_words(c, words))
		return EXIT_USAGE;
	conf = conf_load(c->config, NULL, report_problem, c);
	log_open(NULL, LOG_LEVEL_WARN);
	if (conf != NULL) {
		db = db_create(conf->state_dir);
		status = work(c, conf, db);
		db_free(db);
	}
	conf_free(conf);
	return status;
}

int
backup_command_run(char **words, const char *file, FILE *out, FILE *err)
{
	struct command c = { .out = out, .err = err, .config = file,
		.takes_force = true };

	return run(&c, words, back_up);
}

int
backup_command_restore(char **words, const char *file, FILE *out, FILE *err)
{
	struct command c = { .out = out, .err = err, .config = file };

	return run(&c, words, restore);
}
