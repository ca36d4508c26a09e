#include "config.h"

#include "handlers/models_command.h"

#include <stdlib.h>

#include "base/buf.h"
#include "handlers/admin_json.h"
#include "handlers/table.h"

enum { LINE_MAX_BYTES = 1 << 20 };

struct call {
	const char	*target;	/* NULL: the model's own name */
	unsigned	 weight;	/* 0: as usual */
};

/* ---- What the words say. ---- */

enum { MAP = COMMAND_OWN };

static bool
take_target(struct command *c, const char *name, const char *value)
{
	struct call *call = c->state;

	(void)name;
	call->target = value;
	return true;
}

static bool
take_weight(struct command *c, const char *name, const char *value)
{
	struct call *call = c->state;

	(void)name;
	return command_parse_number(value, MANAGED_WEIGHT_MAX, &call->weight);
}

static const struct command_option options[] = {
	{ "--as", MAP, true, take_target },
	{ "--weight", MAP, true, take_weight },
};

/* ---- What they do: the operands are a model and a channel. ---- */

static int
end(struct command *c, enum managed_end end)
{
	return end == MANAGED_DONE ? EXIT_SUCCESS : command_fail(c,
	    end == MANAGED_BROKEN ? db_path(c->store.db) : NULL,
	    managed_end_text(end));
}

static int
run_add(struct command *c)
{
	int64_t	 id;

	return end(c, managed_models_add(c->store.db, c->operands[0],
	    c->now_s, &id));
}

static int
run_delete(struct command *c)
{
	int64_t	 id;
	enum managed_end how = managed_models_find(c->store.db,
		    c->operands[0], &id);

	if (how == MANAGED_DONE)
		how = managed_models_delete(c->store.db, id);
	return end(c, how);
}

static enum managed_end
find_both(struct command *c, int64_t *model, int64_t *channel)
{
	enum managed_end how = managed_models_find(c->store.db,
		    c->operands[0], model);

	return how != MANAGED_DONE ? how : managed_channels_find(c->store.db,
	    c->operands[1], channel);
}

static int
run_map(struct command *c)
{
	const struct call *call = c->state;
	int64_t	 model, channel;
	enum managed_end how = find_both(c, &model, &channel);

	if (how == MANAGED_DONE)
		how = managed_models_map(c->store.db, model, channel,
		    call->target != NULL ? call->target : c->operands[0],
		    call->weight, c->now_s);
	return end(c, how);
}

static int
run_unmap(struct command *c)
{
	int64_t	 model, channel;
	enum managed_end how = find_both(c, &model, &channel);

	if (how == MANAGED_DONE)
		how = managed_models_unmap(c->store.db, model, channel);
	return end(c, how);
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

static int
run_list(struct command *c)
{
	struct listing l = { .command = c, .end = MANAGED_DONE };
	enum managed_end how;

	table_init(&l.table, titles, COLUMNS);
	buf_init(&l.line, LINE_MAX_BYTES);
	how = managed_models_each(c->store.db, 0,
	    c->is_json ? put_object : put_rows, &l);
	if (how == MANAGED_DONE)
		how = l.end;
	if (how == MANAGED_DONE && !c->is_json)
		table_print(&l.table, c->out);
	buf_fini(&l.line);
	table_fini(&l.table);
	return end(c, how);
}

static const struct command_verb verbs[] = {
	{ "add", "MODEL", 1, 1, 0, NULL, run_add },
	{ "delete", "MODEL", 1, 1, 0, NULL, run_delete },
	{ "map", "MODEL CHANNEL [--as NAME] [--weight N]", 2, 2, MAP, NULL,
	  run_map },
	{ "unmap", "MODEL CHANNEL", 2, 2, 0, NULL, run_unmap },
	{ "list", "[--json]", 0, 0, COMMAND_JSON, NULL, run_list },
};

static const struct command_words models = {
	.name = "models", .is_owner = true,
	.verbs = verbs, .verb_count = sizeof verbs / sizeof verbs[0],
	.options = options,
	.option_count = sizeof options / sizeof options[0],
};

void
models_command_print_help(FILE *out)
{
	command_print_help(&models, out);
}

int
models_command_run(struct command *c, char **words)
{
	struct call call = { .target = NULL };

	c->state = &call;
	return command_run(c, &models, words);
}
