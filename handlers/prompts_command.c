#include "config.h"

#include "handlers/prompts_command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/prompts_print.h"

struct call {
	bool		 has_subject;
	enum prompts_scope scope;
	const char	*name;		/* of the key or model */
	char		 text[PROMPTS_TEXT_MAX + 3];	/* one too long shows */
};

/* ---- What the words say. ---- */

enum { SUBJECT = COMMAND_OWN };

static const struct {
	const char	*option;
	enum prompts_scope scope;
} subjects[] = {
	{ "--global", PROMPTS_GLOBAL }, { "--key", PROMPTS_KEY },
	{ "--model", PROMPTS_MODEL },
};

static bool
take_subject(struct command *c, const char *name, const char *value)
{
	struct call *call = c->state;
	size_t	 i = 0;

	if (call->has_subject)
		return false;
	while (strcmp(subjects[i].option, name) != 0)
		i++;
	call->scope = subjects[i].scope;
	call->name = value == NULL ? "" : value;
	return call->has_subject = true;
}

static const struct command_option options[] = {
	{ "--global", SUBJECT, false, take_subject },
	{ "--key", SUBJECT, true, take_subject },
	{ "--model", SUBJECT, true, take_subject },
};

static int
check_subject(struct command *c)
{
	const struct call *call = c->state;

	return call->has_subject ? EXIT_SUCCESS : COMMAND_EXIT_USAGE;
}

/*
 * From the file that is named, else from standard input. The last line's end is
 * the editor's, not the text's. NUL would end it early.
 */
static int
read_text(struct command *c)
{
	struct call *call = c->state;
	const char *name = c->operands[0];
	FILE	*in = name == NULL ? c->in : fopen(name, "re");
	size_t	 n;
	bool	 ok;

	if (in == NULL)
		return command_fail(c, name, strerror(errno));
	n = fread(call->text, 1, sizeof call->text - 1, in);
	ok = !ferror(in) && memchr(call->text, '\0', n) == NULL;
	if (in != c->in)
		fclose(in);
	if (!ok)
		return command_fail(c, NULL, "the text cannot be read");
	if (n > 0 && call->text[n - 1] == '\n')
		n--;
	if (n > 0 && call->text[n - 1] == '\r')
		n--;
	call->text[n] = '\0';
	return EXIT_SUCCESS;
}

/* As who calls: the database's owner might not read it. */
static int
prepare_set(struct command *c)
{
	int	 status = check_subject(c);

	return status == EXIT_SUCCESS ? read_text(c) : status;
}

/* ---- What they do. ---- */

static int
end(struct command *c, enum prompts_end end)
{
	return end == PROMPTS_DONE ? EXIT_SUCCESS : command_fail(c,
	    end == PROMPTS_BROKEN ? db_path(c->store.db) : NULL,
	    prompts_end_text(end));
}

static int
run_list(struct command *c)
{
	return end(c, (c->is_json ? prompts_print_json : prompts_print_table)
	    (c->store.db, c->out));
}

static void
show(void *arg, const struct prompts_record *r)
{
	struct command *c = arg;

	if (c->is_json)
		prompts_print_line(r, c->out);
	else
		fprintf(c->out, "%s\n", r->text);
}

static int
run_show(struct command *c)
{
	const struct call *call = c->state;

	return end(c, prompts_find(c->store.db, call->scope, call->name, show,
	    c));
}

static int
run_set(struct command *c)
{
	const struct call *call = c->state;

	return end(c, prompts_set(c->store.db, call->scope, call->name,
	    call->text, c->now_s));
}

static int
run_delete(struct command *c)
{
	const struct call *call = c->state;

	return end(c, prompts_delete(c->store.db, call->scope, call->name));
}

#define WHOSE	"--global|--key NAME|--model NAME"

static const struct command_verb verbs[] = {
	{ "list", "[--json]", 0, 0, COMMAND_JSON, NULL, run_list },
	{ "show", WHOSE " [--json]", 0, 0, SUBJECT | COMMAND_JSON,
	  check_subject, run_show },
	{ "set", WHOSE " [FILE]", 0, 1, SUBJECT, prepare_set, run_set },
	{ "delete", WHOSE, 0, 0, SUBJECT, check_subject, run_delete },
};

static const struct command_words prompts = {
	.name = "prompts", .is_owner = true,
	.verbs = verbs, .verb_count = sizeof verbs / sizeof verbs[0],
	.options = options,
	.option_count = sizeof options / sizeof options[0],
};

void
prompts_command_print_help(FILE *out)
{
	command_print_help(&prompts, out);
}

int
prompts_command_run(struct command *c, char **words)
{
	struct call call = { .has_subject = false };

	c->state = &call;
	return command_run(c, &prompts, words);
}
