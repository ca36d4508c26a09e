#include "config.h"

#include "handlers/command.h"

#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 9 };

void
command_print_help(const struct command_words *all, FILE *out)
{
	for (size_t i = 0; i < all->verb_count; i++)
		fprintf(out, "  %s %s %s\n", all->name, all->verbs[i].name,
		    all->verbs[i].help);
}

int
command_fail(struct command *c, const char *file, const char *text)
{
	if (file == NULL)
		fprintf(c->err, "sluicectl: %s\n", text);
	else
		fprintf(c->err, "sluicectl: %s: %s\n", file, text);
	return EXIT_FAILURE;
}

bool
command_parse_number(const char *text, unsigned max, unsigned *number)
{
	size_t	 n = strspn(text, "0123456789");

	if (n == 0 || n > DIGITS_MAX || text[n] != '\0')
		return false;
	*number = (unsigned)strtoul(text, NULL, 10);
	return *number <= max;
}

/* ---- Options. ---- */

static bool
take_file(struct command *c, const char *name, const char *value)
{
	(void)name;
	c->file = value;
	return value[0] != '\0';
}

static bool
take_json(struct command *c, const char *name, const char *value)
{
	(void)name;
	(void)value;
	return c->is_json = true;
}

static const struct command_option option_file = {
	.name = "-c", .has_value = true, .take = take_file,
};

static const struct command_option option_json = {
	.name = "--json", .group = COMMAND_JSON, .take = take_json,
};

static bool
knows(const struct command *c, const struct command_option *o,
    const char *word)
{
	return (o->group == 0 || (o->group & c->verb->groups) != 0) &&
	    (o->name == NULL || strcmp(o->name, word) == 0);
}

/* NULL: the verb has no such option. */
static const struct command_option *
find_option(const struct command *c, const struct command_words *all,
    const char *word)
{
	if (knows(c, &option_file, word))
		return &option_file;
	if (knows(c, &option_json, word))
		return &option_json;
	for (size_t i = 0; i < all->option_count; i++)
		if (knows(c, &all->options[i], word))
			return &all->options[i];
	return NULL;
}

/* ---- Words. ---- */

static const struct command_verb *
find_verb(const struct command_words *all, const char *word)
{
	for (size_t i = 0; i < all->verb_count; i++)
		if (all->verbs[i].name == NULL || (word != NULL &&
		    strcmp(all->verbs[i].name, word) == 0))
			return &all->verbs[i];
	return NULL;
}

/* Take the option, and its value, from *WORDS. */
static bool
take_option(struct command *c, const struct command_words *all,
    char ***words)
{
	const char *name = **words, *value = NULL;
	const struct command_option *o = find_option(c, all, name);

	if (o == NULL)
		return false;
	if (o->has_value && (value = *++*words) == NULL)
		return false;
	return o->take(c, name, value);
}

static bool
take_words(struct command *c, const struct command_words *all, char **words)
{
	c->verb = find_verb(all, *words);
	if (c->verb == NULL)
		return false;
	for (words += c->verb->name != NULL; *words != NULL; words++)
		if (words[0][0] == '-') {
			if (!take_option(c, all, &words))
				return false;
		} else if (c->operand_count < c->verb->operands_max)
			c->operands[c->operand_count++] = *words;
		else
			return false;
	return c->operand_count >= c->verb->operands_min;
}

static int
run_verb(struct command *c, bool is_owner)
{
	int	 status = EXIT_FAILURE;

	if (command_store_open(&c->store, c->file, c->err)) {
		if (is_owner)
			command_store_become_owner(&c->store);
		status = c->verb->run(c);
	}
	command_store_close(&c->store);
	return status;
}

int
command_run(struct command *c, const struct command_words *all, char **words)
{
	int	 status = COMMAND_EXIT_USAGE;

	arena_init(&c->arena, 1024);
	if (take_words(c, all, words))
		status = c->verb->prepare == NULL ? EXIT_SUCCESS :
		    c->verb->prepare(c);
	if (status == EXIT_SUCCESS)
		status = run_verb(c, all->is_owner);
	arena_fini(&c->arena);
	return status;
}
