#include "config.h"

#include "handlers/backup_command.h"

#include <stdlib.h>

enum { FORCE = COMMAND_OWN };

static bool
take_force(struct command *c, const char *name, const char *value)
{
	bool	*force = c->state;

	(void)name;
	(void)value;
	return *force = true;
}

static int
check_file(struct command *c)
{
	return c->operands[0][0] == '\0' ? COMMAND_EXIT_USAGE : EXIT_SUCCESS;
}

static int
back_up(struct command *c)
{
	const bool *force = c->state;
	struct db *db = c->store.db;
	const char *file = c->operands[0];
	enum backup_end end = backup_make(db, file, *force);

	if (end == BACKUP_TAKEN || end == BACKUP_NO_FILE ||
	    end == BACKUP_UNWRITABLE)
		return command_fail(c, file, backup_end_text(end));
	if (end != BACKUP_DONE)
		return command_fail(c, db_path(db), backup_end_text(end));
	fprintf(c->out, "%s is a copy of %s\n", file, db_path(db));
	fprintf(c->out, "note: the journal (%s) is not in it\n",
	    c->store.conf->log.dir);
	fprintf(c->out, "note: %s/seal.key is not in it; without that file "
	    "the keys of providers that are kept in the database cannot be "
	    "opened\n", c->store.conf->state_dir);
	fprintf(c->out, "note: %s/ids.key is not in it; without that file the "
	    "ids of keys that are in no database change\n",
	    c->store.conf->state_dir);
	return EXIT_SUCCESS;
}

static int
restore(struct command *c)
{
	struct db *db = c->store.db;
	const char *file = c->operands[0];
	char	 kept[BACKUP_KEPT_SIZE];
	enum backup_end end = backup_restore(db, file, kept);

	if (end == BACKUP_BUSY || end == BACKUP_UNWRITABLE)
		return command_fail(c, db_path(db), backup_end_text(end));
	if (end != BACKUP_DONE)
		return command_fail(c, file, backup_end_text(end));
	fprintf(c->out, "%s has the contents of %s\n", db_path(db), file);
	if (kept[0] != '\0')
		fprintf(c->out, "note: what it was before is %s\n", kept);
	fprintf(c->out, "note: what the journal (%s) has beyond that is "
	    "imported again\n", c->store.conf->log.dir);
	return EXIT_SUCCESS;
}

static const struct command_option option = {
	"--force", FORCE, false, take_force
};

static const struct command_verb copying = {
	.operands_min = 1, .operands_max = 1, .groups = FORCE,
	.prepare = check_file, .run = back_up,
}, restoring = {
	.operands_min = 1, .operands_max = 1,
	.prepare = check_file, .run = restore,
};

static const struct command_words backup_words = {
	.verbs = &copying, .verb_count = 1,
	.options = &option, .option_count = 1,
}, restore_words = {
	.verbs = &restoring, .verb_count = 1,
};

int
backup_command_run(struct command *c, char **words)
{
	bool	 force = false;

	c->state = &force;
	return command_run(c, &backup_words, words);
}

int
backup_command_restore(struct command *c, char **words)
{
	return command_run(c, &restore_words, words);
}
