#include "config.h"

#include "handlers/channels_command.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "base/arena.h"
#include "base/buf.h"
#include "conf/provider.h"
#include "handlers/admin_json.h"
#include "handlers/command_store.h"
#include "handlers/table.h"

enum { EXIT_USAGE = 2, LINE_MAX_BYTES = 1 << 20, NUMBER_MAX = 1000000 };

struct verb;

struct command {
	FILE		*in, *out;
	const char	*file;
	const struct verb *verb;
	const char	*name;		/* of the channel */
	struct managed_change change;
	bool		 is_given;	/* the key is on standard input */
	bool		 is_json;
	const char	*models[MANAGED_MODELS_MAX];
	size_t		 model_count;
	int64_t		 now_s;
	struct arena	 arena;
	struct command_store store;
};

/* Which options a verb has; bits. */
enum {
	OPTION_FIELDS = 1, OPTION_MODELS = 2, OPTION_NAME = 4, OPTION_JSON = 8
};

#define FIELDS	"[--kind openai|azure|anthropic] " \
		"[--api-key-env VARIABLE | --stdin] [--weight N] " \
		"[--priority N] [--enable | --disable]"

static int	run_add(struct command *);
static int	run_set(struct command *);
static int	run_delete(struct command *);
static int	run_list(struct command *);

static const struct verb {
	const char	*name;
	const char	*operands;
	bool		 takes_name;
	unsigned	 options;
	int		(*run)(struct command *);
} verbs[] = {
	{ "add", "NAME --base-url URL [--models MODEL,...] " FIELDS, true,
	  OPTION_FIELDS | OPTION_MODELS, run_add },
	{ "set", "NAME [--name NAME] [--base-url URL] " FIELDS, true,
	  OPTION_FIELDS | OPTION_NAME, run_set },
	{ "delete", "NAME", true, 0, run_delete },
	{ "list", "[--json]", false, OPTION_JSON, run_list },
};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

void
channels_command_print_help(FILE *out)
{
	for (const struct verb *v = verbs; v < verbs + VERB_COUNT; v++)
		fprintf(out, "  channels %s %s\n", v->name, v->operands);
}

/* ---- What the words say. ---- */

static bool
parse_number(const char *text, bool *has, unsigned *number)
{
	char	*end;
	long	 n = strtol(text, &end, 10);

	*has = true;
	*number = (unsigned)n;
	return end != text && *end == '\0' && n >= 0 && n <= NUMBER_MAX;
}

/* "a,b" */
static bool
parse_models(struct command *c, const char *value)
{
	size_t	 n;

	for (;; value += n + 1) {
		n = strcspn(value, ",");
		if (n == 0 || c->model_count == MANAGED_MODELS_MAX)
			return false;
		c->models[c->model_count++] = arena_strndup(&c->arena, value,
		    n);
		if (value[n] == '\0')
			return true;
	}
}

static bool
parse_field(struct command *c, const char *name, const char *value)
{
	struct managed_change *change = &c->change;

	if (strcmp(name, "--base-url") == 0)
		change->base_url = value;
	else if (strcmp(name, "--kind") == 0)
		change->kind = value;
	else if (strcmp(name, "--api-key-env") == 0)
		change->api_key_env = value;
	else if (strcmp(name, "--weight") == 0)
		return parse_number(value, &change->has_weight,
		    &change->weight);
	else
		return strcmp(name, "--priority") == 0 && parse_number(value,
		    &change->has_priority, &change->priority);
	return true;
}

static bool
parse_option(struct command *c, const char *name, const char *value)
{
	unsigned options = c->verb->options;

	if (strcmp(name, "-c") == 0) {
		c->file = value;
		return value[0] != '\0';
	}
	if ((options & OPTION_MODELS) && strcmp(name, "--models") == 0)
		return parse_models(c, value);
	if ((options & OPTION_NAME) && strcmp(name, "--name") == 0) {
		c->change.name = value;
		return true;
	}
	return (options & OPTION_FIELDS) && parse_field(c, name, value);
}

static bool
parse_flag(struct command *c, const char *word)
{
	unsigned options = c->verb->options;

	if ((options & OPTION_JSON) && strcmp(word, "--json") == 0)
		return c->is_json = true;
	if ((options & OPTION_FIELDS) == 0)
		return false;
	if (strcmp(word, "--stdin") == 0)
		return c->is_given = true;
	if (strcmp(word, "--enable") != 0 && strcmp(word, "--disable") != 0)
		return false;
	c->change.enabled = strcmp(word, "--enable") == 0;
	return c->change.has_enabled = true;
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
	return (!c->verb->takes_name || c->name != NULL) &&
	    !(c->is_given && c->change.api_key_env != NULL);
}

/* ---- What they do. ---- */

