#include "config.h"

#include "handlers/passthrough.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gateway/gate.h"
#include "handlers/collection.h"
#include "handlers/listing.h"
#include "handlers/made.h"
#include "handlers/object_work.h"
#include "handlers/references.h"
#include "handlers/relay.h"
#include "handlers/reply.h"
#include "handlers/route.h"

/* One request on its way to a provider. */
struct passage {
	struct collection collection;
	const char	*wanted;	/* the provider that the client names, or NULL */
	struct id_list	 named;		/* what must be the key's own */
	const struct target *target;
};

/* ---- Which requests are passed. ---- */

/* First segments that lead to models elsewhere: Azure's, LiteLLM's, a second /v1. */
static const char *const other_roots[] = {
	"v1", "v2", "openai", "deployments", "engines",
};

static bool
has_other_root(const char *rest)
{
	size_t	 n = strcspn(rest, "/");

	for (size_t i = 0; i < sizeof other_roots / sizeof *other_roots; i++)
		if (strlen(other_roots[i]) == n &&
		    strncasecmp(rest, other_roots[i], n) == 0)
			return true;
	return false;
}

/* An upstream may take it for something that has rules of its own here. */
static bool
resembles_other(const struct exchange *x)
{
	const char *rest = x->call.path + strlen("/v1/");

	return route_resembles_other(x->call.path) || has_other_root(rest) ||
	    snapshot_find_path(x->call.snapshot, rest, true) !=
	    SNAPSHOT_PATH_NONE;
}

/* Ids and names of collections; nothing that servers fold or decode twice. */
static bool
is_plain(const char *rest)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:@!$'()*+,=/";

	return rest[strspn(rest, plain)] == '\0';
}

static bool
is_passed(const struct exchange *x)
{
	return x->route->method[0] != '*' ||
	    (is_plain(x->call.path + strlen("/v1/")) && !resembles_other(x));
}

/* ---- To whom. ---- */

static bool
is_wanted(const struct target *t, const char *name)
{
	const struct conf_provider *p = t->provider;

	return name != NULL ? strcmp(p->name, name) == 0 :
	    strcmp(p->ns, "default") == 0;
}

/*
 * The provider called NAME, or the first of the default namespace, but for
 * Anthropic's clients the first of Anthropic's, if there is any: what they call
 * files and batches are others than OpenAI's.
 */
static const struct target *
find_target(const struct exchange *x, const char *name)
{
	const struct snapshot *s = x->call.snapshot;
	bool	 chooses = name == NULL && exchange_is_anthropic(x);
	const struct target *first = NULL;

	for (size_t i = 0; i < s->passthrough_count; i++) {
		const struct target *t = &s->passthroughs[i];

		if (!is_wanted(t, name))
			continue;
		if (!chooses || t->provider->kind == CONF_KIND_ANTHROPIC)
			return t;
		if (first == NULL)
			first = t;
	}
	return first;
}

/* ---- Asking. ---- */

static bool
is_method(const struct exchange *x, const char *method)
{
	return strcmp(x->call.method, method) == 0;
}

static void
refuse(struct exchange *x)
{
	reply_error(x, ERR_NOT_FOUND, "There is nothing at this path: "
	    "it is none at which models are called, and no provider "
	    "takes other requests (passthrough).");
}

/* What is made, or named, is the key's from now on. */
static void
relay_noting(struct exchange *x, const struct passage *p, const char *kind)
{
	made_begin(x, made_spec_of(x, kind));
	relay_to(x, p->target, &made_order);
}

/* After it is settled: what was deleted is forgotten, or was gone before. */
static void
release_deleted(struct exchange *x)
{
	const struct passage *p = x->extra;
	struct object o = { .kind = "" };

	if (x->call.outcome != ERR_NONE || (x->call.status != 404 &&
	    (x->call.status < 200 || x->call.status >= 300)))
		return;
	object_work_set_place(&o, p->target);
	memcpy(o.kind, p->collection.kind, sizeof o.kind);
	snprintf(o.id, sizeof o.id, "%s", p->collection.id);
	object_work_forget(x, &o);
}

