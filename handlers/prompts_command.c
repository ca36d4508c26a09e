#include "config.h"

#include "handlers/prompts_command.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "handlers/command_store.h"
#include "handlers/prompts_print.h"

enum { EXIT_USAGE = 2 };

struct verb;

struct command {
	FILE		*in, *out, *err;
	const char	*file;
	const struct verb *verb;
	bool		 has_subject;
	enum prompts_scope scope;
	const char	*name;		/* of the key or model */
	const char	*text_file;	/* NULL: standard input */
	bool		 is_json;
	char		 text[PROMPTS_TEXT_MAX + 3];	/* what is too long shows as such */
	struct db	*db;
};

#define WHOSE	"--global|--key NAME|--model NAME"

static enum prompts_end	run_list(struct command *);
static enum prompts_end	run_show(struct command *);
static enum prompts_end	run_set(struct command *);
static enum prompts_end	run_delete(struct command *);

static const struct verb {
	const char	*name, *operands;
	bool		 takes_subject, takes_text, takes_json;
	enum prompts_end (*run)(struct command *);
} verbs[] = {
	{ .name = "list", .operands = "[--json]", .takes_json = true,
	  .run = run_list },
	{ .name = "show", .operands = WHOSE " [--json]",
	  .takes_subject = true, .takes_json = true, .run = run_show },
	{ .name = "set", .operands = WHOSE " [FILE]", .takes_subject = true,
	  .takes_text = true, .run = run_set },
	{ .name = "delete", .operands = WHOSE, .takes_subject = true,
	  .run = run_delete },
};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

void
prompts_command_print_help(FILE *out)
{
	for (const struct verb *v = verbs; v < verbs + VERB_COUNT; v++)
		fprintf(out, "  prompts %s %s\n", v->name, v->operands);
}

/* ---- What the words say. ---- */

static bool
parse_subject(struct command *c, enum prompts_scope scope, const char *name)
{
	if (!c->verb->takes_subject || c->has_subject)
		return false;
	c->has_subject = true;
	c->scope = scope;
	c->name = name;
	return true;
}

/* "--global", "--json", or the file with the text. */
static bool
parse_word(struct command *c, const char *word)
{
	if (strcmp(word, "--global") == 0)
		return parse_subject(c, PROMPTS_GLOBAL, "");
	if (strcmp(word, "--json") == 0)
		return c->is_json = c->verb->takes_json;
	if (!c->verb->takes_text || c->text_file != NULL || word[0] == '-')
		return false;
	c->text_file = word;
	return true;
}

static bool
parse_option(struct command *c, const char *name, const char *value)
{
	if (strcmp(name, "--key") == 0)
		return parse_subject(c, PROMPTS_KEY, value);
	if (strcmp(name, "--model") == 0)
		return parse_subject(c, PROMPTS_MODEL, value);
	c->file = value;
	return value[0] != '\0';
}

static bool
takes_value(const char *word)
{
	return strcmp(word, "--key") == 0 || strcmp(word, "--model") == 0 ||
	    strcmp(word, "-c") == 0;
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
		if (!takes_value(words[0])) {
			if (!parse_word(c, words[0]))
				return false;
		} else if (words[1] == NULL ||
		    !parse_option(c, words[0], words[1]))
			return false;
		else
			words++;
	}
	return c->has_subject || !c->verb->takes_subject;
}

/* ---- What they do. ---- */

/* The last line's end is the editor's, not the text's. NUL would end it early. */
static bool
read_text(struct command *c)
{
	FILE	*in = c->text_file == NULL ? c->in : fopen(c->text_file, "re");
	size_t	 n;
	bool	 ok;

	if (in == NULL) {
		fprintf(c->err, "sluicectl: %s: %s\n", c->text_file,
		    strerror(errno));
		return false;
	}
	n = fread(c->text, 1, sizeof c->text - 1, in);
	ok = !ferror(in) && memchr(c->text, '\0', n) == NULL;
	if (in != c->in)
		fclose(in);
	if (!ok)
		fputs("sluicectl: the text cannot be read\n", c->err);
	if (n > 0 && c->text[n - 1] == '\n')
		n--;
	if (n > 0 && c->text[n - 1] == '\r')
		n--;
	c->text[n] = '\0';
	return ok;
}

static enum prompts_end
run_list(struct command *c)
{
	return c->is_json ? prompts_print_json(c->db, c->out) :
	    prompts_print_table(c->db, c->out);
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

static enum prompts_end
run_show(struct command *c)
{
	return prompts_find(c->db, c->scope, c->name, show, c);
}

static enum prompts_end
run_set(struct command *c)
{
	return prompts_set(c->db, c->scope, c->name, c->text, time(NULL));
}

static enum prompts_end
run_delete(struct command *c)
{
	return prompts_delete(c->db, c->scope, c->name);
}

static int
run_verb(struct command *c)
{
	enum prompts_end end = c->verb->run(c);

	if (end == PROMPTS_BROKEN)
		fprintf(c->err, "sluicectl: %s: %s\n", db_path(c->db),
		    prompts_end_text(end));
	else if (end != PROMPTS_DONE)
		fprintf(c->err, "sluicectl: %s\n", prompts_end_text(end));
	return end == PROMPTS_DONE ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
prompts_command_run(char **words, const char *file, FILE *in, FILE *out,
    FILE *err)
{
	struct command c = { .in = in, .out = out, .err = err, .file = file };
	struct command_store store;
	int	 status = EXIT_FAILURE;

	if (!parse_words(&c, words))
		return EXIT_USAGE;
	if (c.verb->takes_text && !read_text(&c))
		return EXIT_FAILURE;
	if (command_store_open(&store, c.file, err)) {
		c.db = store.db;
		status = run_verb(&c);
	}
	command_store_close(&store);
	return status;
}
