/* import_run.c - the command "sluicectl import". */
#include "config.h"

#include "conf/import_run.h"

#include <string.h>

#include "conf/import.h"
#include "conf/import_env.h"
#include "conf/import_write.h"

enum { WORDS_MAX = 3 };			/* KIND SOURCE SECOND */

struct call {
	const char	*words[WORDS_MAX];
	size_t		 word_count;
	const char	*directory;
	const char	*environment;
	bool		 force;
	FILE		*out, *err;
};

void
import_print_kinds(FILE *out)
{
	for (const struct import_kind *k = import_kinds; k->name != NULL; k++)
		fprintf(out, "  %s %s\n      %s\n", k->name, k->operands,
		    k->help);
}

/* False: this is not how it is called. */
static bool
parse(struct call *c, char **args)
{
	for (; *args != NULL; args++)
		if (strcmp(*args, "--force") == 0)
			c->force = true;
		else if (strcmp(*args, "-o") == 0 && args[1] != NULL)
			c->directory = *++args;
		else if (strcmp(*args, "-e") == 0 && args[1] != NULL)
			c->environment = *++args;
		else if (((*args)[0] == '-' && (*args)[1] != '\0') ||
		    c->word_count == WORDS_MAX || (*args)[0] == '\0')
			return false;
		else
			c->words[c->word_count++] = *args;
	return c->directory != NULL && c->directory[0] != '\0';
}

/* The kind that is called for, if the number of operands is right. */
static const struct import_kind *
find_kind(const struct call *c)
{
	const struct import_kind *kind = c->words[0] == NULL ? NULL :
	    import_find(c->words[0]);

	if (kind == NULL || (kind->needs_source && c->words[1] == NULL) ||
	    (!kind->takes_second && c->words[2] != NULL))
		return NULL;
	return kind;
}

/* A conf_report_fn. */
static void
print_problem(void *arg, const struct err_at *at)
{
	struct call *c = arg;

	err_at_print(at, c->err);
}

/* An import_note_fn. */
static void
print_note(void *arg, const char *text)
{
	struct call *c = arg;

	fprintf(c->out, "note: %s\n", text);
}

static void
print_next(const struct call *c, const struct import *im)
{
	if (im->variable_count > 0)
		fprintf(c->out, "next: keys.env must belong to the user that "
		    "the responders run as\n");
	fprintf(c->out, "next: sluicectl check -c %s/sluice.conf\n",
	    c->directory);
}

int
import_run(char **args, FILE *out, FILE *err)
{
	struct call c = { .out = out, .err = err };
	const struct import_kind *kind;
	struct import im;
	bool good = true;

	if (!parse(&c, args) || (kind = find_kind(&c)) == NULL)
		return IMPORT_USAGE;
	import_init(&im, print_problem, print_note, &c);
	im.kind = kind->name;
	if (c.environment != NULL)
		good = import_env_load(&im, c.environment);
	if (good)
		kind->read(&im, c.words[1], c.words[2]);
	good = im.problems == 0 && import_write(&im, c.directory, c.force, out);
	if (good)
		print_next(&c, &im);
	else
		fprintf(err, "import %s: %u problem%s, nothing was written\n",
		    kind->name, im.problems, im.problems == 1 ? "" : "s");
	import_fini(&im);
	return good ? IMPORT_DONE : IMPORT_FAILED;
}