/* Seal the key on standard input. */
static int
take_key(struct command *c)
{
	char	 secret[SEAL_SECRET_MAX + 3];	/* one too long shows as such */
	struct seal seal;
	enum managed_end end = MANAGED_DONE;

	if (!c->is_given)
		return EXIT_SUCCESS;
	if (!command_store_load_seal(&c->store, &seal))
		return EXIT_FAILURE;
	command_store_read_line(c->in, secret, sizeof secret);
	if (!managed_channels_seal(&c->change, &seal, secret))
		end = MANAGED_BAD_SECRET;
	sodium_memzero(secret, sizeof secret);
	seal_forget(&seal);
	return command_store_end(&c->store, end);
}

/* A file's name wins: the channel would never be in use. */
static int
check_name(struct command *c, const char *name)
{
	return command_store_end(&c->store, name != NULL &&
	    provider_is_known(c->store.conf, name) ? MANAGED_NAME_TAKEN :
	    MANAGED_DONE);
}

static int
run_add(struct command *c)
{
	int64_t	 id;

	c->change.name = c->name;
	if (check_name(c, c->name) != EXIT_SUCCESS ||
	    take_key(c) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return command_store_end(&c->store, managed_channels_add(c->store.db,
	    &c->change, c->models, c->model_count, c->now_s, &id));
}

static int
run_set(struct command *c)
{
	int64_t	 id;
	enum managed_end end = managed_channels_find(c->store.db, c->name,
		    &id);

	if (end == MANAGED_DONE && (check_name(c, c->change.name) !=
	    EXIT_SUCCESS || take_key(c) != EXIT_SUCCESS))
		return EXIT_FAILURE;
	if (end == MANAGED_DONE)
		end = managed_channels_set(c->store.db, id, &c->change,
		    c->now_s);
	return command_store_end(&c->store, end);
}

static int
run_delete(struct command *c)
{
	int64_t	 id;
	enum managed_end end = managed_channels_find(c->store.db, c->name,
		    &id);

	if (end == MANAGED_DONE)
		end = managed_channels_delete(c->store.db, id);
	return command_store_end(&c->store, end);
}

/* ---- Printing. ---- */

static const char *const titles[] = {
	"name", "kind", "state", "base URL", "key", "weight", "priority",
};
enum { COLUMNS = sizeof titles / sizeof titles[0] };

static void
put_row(void *arg, const struct managed_record *r)
{
	struct table *t = arg;

	table_add(t, r->name);
	table_add(t, r->kind);
	table_add(t, r->enabled ? "enabled" : "disabled");
	table_add(t, r->base_url);
	table_add(t, r->hint[0] != '\0' ? r->hint : r->api_key_env);
	table_add_number(t, r->weight);
	table_add_number(t, r->priority);
}

static enum managed_end
print_table(struct command *c)
{
	struct table t;
	enum managed_end end;

	table_init(&t, titles, COLUMNS);
	end = managed_channels_each(c->store.db, 0, put_row, &t);
	if (end == MANAGED_DONE)
		table_print(&t, c->out);
	table_fini(&t);
	return end;
}

static void
put_object(void *arg, const struct managed_record *r)
{
	struct command *c = arg;
	struct buf b;

	buf_init(&b, LINE_MAX_BYTES);
	admin_json_open(&b);
	admin_json_id(&b, "id", r->id);
	admin_json_text(&b, "name", r->name);
	admin_json_text(&b, "kind", r->kind);
	admin_json_text(&b, "base_url", r->base_url);
	admin_json_text(&b, "api_key", r->hint);
	admin_json_text(&b, "api_key_env", r->api_key_env);
	admin_json_integer(&b, "weight", r->weight);
	admin_json_integer(&b, "priority", r->priority);
	admin_json_bool(&b, "enabled", r->enabled);
	admin_json_time(&b, "created_at", r->created);
	admin_json_time(&b, "updated_at", r->updated);
	admin_json_close(&b);
	admin_json_print(&b, c->out);
	buf_fini(&b);
}

static int
run_list(struct command *c)
{
	return command_store_end(&c->store, c->is_json ?
	    managed_channels_each(c->store.db, 0, put_object, c) :
	    print_table(c));
}

int
channels_command_run(char **words, const char *file, FILE *in, FILE *out,
    FILE *err)
{
	struct command c = { .in = in, .out = out, .file = file,
		.now_s = time(NULL) };
	int	 status = EXIT_USAGE;

	arena_init(&c.arena, 1024);
	if (parse_words(&c, words)) {
		status = command_store_open(&c.store, c.file, err) ?
		    c.verb->run(&c) : EXIT_FAILURE;
		command_store_close(&c.store);
	}
	arena_fini(&c.arena);
	return status;
}
