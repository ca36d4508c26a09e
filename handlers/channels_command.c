#include "config.h"

#include "handlers/channels_command.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/buf.h"
#include "conf/provider.h"
#include "conf/values.h"
#include "handlers/admin_json.h"
#include "handlers/table.h"

enum { LINE_MAX_BYTES = 1 << 20 };

struct call {
	struct managed_change change;
	bool		 is_given;	/* the key is on standard input: */
	char		 secret[SEAL_SECRET_MAX + 3];	/* one too long shows as such */
	struct seal	 seal;
	const char	*models[MANAGED_MODELS_MAX];
	size_t		 model_count;
};

/* ---- What the words say. ---- */

enum { FIELDS = COMMAND_OWN, MODELS = FIELDS * 2, NAME = MODELS * 2 };

/* "a,b" */
static bool
take_models(struct command *c, const char *name, const char *value)
{
	struct call *call = c->state;
	size_t	 n;

	(void)name;
	for (;; value += n + 1) {
		n = strcspn(value, ",");
		if (n == 0 || call->model_count == MANAGED_MODELS_MAX)
			return false;
		call->models[call->model_count++] = arena_strndup(&c->arena,
		    value, n);
		if (value[n] == '\0')
			return true;
	}
}

static bool
take_text(struct command *c, const char *name, const char *value)
{
	struct managed_change *change = &((struct call *)c->state)->change;

	if (strcmp(name, "--name") == 0)
		change->name = value;
	else if (strcmp(name, "--base-url") == 0)
		change->base_url = value;
	else if (strcmp(name, "--kind") == 0)
		change->kind = value;
	else
		change->api_key_env = value;
	return true;
}

static bool
take_weight(struct command *c, const char *name, const char *value)
{
	struct managed_change *change = &((struct call *)c->state)->change;

	(void)name;
	change->has_weight = true;
	return command_parse_number(value, MANAGED_WEIGHT_MAX,
	    &change->weight);
}

static bool
take_priority(struct command *c, const char *name, const char *value)
{
	struct managed_change *change = &((struct call *)c->state)->change;

	(void)name;
	change->has_priority = true;
	return command_parse_number(value, MANAGED_PRIORITY_MAX,
	    &change->priority);
}

static bool
take_stdin(struct command *c, const char *name, const char *value)
{
	struct call *call = c->state;

	(void)name;
	(void)value;
	return call->is_given = true;
}

static bool
take_enabled(struct command *c, const char *name, const char *value)
{
	struct managed_change *change = &((struct call *)c->state)->change;

	(void)value;
	change->enabled = strcmp(name, "--enable") == 0;
	return change->has_enabled = true;
}

static const struct command_option options[] = {
	{ "--base-url", FIELDS, true, take_text },
	{ "--kind", FIELDS, true, take_text },
	{ "--api-key-env", FIELDS, true, take_text },
	{ "--stdin", FIELDS, false, take_stdin },
	{ "--weight", FIELDS, true, take_weight },
	{ "--priority", FIELDS, true, take_priority },
	{ "--enable", FIELDS, false, take_enabled },
	{ "--disable", FIELDS, false, take_enabled },
	{ "--models", MODELS, true, take_models },
	{ "--name", NAME, true, take_text },
};

/* A channel has one key. */
static int
check_key(struct command *c)
{
	const struct call *call = c->state;

	return call->is_given && call->change.api_key_env != NULL ?
	    COMMAND_EXIT_USAGE : EXIT_SUCCESS;
}

/* ---- What they do. ---- */

static int
end(struct command *c, enum managed_end end)
{
	return end == MANAGED_DONE ? EXIT_SUCCESS : command_fail(c,
	    end == MANAGED_BROKEN ? db_path(c->store.db) : NULL,
	    managed_end_text(end));
}

/* The key on standard input, and what seals it. */
static int
take_key(struct command *c)
{
	struct call *call = c->state;

	if (!call->is_given)
		return EXIT_SUCCESS;
	if (!command_store_load_seal(&c->store, &call->seal))
		return EXIT_FAILURE;
	command_store_read_line(c->in, call->secret, sizeof call->secret);
	call->change.api_key = call->secret;
	call->change.seal = &call->seal;
	return EXIT_SUCCESS;
}

static void
forget_key(struct call *call)
{
	sodium_memzero(call->secret, sizeof call->secret);
	seal_forget(&call->seal);
}

/* Only what sluice.conf allows a channel to name would be in use. */
static int
check_variable(struct command *c)
{
	const struct call *call = c->state;
	const char *name = call->change.api_key_env;

	if (name == NULL || values_env(name) != NULL ||
	    conf_allows_channel_env(c->store.conf, name))
		return EXIT_SUCCESS;
	return command_fail(c, name, conf_is_own_secret(c->store.conf, name) ?
	    "this variable holds a secret of the gateway itself" :
	    "this variable is not in auth.channel_env of sluice.conf");
}

