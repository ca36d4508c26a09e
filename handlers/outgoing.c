#include "config.h"

#include "handlers/outgoing.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "base/http.h"
#include "gateway/trace.h"
#include "upstream/dialect.h"
#include "upstream/headers.h"

enum { NAME_MAX_BYTES = 64 };

/* Nodes in the arena: libcurl only reads a list that it is given. */
struct list {
	struct arena		*arena;
	struct curl_slist	*first, **last;
};

static void
list_add(struct list *l, char *line)
{
	struct curl_slist *node = arena_alloc(l->arena, sizeof *node);

	node->data = line;
	*l->last = node;
	l->last = &node->next;
}

static void
list_add_field(struct list *l, const char *name, const char *value)
{
	list_add(l, arena_concat(l->arena, name, ": ", value, NULL));
}

/*
 * "HTTP_OPENAI_BETA" -> "openai-beta". False: no header of the client's, or too
 * long a name.
 */
static bool
field_name(const char *pair, char name[NAME_MAX_BYTES], const char **value)
{
	const char *p = pair + strlen("HTTP_");
	size_t	 n = 0;

	if (strncmp(pair, "HTTP_", 5) != 0)
		return false;
	for (; *p != '=' && *p != '\0' && n < NAME_MAX_BYTES - 1; p++)
		name[n++] = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
	name[n] = '\0';
	*value = p + 1;
	return *p == '=';
}

/* By the closed list, or because the provider's file says so. */
static bool
is_passed(const struct conf_provider *p, const char *name)
{
	if (headers_pass_request(name))
		return true;
	for (size_t i = 0; i < p->pass_header_count; i++)
		if (strcasecmp(p->pass_headers[i], name) == 0)
			return true;
	return false;
}

static bool
is_set_by_us(const struct conf_provider *p, const char *name)
{
	if (strcmp(name, "content-type") == 0 ||
	    strcasecmp(p->key_header, name) == 0)
		return true;
	for (size_t i = 0; i < p->header_count; i++)
		if (strcasecmp(p->headers[i].name, name) == 0)
			return true;
	return false;
}

/*
 * All keys share the provider's account, and so its idempotency keys: each of ours
 * has a space of its own there, in which the same value is the same again.
 */
static const char *
hash_idempotency_key(struct arena *arena, const char *key_id, const char *value)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char	*text = arena_alloc(arena, 2 * sizeof hash + 1);
	crypto_hash_sha256_state h;

	crypto_hash_sha256_init(&h);
	crypto_hash_sha256_update(&h, (const unsigned char *)key_id,
	    strlen(key_id) + 1);
	crypto_hash_sha256_update(&h, (const unsigned char *)value,
	    strlen(value));
	crypto_hash_sha256_final(&h, hash);
	sodium_bin2hex(text, 2 * sizeof hash + 1, hash, sizeof hash);
	return text;
}

static void
add_client_field(struct list *l, const struct exchange *x, const char *name,
    const char *value)
{
	if (strcmp(name, "idempotency-key") == 0)
		value = hash_idempotency_key(l->arena, exchange_key_id(x),
		    value);
	list_add_field(l, name, value);
}

static void
add_client_fields(struct list *l, const struct exchange *x,
    const struct conf_provider *p)
{
	const struct params *params = &x->request->params;
	char	 name[NAME_MAX_BYTES];
	const char *value;

	for (size_t i = 0; i < params->count; i++)
		if (field_name(params->pairs[i], name, &value) &&
		    http_is_token(name, strlen(name)) && *value != '\0' &&
		    is_passed(p, name) && !is_set_by_us(p, name) &&
		    http_is_field_value(value, strlen(value)))
			add_client_field(l, x, name, value);
}

static bool
list_has(const struct list *l, const char *name)
{
	size_t	 len = strlen(name);

	for (const struct curl_slist *i = l->first; i != NULL; i = i->next)
		if (strncasecmp(i->data, name, len) == 0 && i->data[len] == ':')
			return true;
	return false;
}

static void
add_provider_fields(struct list *l, const struct conf *conf,
    const struct outgoing *o)
{
	const struct conf_provider *p = o->target->provider;

	if (o->target->key != NULL)
		list_add(l, dialect_key_line(l->arena, p, o->path,
		    o->target->key));
	for (size_t i = 0; i < p->header_count; i++) {
		const char *value = p->headers[i].value;

		if (value == NULL)
			value = conf_getenv(conf, p->headers[i].value_env);
		if (value != NULL && http_is_field_value(value, strlen(value)))
			list_add_field(l, p->headers[i].name, value);
	}
}

/* W3C Trace Context section 4.3: without a traceparent there is no tracestate either. */
static void
add_trace_fields(struct list *l, const struct exchange *x)
{
	const struct params *p = &x->request->params;
	const char *state = params_get(p, "HTTP_TRACESTATE");

	if (x->call.traceparent == NULL)
		return;
	list_add_field(l, "traceparent", x->call.traceparent);
	if (state != NULL && http_is_field_value(state, strlen(state)) &&
	    trace_is_parent(params_get(p, "HTTP_TRACEPARENT")))
		list_add_field(l, "tracestate", state);
}

struct curl_slist *
outgoing_fields(struct arena *arena, const struct conf *conf,
    const struct exchange *x, const struct outgoing *o)
{
	static char hop[] = OUTGOING_HOP_FIELD ": 1";
	static char no_expect[] = "Expect:";	/* else bodies over 1 MB wait a second */
	static char agent[] = "User-Agent: " PACKAGE_NAME "/" PACKAGE_VERSION;
	const struct conf_provider *p = o->target->provider;
	struct list l = { .arena = arena };
	const char *name, *value;

	l.last = &l.first;
	add_provider_fields(&l, conf, o);
	if (x != NULL) {
		add_client_fields(&l, x, p);
		add_trace_fields(&l, x);
	}
	name = dialect_required_field(p->kind, &value);
	if (name != NULL && !list_has(&l, name))
		list_add_field(&l, name, value);
	if (!list_has(&l, "User-Agent"))
		list_add(&l, agent);	/* some providers take nothing without one */
	if (o->content_type != NULL &&
	    http_is_field_value(o->content_type, strlen(o->content_type)))
		list_add_field(&l, "Content-Type", o->content_type);
	list_add(&l, hop);
	list_add(&l, no_expect);
	return l.first;
}

const char *
outgoing_url(struct arena *arena, const struct outgoing *o)
{
	const struct dialect_call call = {
		.provider = o->target->provider,
		.base_url = o->target->base_url,
		.deployment = o->deployment,
		.path = o->path,
		.query = o->query,
	};

	return dialect_url(arena, &call);
}

const char *
outgoing_client_path(struct exchange *x)
{
	return http_encode(x->call.arena, x->call.path + strlen("/v1/"),
	    "/:@!$'()*+,=");
}
