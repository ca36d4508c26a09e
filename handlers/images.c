#include "config.h"

#include "handlers/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "conf/origin.h"
#include "handlers/json_find.h"
#include "handlers/model_call.h"
#include "handlers/object_work.h"
#include "handlers/reply.h"
#include "handlers/route.h"

#define DATA_PATH "/v1/images/data/"

/*
 * One answer on its way to the client: its links are replaced one after
 * another, from the last.
 */
struct rewriting {
	struct buf	*answer;
	struct json_found found[JSON_FIND_MAX];
	size_t		 left;		/* found[0..left) are still to be looked at */
};

static void rewrite_next(struct exchange *);

/*
 * Only characters that a URL may have (RFC 3986): what else it holds is not
 * ours to mend.
 */
static bool
is_plain(const char *url)
{
	for (; *url != '\0'; url++)
		if (*url <= ' ' || *url >= 0x7f || *url == '"' || *url == '\\')
			return false;
	return true;
}

/*
 * Where the provider's key opens what URL names; NULL: it is to be left alone.
 * A URL that bears our own base stands for the provider's images path (P08).
 */
static const char *
upstream_url(struct exchange *x, const char *url)
{
	const char *base = x->call.snapshot->conf->base_url;
	const struct target *t = x->call.target;
	size_t	 len = strlen(base);

	if (!is_plain(url))
		return NULL;
	if (strncmp(url, base, len) == 0 &&
	    strncmp(url + len, DATA_PATH, strlen(DATA_PATH)) == 0)
		return arena_concat(x->call.arena, t->base_url,
		    "/images/data/", url + len + strlen(DATA_PATH), NULL);
	return origin_same(url, t->base_url) ? url : NULL;
}

/* Names may hold anything: a link's path segment may not. */
static const char *
encode_name(struct arena *arena, const char *name)
{
	static const char hex[] = "0123456789ABCDEF";
	char	*out = arena_alloc(arena, 3 * strlen(name) + 1), *end = out;

	for (; *name != '\0'; name++) {
		unsigned char c = (unsigned char)*name;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z') || strchr("-._~/", c) != NULL)
			*end++ = (char)c;
		else {
			*end++ = '%';
			*end++ = hex[c >> 4];
			*end++ = hex[c & 15];
		}
	}
	return out;
}

/* Put LINK where FOUND was. */
static void
replace(struct buf *answer, const struct json_found *found, const char *link)
{
	struct buf out;

	buf_init(&out, answer->max + OBJECTS_URL_MAX);
	buf_append(&out, buf_data(answer), found->start);
	json_write_string(&out, link, strlen(link));
	buf_append(&out, buf_data(answer) + found->end,
	    buf_len(answer) - found->end);
	buf_fini(answer);
	*answer = out;
}

static void
on_stored(struct exchange *x, enum objects_result result,
    const struct object *o)
{
	struct rewriting *r = x->extra;
	const char *model = encode_name(x->call.arena, x->call.model);

	if (result != OBJECTS_OK)
		log_warn("%s: an image link could not be stored and stays as "
		    "the provider made it", x->call.id);
	else
		replace(r->answer, &r->found[r->left],
		    arena_concat(x->call.arena,
		    x->call.snapshot->conf->base_url, DATA_PATH, model, "/",
		    o->id, NULL));
	rewrite_next(x);
}

/* Store where the link at found[left] leads. False: it stays as it is. */
static bool
rewrite_one(struct exchange *x, const struct json_found *found)
{
	struct rewriting *r = x->extra;
	struct object o = { .kind = "image" };
	const char *url;

	if (json_string_decode(buf_data(r->answer) + found->start,
	    found->end - found->start, o.url, sizeof o.url) < 0 ||
	    (url = upstream_url(x, o.url)) == NULL ||
	    strlen(url) >= sizeof o.url)
		return false;
	memmove(o.url, url, strlen(url) + 1);
	id_make(o.id);
	memcpy(o.id, "img_", 4);
	snprintf(o.provider, sizeof o.provider, "%s",
	    x->call.target->provider->name);
	object_work_put(x, &o, on_stored);
	return true;
}

static void
rewrite_next(struct exchange *x)
{
	struct rewriting *r = x->extra;

	while (r->left > 0) {
		r->left--;
		if (rewrite_one(x, &r->found[r->left]))
			return;
	}
	relay_finish(x);
}

static void
rewrite_answer(struct exchange *x, struct buf *answer)
{
	struct rewriting *r = arena_alloc(x->call.arena, sizeof *r);

	r->answer = answer;
	r->left = json_find_urls(buf_data(answer), buf_len(answer), r->found);
	x->extra = r;
	rewrite_next(x);
}

void
images_handle_call(struct exchange *x)
{
	static const struct relay_order extras = { .finish = rewrite_answer };

	model_call_start(x, &extras);
}

/* ---- Fetching. ---- */

static void
on_found(struct exchange *x, enum objects_result result,
    const struct object *o)
{
	const struct target *target = result != OBJECTS_OK ? NULL :
	    snapshot_find_provider(x->call.snapshot, o->provider);

	if (result == OBJECTS_DB_ERROR)
		reply_error(x, ERR_STORE, NULL);
	else if (target == NULL || !relay_fetch(x, target,
	    arena_strdup(x->call.arena, o->url)))
		reply_error(x, ERR_OBJECT_NOT_FOUND,
		    "There is no such image, or its link has expired.");
}

/* The id is the last segment; the model before it is for people to read. */
void
images_handle_data(struct exchange *x)
{
	const char *rest = route_rest(x->route, x->call.path);
	const char *slash = strrchr(rest, '/');
	struct object o = { .kind = "image" };

	if (slash == NULL || slash == rest || strlen(slash + 1) >= sizeof o.id) {
		reply_error(x, ERR_NOT_FOUND, NULL);
		return;
	}
	x->call.model = arena_strndup(x->call.arena, rest,
	    (size_t)(slash - rest));
	snprintf(o.id, sizeof o.id, "%s", slash + 1);
	object_work_find(x, &o, on_found);
}
