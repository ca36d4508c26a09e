#include "config.h"

#include "handlers/api_config.h"

#include <string.h>

#include "base/json.h"
#include "conf/show_json.h"
#include "handlers/admin.h"
#include "handlers/admin_json.h"

/* Far from where a buffer would be full and the text cut. */
enum { CONFIG_MAX_BYTES = 48 << 20 };

/* What was made at run time has no file. */
static void
put_providers(struct buf *out, const struct snapshot *s)
{
	admin_json_name(out, "providers");
	buf_puts(out, "[");
	for (size_t i = 0; i < s->roster.count; i++) {
		const struct roster_entry *e = &s->roster.entries[i];

		admin_json_open(out);
		admin_json_text(out, "name", e->provider->name);
		admin_json_text_or_null(out, "file", e->provider->file);
		admin_json_bool(out, "has_key", e->key != NULL);
		admin_json_name(out, "settings");
		show_json_provider(out, s->conf, e->provider);
		admin_json_close(out);
	}
	buf_puts(out, "]");
}

/* Which API paths it serves; none is all of them. */
static void
put_paths(struct buf *out, const struct target *t)
{
	const char *const *paths = t->path == NULL ? t->paths : &t->path;
	size_t	 count = t->path == NULL ? t->path_count : 1;

	admin_json_name(out, "paths");
	buf_puts(out, "[");
	for (size_t i = 0; i < count; i++) {
		admin_json_next(out);
		json_write_string(out, paths[i], strlen(paths[i]));
	}
	buf_puts(out, "]");
}

static void
put_target(struct buf *out, const struct target *t)
{
	admin_json_open(out);
	admin_json_text(out, "provider", t->provider->name);
	admin_json_text(out, "channel", t->channel->name);
	admin_json_text(out, "base_url", t->base_url);
	admin_json_text_or_null(out, "model", t->model);
	put_paths(out, t);
	admin_json_number(out, "weight", (double)t->weight);
	admin_json_integer(out, "priority", t->provider->priority);
	admin_json_close(out);
}

/* What a wildcard stands for begins with its id. */
static void
put_model(struct buf *out, const struct model *m)
{
	admin_json_open(out);
	admin_json_text(out, "id", m->id);
	admin_json_bool(out, "is_wildcard", m->is_wildcard);
	admin_json_text(out, "owned_by", m->owned_by);
	admin_json_time(out, "created", m->created);
	admin_json_name(out, "targets");
	buf_puts(out, "[");
	for (size_t i = 0; i < m->target_count; i++) {
		put_target(out, &m->targets[i]);
	}
	buf_puts(out, "]}");
}

static void
put_models(struct buf *out, const struct snapshot *s)
{
	admin_json_name(out, "models");
	buf_puts(out, "[");
	for (size_t i = 0; i < s->model_count + s->wildcard_count; i++) {
		put_model(out, i < s->model_count ? &s->models[i] :
		    &s->wildcards[i - s->model_count]);
	}
	buf_puts(out, "]");
}

static void
tell_config(struct admin_job *j)
{
	const struct conf *conf = j->snapshot->conf;
	struct buf *out = &j->body;

	admin_json_open(out);
	admin_json_text_or_null(out, "file",
	    conf->file[0] == '\0' ? NULL : conf->file);
	admin_json_name(out, "settings");
	show_json_main(out, conf);
	put_providers(out, j->snapshot);
	admin_json_integer(out, "unusable_providers",
	    j->snapshot->roster.broken_count);
	put_models(out, j->snapshot);
	admin_json_close(out);
	if (buf_len(out) > CONFIG_MAX_BYTES)
		admin_fail(j, ERR_NO_MEMORY, NULL, NULL);
}

void
api_config_handle(struct exchange *x)
{
	admin_run(admin_begin(x), tell_config);
}