static void
pass_object(struct exchange *x, struct passage *p)
{
	static const struct relay_order plain;
	const struct collection *c = &p->collection;

	if (is_method(x, "DELETE") && c->rest[0] == '\0') {
		x->extra = p;
		x->release_extra = release_deleted;
		relay_to(x, p->target, &plain);
	} else if (is_method(x, "POST"))
		relay_noting(x, p, c->makes_more ? c->kind : NULL);
	else if (c->rest[0] == '\0' || strchr(c->rest, '/') != NULL)
		relay_noting(x, p, NULL);
	else
		relay_to(x, p->target, &plain);
}

static void
pass_collection(struct exchange *x, struct passage *p)
{
	const struct collection *c = &p->collection;

	if (is_method(x, "POST"))
		relay_noting(x, p, c->makes_part ? NULL : c->kind);
	else if (is_method(x, "GET") || is_method(x, "HEAD"))
		listing_begin(x, c, p->target);
	else
		refuse(x);
}

static void
pass(struct exchange *x, struct passage *p)
{
	exchange_forget_scan(x);
	if (p->target == NULL)
		refuse(x);
	else if (p->collection.id != NULL)
		pass_object(x, p);
	else
		pass_collection(x, p);
}

/*
 * A video is made by a model call, which any provider may serve, and every key
 * that may use the model: they may have what has become of it, too.
 */
static bool
is_of_call(const struct exchange *x, const struct collection *c)
{
	return c->id != NULL && strcmp(c->kind, "videos") == 0 &&
	    !is_method(x, "POST");
}

static void
on_found(struct exchange *x, enum objects_result result,
    const struct object *o)
{
	struct passage *p = x->state;
	const char *name = o->provider[0] != '\0' ? o->provider : p->wanted;

	if (result != OBJECTS_OK) {
		object_work_refuse(x, result, o);
		return;
	}
	p->target = is_of_call(x, &p->collection) ?
	    object_work_target(x, o) : find_target(x, name);
	pass(x, p);
}

/* ---- What it names. ---- */

/* JSON that is not called so would be read by nobody here, and by some upstream. */
static bool
resembles_json(const struct exchange *x)
{
	char	 text[256];
	ssize_t	 n = spool_read(&x->body, 0, text, sizeof text);

	for (ssize_t i = 0; i < n; i++)
		if (strchr(" \t\r\n\xef\xbb\xbf\xfe\xff", text[i]) == NULL)
			return text[i] == '{' || text[i] == '[';
	return n == sizeof text;
}

/* The object in the path comes first, and has no member. */
static enum err
read_named(struct exchange *x, struct passage *p)
{
	struct id_list *list = &p->named;
	struct id_list body = { .count = 0 };
	enum err err = references_read(x, &body);

	if (err != ERR_NONE)
		return err;
	if (x->scan == NULL && x->multipart == NULL && x->body.len > 0 &&
	    resembles_json(x))
		return ERR_MEDIA_TYPE;
	list->items = arena_alloc(x->call.arena, (body.count + 1) *
	    sizeof *list->items);
	if (p->collection.id != NULL)
		list->items[list->count++] = (struct id_found){
			.kind = p->collection.kind, .id = p->collection.id };
	for (size_t i = 0; i < body.count; i++)
		list->items[list->count++] = body.items[i];
	return ERR_NONE;
}

static void
find_named(struct exchange *x, struct passage *p)
{
	enum err err = read_named(x, p);

	if (err != ERR_NONE)
		reply_error(x, err, NULL);
	else if (p->named.count > 0)
		object_work_find_all(x, &p->named, p->wanted, on_found);
	else {
		p->target = find_target(x, p->wanted);
		pass(x, p);
	}
}

void
passthrough_handle(struct exchange *x)
{
	struct passage *p = arena_alloc(x->call.arena, sizeof *p);
	bool	 is_found = is_passed(x) && collection_find(&p->collection,
		    x->call.arena, x->call.path + strlen("/v1/"));

	x->state = p;
	p->wanted = params_get(&x->request->params, "HTTP_X_SLUICE_PROVIDER");
	if (is_found && is_of_call(x, &p->collection))
		find_named(x, p);
	else if (gate_check_model(&x->call, NULL) != ERR_NONE)
		reply_error(x, ERR_MODEL_NOT_ALLOWED, "This API key may be "
		    "used with some models only, and nothing at this path is "
		    "relayed by its model.");
	else if (is_found && x->call.snapshot->passthrough_count > 0)
		find_named(x, p);
	else
		refuse(x);
}