/* A file's name wins: the channel would never be in use. */
static int
check_name(struct command *c, const char *name)
{
	return end(c, name != NULL &&
	    provider_is_known(c->store.conf, name) ? MANAGED_NAME_TAKEN :
	    MANAGED_DONE);
}

static int
run_add(struct command *c)
{
	struct call *call = c->state;
	int64_t	 id;

	call->change.name = c->operands[0];
	if (check_name(c, c->operands[0]) != EXIT_SUCCESS ||
	    check_variable(c) != EXIT_SUCCESS || take_key(c) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return end(c, managed_channels_add(c->store.db, &call->change,
	    call->models, call->model_count, c->now_s, &id));
}

static int
run_set(struct command *c)
{
	struct call *call = c->state;
	int64_t	 id;
	enum managed_end how = managed_channels_find(c->store.db,
		    c->operands[0], &id);

	if (how != MANAGED_DONE)
		return end(c, how);
	if (check_name(c, call->change.name) != EXIT_SUCCESS ||
	    check_variable(c) != EXIT_SUCCESS || take_key(c) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return end(c, managed_channels_set(c->store.db, id, &call->change,
	    c->now_s));
}

static int
run_delete(struct command *c)
{
	int64_t	 id;
	enum managed_end how = managed_channels_find(c->store.db,
		    c->operands[0], &id);

	if (how == MANAGED_DONE)
		how = managed_channels_delete(c->store.db, id);
	return end(c, how);
}

/* ---- Printing. ---- */

static const char *const titles[] = {
	"name", "kind", "state", "base URL", "key", "weight", "priority",
};
enum { COLUMNS = sizeof titles / sizeof titles[0] };

/*
 * Why it is not in use although it is enabled, or NULL. Whether a key opens and a
 * variable is set is for the responders to say: their environment has it.
 */
static const char *
find_problem(const struct command *c, const struct managed_record *r)
{
	if (!r->enabled || r->api_key_env[0] == '\0' ||
	    conf_allows_channel_env(c->store.conf, r->api_key_env))
		return NULL;
	return "its variable is not in auth.channel_env of sluice.conf";
}

struct printing {
	struct command	*command;
	struct table	 table;
};

static void
put_row(void *arg, const struct managed_record *r)
{
	struct printing *p = arg;
	struct table *t = &p->table;

	table_add(t, r->name);
	table_add(t, r->kind);
	table_add(t, find_problem(p->command, r) != NULL ? "not in use" :
	    r->enabled ? "enabled" : "disabled");
	table_add(t, r->base_url);
	table_add(t, r->hint[0] != '\0' ? r->hint : r->api_key_env);
	table_add_number(t, r->weight);
	table_add_number(t, r->priority);
}

static enum managed_end
print_table(struct command *c)
{
	struct printing p = { .command = c };
	enum managed_end end;

	table_init(&p.table, titles, COLUMNS);
	end = managed_channels_each(c->store.db, 0, put_row, &p);
	if (end == MANAGED_DONE)
		table_print(&p.table, c->out);
	table_fini(&p.table);
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
	admin_json_text_or_null(&b, "problem", find_problem(c, r));
	admin_json_time(&b, "created_at", r->created);
	admin_json_time(&b, "updated_at", r->updated);
	admin_json_close(&b);
	admin_json_print(&b, c->out);
	buf_fini(&b);
}

static int
run_list(struct command *c)
{
	return end(c, c->is_json ?
	    managed_channels_each(c->store.db, 0, put_object, c) :
	    print_table(c));
}

#define FIELDS_HELP "[--kind openai|azure|anthropic] "			\
		"[--api-key-env VARIABLE | --stdin] [--weight N] "	\
		"[--priority N] [--enable | --disable]"

static const struct command_verb verbs[] = {
	{ "add", "NAME --base-url URL [--models MODEL,...] " FIELDS_HELP, 1, 1,
	  FIELDS | MODELS, check_key, run_add },
	{ "set", "NAME [--name NAME] [--base-url URL] " FIELDS_HELP, 1, 1,
	  FIELDS | NAME, check_key, run_set },
	{ "delete", "NAME", 1, 1, 0, NULL, run_delete },
	{ "list", "[--json]", 0, 0, COMMAND_JSON, NULL, run_list },
};

static const struct command_words channels = {
	.name = "channels", .is_owner = true,
	.verbs = verbs, .verb_count = sizeof verbs / sizeof verbs[0],
	.options = options,
	.option_count = sizeof options / sizeof options[0],
};

void
channels_command_print_help(FILE *out)
{
	command_print_help(&channels, out);
}

int
channels_command_run(struct command *c, char **words)
{
	struct call call = { .is_given = false };
	int	 status;

	c->state = &call;
	status = command_run(c, &channels, words);
	forget_key(&call);
	return status;
}
