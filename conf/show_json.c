#include "config.h"

#include "conf/show_json.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "conf/conf.h"
#include "conf/keys.h"
#include "conf/show.h"

/* Where the text goes, and what knows the variables. */
struct show {
	struct buf		*out;
	const struct conf	*conf;
};

#define MEMBER(structure, offset, type) \
	((const type *)(const void *)((const char *)(structure) + (offset)))

typedef void put_fn(struct show *, const struct key *, const void *);

static put_fn *const putters[KEYS_TYPE__MAX];

static void put_object(struct show *, enum keys_scope, const void *structure);

static void
put_text(struct show *s, const char *text)
{
	if (text == NULL)
		buf_puts(s->out, "null");
	else
		json_write_string(s->out, text, strlen(text));
}

static void
put_variable(struct show *s, const char *name)
{
	if (name == NULL) {
		buf_puts(s->out, "null");
		return;
	}
	buf_puts(s->out, "{\"variable\":");
	put_text(s, name);
	buf_printf(s->out, ",\"is_set\":%s}",
	    conf_getenv(s->conf, name) != NULL ? "true" : "false");
}

static void
put_proxy(struct show *s, const char *url)
{
	size_t	 start, user = values_userinfo(url, &start);
	struct buf masked;

	buf_init(&masked, strlen(url) + sizeof show_mask);
	buf_append(&masked, url, start);
	if (user > 0)
		buf_printf(&masked, "%s@", show_mask);
	buf_puts(&masked, url + start + user);
	json_write_string(s->out, buf_data(&masked), buf_len(&masked));
	buf_fini(&masked);
}

static void
put_string(struct show *s, const struct key *key, const void *structure)
{
	const char *text = *MEMBER(structure, key->offset, char *);

	if (key->value == values_env)
		put_variable(s, text);
	else if (text != NULL && key->secret)
		put_text(s, show_mask);
	else if (text != NULL && *text != '\0' && key->value == values_proxy)
		put_proxy(s, text);
	else
		put_text(s, text);
}

static void
put_choice(struct show *s, const struct key *key, const void *structure)
{
	put_text(s, key->choices[*MEMBER(structure, key->offset, int)]);
}

static void
put_bool(struct show *s, const struct key *key, const void *structure)
{
	buf_puts(s->out, *MEMBER(structure, key->offset, bool) ? "true" :
	    "false");
}

static void
put_seconds(struct show *s, const struct key *key, const void *structure)
{
	unsigned ms = *MEMBER(structure, key->offset, unsigned);

	buf_printf(s->out, "%.15g", ms / 1000.0);
}

static void
put_unsigned(struct show *s, const struct key *key, const void *structure)
{
	buf_put_number(s->out, *MEMBER(structure, key->offset, unsigned));
}

static void
put_bytes(struct show *s, const struct key *key, const void *structure)
{
	buf_put_number(s->out, *MEMBER(structure, key->offset, uint64_t));
}

static void
put_ratio(struct show *s, const struct key *key, const void *structure)
{
	buf_printf(s->out, "%.15g", *MEMBER(structure, key->offset, double));
}

static void
put_strings(struct show *s, const struct key *key, const void *structure)
{
	const char *const *list =
	    *MEMBER(structure, key->offset, char *const *);
	size_t	 n = *MEMBER(structure, key->count_offset, size_t);

	buf_puts(s->out, "[");
	for (size_t i = 0; i < n; i++) {
		buf_puts(s->out, i == 0 ? "" : ",");
		put_text(s, list[i]);
	}
	buf_puts(s->out, "]");
}

static void
put_groups(struct show *s, const struct key *key, const void *structure)
{
	const char *list = *MEMBER(structure, key->offset, char *);
	size_t	 n = *MEMBER(structure, key->count_offset, size_t);

	buf_puts(s->out, "[");
	for (size_t i = 0; i < n; i++) {
		buf_puts(s->out, i == 0 ? "" : ",");
		put_object(s, key->element,
		    list + i * keys_scope_size(key->element));
	}
	buf_puts(s->out, "]");
}

static put_fn *const putters[KEYS_TYPE__MAX] = {
	[KEYS_STRING] = put_string,
	[KEYS_PATH] = put_string,
	[KEYS_URL] = put_string,
	[KEYS_CHOICE] = put_choice,
	[KEYS_BOOL] = put_bool,
	[KEYS_SECONDS] = put_seconds,
	[KEYS_MILLISECONDS] = put_unsigned,
	[KEYS_BYTES] = put_bytes,
	[KEYS_COUNT] = put_unsigned,
	[KEYS_RATIO] = put_ratio,
	[KEYS_STRINGS] = put_strings,
	[KEYS_GROUPS] = put_groups,
};

/*
 * Leave the group that GROUP begins with, N bytes, and enter that of the key
 * NAME, unless they are the same. GROUP NULL: nothing stands before NAME. The
 * keys of one group stand together in the table. Returns the new one's length.
 */
static size_t
enter_group(struct show *s, const char *group, size_t n, const char *name)
{
	const char *dot = strchr(name, '.');
	size_t	 length = dot == NULL ? 0 : (size_t)(dot - name);

	if (group != NULL && length == n && strncmp(group, name, n) == 0) {
		buf_puts(s->out, ",");
		return n;
	}
	buf_puts(s->out, group == NULL ? "" : n > 0 ? "}," : ",");
	if (length > 0)
		buf_printf(s->out, "\"%.*s\":{", (int)length, name);
	return length;
}

static void
put_object(struct show *s, enum keys_scope scope, const void *structure)
{
	const char *group = NULL;
	size_t	 n = 0;

	buf_puts(s->out, "{");
	for (const struct key *key = keys; key->name != NULL; key++) {
		if (key->scope != scope)
			continue;
		n = enter_group(s, group, n, key->name);
		group = key->name;
		buf_printf(s->out, "\"%s\":", key->name + n + (n > 0));
		if (show_is_unset(key, structure))
			buf_puts(s->out, "null");
		else
			putters[key->type](s, key, structure);
	}
	buf_puts(s->out, n > 0 ? "}}" : "}");
}

void
show_json_main(struct buf *out, const struct conf *conf)
{
	struct show s = { .out = out, .conf = conf };

	put_object(&s, KEYS_MAIN, conf);
}

void
show_json_provider(struct buf *out, const struct conf *conf,
    const struct conf_provider *p)
{
	struct show s = { .out = out, .conf = conf };

	put_object(&s, KEYS_PROVIDER, p);
}
