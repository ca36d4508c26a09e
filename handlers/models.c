#include "config.h"

#include "handlers/models.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "gateway/gate.h"
#include "handlers/reply.h"
#include "handlers/route.h"

enum { LIST_MAX_BYTES = 16 << 20 };

/* The OpenAI model object. NAME is what the client may ask for. */
static void
put_model(struct buf *out, const struct model *m, const char *name)
{
	buf_puts(out, "{\"id\":");
	json_write_string(out, name, strlen(name));
	buf_printf(out, ",\"object\":\"model\",\"created\":%" PRId64
	    ",\"owned_by\":", m->created);
	json_write_string(out, m->owned_by, strlen(m->owned_by));
	buf_puts(out, "}");
}

void
models_handle_list(struct exchange *x)
{
	const struct snapshot *s = x->call.snapshot;
	const char *between = "";
	struct buf out;

	buf_init(&out, LIST_MAX_BYTES);
	buf_puts(&out, "{\"object\":\"list\",\"data\":[");
	for (size_t i = 0; i < s->model_count; i++) {
		if (!gate_allows_model(&x->call, &s->models[i]))
			continue;
		buf_puts(&out, between);
		between = ",";
		put_model(&out, &s->models[i], s->models[i].id);
	}
	buf_puts(&out, "]}");
	reply_json(x, 200, &out);
}

void
models_handle_one(struct exchange *x)
{
	const char *name = route_rest(x->route, x->call.path), *rest;
	const struct model *m = snapshot_find(x->call.snapshot, name, &rest);
	struct buf out;

	x->call.model = name;
	if (gate_check_model(&x->call, name) != ERR_NONE) {
		reply_error(x, ERR_MODEL_NOT_ALLOWED, NULL);
		return;
	}
	if (m == NULL) {
		reply_error(x, ERR_MODEL_NOT_FOUND,
		    arena_printf(x->call.arena,
		    "The model '%.256s' does not exist.", name));
		return;
	}
	buf_init(&out, LIST_MAX_BYTES);
	put_model(&out, m, name);
	reply_json(x, 200, &out);
}
