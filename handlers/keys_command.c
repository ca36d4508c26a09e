#include "config.h"

#include "handlers/keys_command.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/when.h"
#include "handlers/keys_fields.h"
#include "handlers/keys_print.h"

enum { DEFAULT_GRACE_S = 86400 };

struct call {
	struct keys_change change;
	bool		 is_given;	/* the key is on standard input */
	int64_t		 grace_s;
};

/* ---- What the words say. ---- */

enum { FIELDS = COMMAND_OWN, STDIN = FIELDS * 2, GRACE = STDIN * 2 };

static bool
take_stdin(struct command *c, const char *name, const char *value)
{
	struct call *call = c->state;

	(void)name;
	(void)value;
	return call->is_given = true;
}

static bool
take_grace(struct command *c, const char *name, const char *value)
{
	struct call *call = c->state;

	(void)name;
	return when_parse_duration(value, &call->grace_s);
}

static bool
take_field(struct command *c, const char *name, const char *value)
{
	struct call *call = c->state;

	return keys_fields_parse(&call->change, &c->arena, name, value,
	    c->now_s);
}

static const struct command_option options[] = {
	{ "--stdin", STDIN, false, take_stdin },
	{ "--grace", GRACE, true, take_grace },
	{ NULL, FIELDS, true, take_field },
};

/* ---- What they do. ---- */

static int
end(struct command *c, enum keys_end end)
{
	return end == KEYS_DONE ? EXIT_SUCCESS : command_fail(c,
	    end == KEYS_BROKEN ? db_path(c->store.db) : NULL,
	    keys_end_text(end));
}

/* On OUT nothing but the key, for who catches it there. */
static void
show_secret(struct command *c, const char *secret)
{
	fprintf(c->out, "%s\n", secret);
	fputs("sluicectl: the key is shown this once; it is not kept\n",
	    c->err);
}

static int
run_add(struct command *c)
{
	struct call *call = c->state;
	char	 secret[KEYS_SECRET_MAX + 3];	/* one too long shows as such */
	enum keys_end how;

	if (call->is_given)
		command_store_read_line(c->in, secret, sizeof secret);
	else
		keys_make(secret);
	how = keys_add(c->store.db, c->operands[0], secret, &call->change,
	    c->now_s);
	if (how == KEYS_DONE && !call->is_given)
		show_secret(c, secret);
	sodium_memzero(secret, sizeof secret);
	return end(c, how);
}

static int
run_set(struct command *c)
{
	struct call *call = c->state;

	return end(c, keys_set(c->store.db, c->operands[0], &call->change));
}

static int
run_enable(struct command *c)
{
	struct call *call = c->state;

	call->change.has_enabled = call->change.enabled = true;
	return run_set(c);
}

static int
run_disable(struct command *c)
{
	struct call *call = c->state;

	call->change.has_enabled = true;
	return run_set(c);
}

static int
run_rotate(struct command *c)
{
	struct call *call = c->state;
	char	 secret[KEYS_MADE_SIZE];
	enum keys_end how;

	keys_make(secret);
	how = keys_rotate(c->store.db, c->operands[0], secret, call->grace_s,
	    c->now_s);
	if (how == KEYS_DONE)
		show_secret(c, secret);
	sodium_memzero(secret, sizeof secret);
	return end(c, how);
}

static int
run_delete(struct command *c)
{
	return end(c, keys_delete(c->store.db, c->operands[0]));
}

/* Of a key that is in no database: journal and usage know its holder by it. */
static int
run_id(struct command *c)
{
	char	 secret[KEYS_SECRET_MAX + 3], id[KEYS_ID_SIZE];
	unsigned char hash[KEYS_HASH];
	struct key_ids ids;

	if (!key_ids_load(&ids, c->store.conf->state_dir))
		return command_fail(c, NULL, ids.file.why);
	command_store_read_line(c->in, secret, sizeof secret);
	crypto_hash_sha256(hash, (const unsigned char *)secret,
	    strlen(secret));
	key_ids_make(&ids, hash, id);
	fprintf(c->out, "%s\n", id);
	sodium_memzero(secret, sizeof secret);
	key_ids_forget(&ids);
	return EXIT_SUCCESS;
}

static int
run_list(struct command *c)
{
	return end(c, (c->is_json ? keys_print_json : keys_print_table)
	    (c->store.db, c->now_s, c->out));
}

static const struct command_verb verbs[] = {
	{ "add", "NAME " KEYS_FIELDS_HELP " [--stdin]", 1, 1,
	  FIELDS | STDIN, NULL, run_add },
	{ "set", "NAME " KEYS_FIELDS_HELP, 1, 1, FIELDS, NULL, run_set },
	{ "enable", "NAME", 1, 1, 0, NULL, run_enable },
	{ "disable", "NAME", 1, 1, 0, NULL, run_disable },
	{ "rotate", "NAME [--grace DURATION]", 1, 1, GRACE, NULL, run_rotate },
	{ "delete", "NAME", 1, 1, 0, NULL, run_delete },
	{ "list", "[--json]", 0, 0, COMMAND_JSON, NULL, run_list },
	{ "id", "<KEY", 0, 0, 0, NULL, run_id },
};

static const struct command_words keys = {
	.name = "keys", .is_owner = true,
	.verbs = verbs, .verb_count = sizeof verbs / sizeof verbs[0],
	.options = options,
	.option_count = sizeof options / sizeof options[0],
};

void
keys_command_print_help(FILE *out)
{
	command_print_help(&keys, out);
}

int
keys_command_run(struct command *c, char **words)
{
	struct call call = { .grace_s = DEFAULT_GRACE_S };

	c->state = &call;
	return command_run(c, &keys, words);
}
