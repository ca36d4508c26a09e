#include "config.h"

#include "handlers/keys_command.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "base/arena.h"
#include "base/when.h"
#include "handlers/command_store.h"
#include "handlers/keys_fields.h"
#include "handlers/keys_print.h"
#include "store/store.h"

enum { EXIT_USAGE = 2, DEFAULT_GRACE_S = 86400 };

struct verb;

struct command {
	FILE		*in, *out, *err;
	const char	*file;
	const struct verb *verb;
	const char	*name;		/* of the key */
	struct keys_change change;
	bool		 is_given;	/* the key is on standard input */
	bool		 is_json;
	int64_t		 grace_s, now_s;
	struct arena	 arena;
	struct db	*db;
};

/* Which options a verb has; bits. */
enum { OPTION_FIELDS = 1, OPTION_STDIN = 2, OPTION_GRACE = 4, OPTION_JSON = 8 };

static enum keys_end	run_add(struct command *);
static enum keys_end	run_set(struct command *);
static enum keys_end	run_enable(struct command *);
static enum keys_end	run_disable(struct command *);
static enum keys_end	run_rotate(struct command *);
static enum keys_end	run_delete(struct command *);
static enum keys_end	run_list(struct command *);

static const struct verb {
	const char	*name;
	const char	*operands;
	bool		 takes_name;
	unsigned	 options;
	enum keys_end	(*run)(struct command *);
} verbs[] = {
	{ "add", "NAME " KEYS_FIELDS_HELP " [--stdin]", true,
	  OPTION_FIELDS | OPTION_STDIN, run_add },
	{ "set", "NAME " KEYS_FIELDS_HELP, true, OPTION_FIELDS, run_set },
	{ "enable", "NAME", true, 0, run_enable },
	{ "disable", "NAME", true, 0, run_disable },
	{ "rotate", "NAME [--grace DURATION]", true, OPTION_GRACE,
	  run_rotate },
	{ "delete", "NAME", true, 0, run_delete },
	{ "list", "[--json]", false, OPTION_JSON, run_list },
};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

void
keys_command_print_help(FILE *out)
{
	for (const struct verb *v = verbs; v < verbs + VERB_COUNT; v++)
		fprintf(out, "  keys %s %s\n", v->name, v->operands);
}

/* ---- What the words say. ---- */

static bool
parse_option(struct command *c, const char *name, const char *value)
{
	unsigned options = c->verb->options;

	if (strcmp(name, "-c") == 0) {
		c->file = value;
		return value[0] != '\0';
	}
	if ((options & OPTION_GRACE) && strcmp(name, "--grace") == 0)
		return when_parse_duration(value, &c->grace_s);
	return (options & OPTION_FIELDS) && keys_fields_parse(&c->change,
	    &c->arena, name, value, c->now_s);
}

static bool
parse_flag(struct command *c, const char *word)
{
	if ((c->verb->options & OPTION_STDIN) &&
	    strcmp(word, "--stdin") == 0)
		return c->is_given = true;
	if ((c->verb->options & OPTION_JSON) && strcmp(word, "--json") == 0)
		return c->is_json = true;
	return false;
}

static bool
parse_words(struct command *c, char **words)
{
	for (const struct verb *v = verbs; v < verbs + VERB_COUNT; v++)
		if (*words != NULL && strcmp(*words, v->name) == 0)
			c->verb = v;
	if (c->verb == NULL)
		return false;
	for (words++; *words != NULL; words++) {
		if (parse_flag(c, *words))
			continue;
		if (words[0][0] != '-') {
			if (!c->verb->takes_name || c->name != NULL)
				return false;
			c->name = *words;
		} else if (words[1] == NULL ||
		    !parse_option(c, words[0], words[1]))
			return false;
		else
			words++;
	}
	return !c->verb->takes_name || c->name != NULL;
}

/* ---- What they do. ---- */

/* On OUT nothing but the key, for who catches it there. */
static void
show_secret(struct command *c, const char *secret)
{
	fprintf(c->out, "%s\n", secret);
	fputs("sluicectl: the key is shown this once; it is not kept\n",
	    c->err);
}

static enum keys_end
run_add(struct command *c)
{
	char	 secret[KEYS_SECRET_MAX + 3];	/* one too long shows as such */
	enum keys_end end;

	if (c->is_given)
		command_store_read_line(c->in, secret, sizeof secret);
	else
		keys_make(secret);
	end = keys_add(c->db, c->name, secret, &c->change, c->now_s);
	if (end == KEYS_DONE && !c->is_given)
		show_secret(c, secret);
	sodium_memzero(secret, sizeof secret);
	return end;
}

static enum keys_end
run_set(struct command *c)
{
	return keys_set(c->db, c->name, &c->change);
}

static enum keys_end
run_enable(struct command *c)
{
	c->change.has_enabled = c->change.enabled = true;
	return run_set(c);
}

static enum keys_end
run_disable(struct command *c)
{
	c->change.has_enabled = true;
	c->change.enabled = false;
	return run_set(c);
}

static enum keys_end
run_rotate(struct command *c)
{
	char	 secret[KEYS_MADE_SIZE];
	enum keys_end end;

	keys_make(secret);
	end = keys_rotate(c->db, c->name, secret, c->grace_s, c->now_s);
	if (end == KEYS_DONE)
		show_secret(c, secret);
	sodium_memzero(secret, sizeof secret);
	return end;
}

static enum keys_end
run_delete(struct command *c)
{
	return keys_delete(c->db, c->name);
}

static enum keys_end
run_list(struct command *c)
{
	return c->is_json ? keys_print_json(c->db, c->now_s, c->out) :
	    keys_print_table(c->db, c->now_s, c->out);
}

static int
run_verb(struct command *c)
{
	enum keys_end end = c->verb->run(c);

	if (end == KEYS_BROKEN)
		fprintf(c->err, "sluicectl: %s: %s\n", db_path(c->db),
		    keys_end_text(end));
	else if (end != KEYS_DONE)
		fprintf(c->err, "sluicectl: %s\n", keys_end_text(end));
	return end == KEYS_DONE ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
keys_command_run(char **words, const char *file, FILE *in, FILE *out,
    FILE *err)
{
	struct command c = { .in = in, .out = out, .err = err, .file = file,
		.grace_s = DEFAULT_GRACE_S, .now_s = time(NULL) };
	struct command_store store;
	int	 status = EXIT_USAGE;

	arena_init(&c.arena, 1024);
	if (parse_words(&c, words)) {
		status = EXIT_FAILURE;
		if (command_store_open(&store, c.file, err)) {
			c.db = store.db;
			status = run_verb(&c);
		}
		command_store_close(&store);
	}
	arena_fini(&c.arena);
	return status;
}
