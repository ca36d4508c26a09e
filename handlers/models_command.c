#include "config.h"

#include "handlers/models_command.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "handlers/admin_json.h"
#include "handlers/command_store.h"
#include "handlers/table.h"

enum { EXIT_USAGE = 2, OPERANDS_MAX = 2, LINE_MAX_BYTES = 1 << 20 };

struct verb;

struct command {
	FILE		*out;
	const char	*file;
	const struct verb *verb;
	const char	*operands[OPERANDS_MAX];	/* the model, the channel */
	size_t		 count;
	const char	*target;	/* NULL: the model's own name */
	unsigned	 weight;	/* 0: as usual */
	bool		 is_json;
	int64_t		 now_s;
	struct command_store store;
};

/* Which options a verb has; bits. */
enum { OPTION_MAP = 1, OPTION_JSON = 2 };

static enum managed_end	run_add(struct command *);
static enum managed_end	run_delete(struct command *);
static enum managed_end	run_map(struct command *);
static enum managed_end	run_unmap(struct command *);
static enum managed_end	run_list(struct command *);

static const struct verb {
	const char	*name;
	const char	*operands;
	size_t		 count;		/* of operands */
	unsigned	 options;
	enum managed_end (*run)(struct command *);
} verbs[] = {
	{ "add", "MODEL", 1, 0, run_add },
	{ "delete", "MODEL", 1, 0, run_delete },
	{ "map", "MODEL CHANNEL [--as NAME] [--weight N]", 2, OPTION_MAP,
	  run_map },
	{ "unmap", "MODEL CHANNEL", 2, 0, run_unmap },
	{ "list", "[--json]", 0, OPTION_JSON, run_list },
};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

void
models_command_print_help(FILE *out)
{
	for (const struct verb *v = verbs; v < verbs + VERB_COUNT; v++)
		fprintf(out, "  models %s %s\n", v->name, v->operands);
}

/* ---- What the words say. ---- */

static bool
parse_weight(struct command *c, const char *value)
{
	char	*end;
	long	 n = strtol(value, &end, 10);

	c->weight = (unsigned)n;
	return end != value && *end == '\0' && n >= 0 &&
	    n <= MANAGED_WEIGHT_MAX;
}

static bool
parse_option(struct command *c, const char *name, const char *value)
{
	if (strcmp(name, "-c") == 0) {
		c->file = value;
		return value[0] != '\0';
	}
	if ((c->verb->options & OPTION_MAP) == 0)
		return false;
	if (strcmp(name, "--weight") == 0)
		return parse_weight(c, value);
	c->target = value;
	return strcmp(name, "--as") == 0;
}

static bool
parse_words(struct command *c, char **words)
{
	for (const struct verb *v = verbs; v < verbs + VERB_COUNT; v++)
		if (*words != NULL && strcmp(*words, v->name) == 0)
			c->verb = v;
	if (c->verb == NULL)
		return false;
	for (words++; *words != NULL; words++)
		if ((c->verb->options & OPTION_JSON) &&
		    strcmp(*words, "--json") == 0)
			c->is_json = true;
		else if (words[0][0] != '-' && c->count < c->verb->count)
			c->operands[c->count++] = *words;
		else if (words[0][0] != '-' || words[1] == NULL ||
		    !parse_option(c, words[0], words[1]))
			return false;
		else
			words++;
	return c->count == c->verb->count;
}

/* ---- What they do. ---- */

static enum managed_end
run_add(struct command *c)
{
	int64_t	 id;

	return managed_models_add(c->store.db, c->operands[0], c->now_s, &id);
}

static enum managed_end
run_delete(struct command *c)
{
	int64_t	 id;
	enum managed_end end = managed_models_find(c->store.db,
		    c->operands[0], &id);

	return end != MANAGED_DONE ? end :
	    managed_models_delete(c->store.db, id);
}

static enum managed_end
find_both(struct command *c, int64_t *model, int64_t *channel)
{
	enum managed_end end = managed_models_find(c->store.db,
		    c->operands[0], model);

	return end != MANAGED_DONE ? end : managed_channels_find(c->store.db,
	    c->operands[1], channel);
}

static enum managed_end
run_map(struct command *c)
{
	int64_t	 model, channel;
	enum managed_end end = find_both(c, &model, &channel);

	return end != MANAGED_DONE ? end : managed_models_map(c->store.db,
	    model, channel, c->target != NULL ? c->target : c->operands[0],
	    c->weight, c->now_s);
}

static enum managed_end
run_unmap(struct command *c)
{
	int64_t	 model, channel;
	enum managed_end end = find_both(c, &model, &channel);

	return end != MANAGED_DONE ? end :
	    managed_models_unmap(c->store.db, model, channel);
}

/* ---- Printing: a row for each mapping, or one for a model without. ---- */

static const char *const titles[] = {
	"model", "channel", "name upstream", "weight",
};
enum { COLUMNS = sizeof titles / sizeof titles[0] };

struct listing {
	struct command	*command;
	struct table	 table;
	struct buf	 line;
	enum managed_end end;
};

static void
put_row(void *arg, const struct managed_mapping *m)
{
	struct listing *l = arg;

	table_add(&l->table, m->model);
	table_add(&l->table, m->channel);
	table_add(&l->table, m->backend_model_name);
	table_add_number(&l->table, m->weight);
}

static void
put_rows(void *arg, const struct managed_model *m)
{
	struct listing *l = arg;

	if (m->channels_count > 0) {
		l->end = managed_models_mappings(l->command->store.db, m->id,
		    0, put_row, l);
		return;
	}
	table_add(&l->table, m->name);
	for (size_t i = 1; i < COLUMNS; i++)
		table_add(&l->table, "");
}

static void
put_mapping(void *arg, const struct managed_mapping *m)
{
	struct listing *l = arg;

	admin_json_open(&l->line);
	admin_json_text(&l->line, "channel", m->channel);
	admin_json_id(&l->line, "channel_id", m->channel_id);
	admin_json_text(&l->line, "backend_model_name", m->backend_model_name);
	admin_json_integer(&l->line, "weight", m->weight);
	admin_json_close(&l->line);
}

static void
put_object(void *arg, const struct managed_model *m)
{
	struct listing *l = arg;

	admin_json_open(&l->line);
	admin_json_id(&l->line, "id", m->id);
	admin_json_text(&l->line, "name", m->name);
	admin_json_name(&l->line, "channels");
	buf_puts(&l->line, "[");
	if (m->channels_count > 0)
		l->end = managed_models_mappings(l->command->store.db, m->id,
		    0, put_mapping, l);
	buf_puts(&l->line, "]");
	admin_json_time(&l->line, "created_at", m->created);
	admin_json_time(&l->line, "updated_at", m->updated);
	admin_json_close(&l->line);
	admin_json_print(&l->line, l->command->out);
}

static enum managed_end
run_list(struct command *c)
{
	struct listing l = { .command = c, .end = MANAGED_DONE };
	enum managed_end end;

	table_init(&l.table, titles, COLUMNS);
	buf_init(&l.line, LINE_MAX_BYTES);
	end = managed_models_each(c->store.db, 0,
	    c->is_json ? put_object : put_rows, &l);
	if (end == MANAGED_DONE)
		end = l.end;
	if (end == MANAGED_DONE && !c->is_json)
		table_print(&l.table, c->out);
	buf_fini(&l.line);
	table_fini(&l.table);
	return end;
}

int
models_command_run(char **words, const char *file, FILE *out, FILE *err)
{
	struct command c = { .out = out, .file = file, .now_s = time(NULL) };
	int	 status = EXIT_USAGE;

	if (!parse_words(&c, words))
		return status;
	status = EXIT_FAILURE;
	if (command_store_open(&c.store, c.file, err))
		status = command_store_end(&c.store, c.verb->run(&c));
	command_store_close(&c.store);
	return status;
}
