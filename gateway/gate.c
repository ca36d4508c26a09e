#include "config.h"

#include "gateway/gate.h"

#include <string.h>

#include <sodium.h>

#include "base/address.h"
#include "base/glob.h"
#include "conf/conf.h"
#include "gateway/channel.h"

#define DEFAULT_PREFIX	"default/"

enum {
	NAME_MAX_BYTES = 512		/* what is longer no pattern is tried on */
};

/* The id of the key of keys_env whose HASH it is; NULL: none. All are looked at. */
static const char *
find_env_key(const struct snapshot *s, const unsigned char *hash)
{
	const char *id = NULL;

	for (size_t i = 0; i < s->key_count; i++)
		if (sodium_memcmp(hash, s->key_hashes[i],
		    SNAPSHOT_KEY_HASH) == 0)
			id = s->key_names[i];
	return id;
}

static int64_t
now_of(const struct call *c)
{
	return (int64_t)(c->start_wall_us / 1000000);
}

static bool
is_good(const struct key *key, int64_t now_s)
{
	return key->enabled && (key->expires == 0 || key->expires > now_s);
}

/* LIST "" allows all. */
static bool
list_allows(const char *list, const char *name)
{
	return *list == '\0' || (strlen(name) <= NAME_MAX_BYTES &&
	    glob_list_matches(list, name));
}

/* Under /v1 what comes after it, elsewhere the path with its slash. */
static bool
key_allows_path(const struct key *key, const char *path)
{
	return list_allows(key->endpoints,
	    strncmp(path, "/v1/", 4) == 0 ? path + 4 : path);
}

/* KEY may be NULL: there is none. */
static enum err
admit(struct call *c, const struct key *key)
{
	if (key == NULL || !is_good(key, now_of(c)))
		return ERR_INVALID_API_KEY;
	c->key = key;
	c->key_id = key->id;
	return key_allows_path(key, c->path) ? ERR_NONE :
	    ERR_ENDPOINT_NOT_ALLOWED;
}

enum err
gate_check_user(struct call *c, const char *user)
{
	c->key_id = NULL;
	c->key = NULL;
	if (c->snapshot->conf->auth.open)
		return ERR_NONE;
	return admit(c, user == NULL ? NULL :
	    key_list_find_user(c->keys, user));
}

enum err
gate_check(struct call *c, const char *credential)
{
	unsigned char hash[SNAPSHOT_KEY_HASH];

	c->key_id = NULL;
	c->key = NULL;
	if (c->snapshot->conf->auth.open)
		return ERR_NONE;
	if (credential == NULL)
		return ERR_INVALID_API_KEY;
	crypto_hash_sha256(hash, (const unsigned char *)credential,
	    strlen(credential));
	c->key_id = find_env_key(c->snapshot, hash);
	return c->key_id != NULL ? ERR_NONE : admit(c,
	    key_list_find(c->keys, hash, now_of(c)));
}

/* Is the model of the default namespace, wherever its targets come from? */
static bool
is_default(const struct model *m)
{
	for (size_t i = 0; i < m->target_count; i++)
		if (strcmp(m->targets[i].provider->ns, "default") != 0)
			return false;
	return true;
}

/* ID is an exposed one, of M or beginning with it. */
static bool
key_allows_id(const struct call *c, const struct model *m, const char *id)
{
	const char *list = c->key->models;

	return list_allows(list, id) || (is_default(m) &&
	    list_allows(list, arena_concat(c->arena, DEFAULT_PREFIX, id,
	    NULL)));
}

bool
gate_allows_model(const struct call *c, const struct model *m)
{
	return c->key == NULL || *c->key->models == '\0' ||
	    key_allows_id(c, m, m->id);
}

/* What is not there is judged by its name, lest the answer tell that it is not. */
enum err
gate_check_model(const struct call *c, const char *name)
{
	const struct model *m;
	const char *rest;
	bool	 ok;

	if (c->key == NULL || *c->key->models == '\0')
		return ERR_NONE;
	m = name == NULL ? NULL : snapshot_find(c->snapshot, name, &rest);
	if (m == NULL)
		ok = list_allows(c->key->models, name == NULL ? "" : name);
	else if (rest == NULL)
		ok = key_allows_id(c, m, m->id);
	else
		ok = key_allows_id(c, m, arena_concat(c->arena, m->id, rest,
		    NULL));
	return ok ? ERR_NONE : ERR_MODEL_NOT_ALLOWED;
}

uint64_t
gate_client(const struct call *c)
{
	uint64_t hash;

	if (c->key_id == NULL ||
	    c->snapshot->key_count + key_list_count(c->keys) <= 1)
		return 0;
	hash = channel_hash(c->key_id, strlen(c->key_id));
	return hash != 0 ? hash : 1;
}

bool
gate_equal(const char *credential, const char *secret)
{
	unsigned char a[SNAPSHOT_KEY_HASH], b[SNAPSHOT_KEY_HASH];

	if (credential == NULL || secret == NULL)
		return false;
	crypto_hash_sha256(a, (const unsigned char *)credential,
	    strlen(credential));
	crypto_hash_sha256(b, (const unsigned char *)secret, strlen(secret));
	return sodium_memcmp(a, b, sizeof a) == 0;
}

bool
gate_is_admin(const struct snapshot *s, const char *credential)
{
	const char *key = conf_getenv(s->conf, s->conf->auth.admin_key_env);

	return gate_equal(credential, key);
}

bool
gate_allows_metrics(const struct snapshot *s, const char *address)
{
	for (size_t i = 0; address != NULL && i < s->conf->metrics.allow_count;
	    i++)
		if (address_is_in(address, s->conf->metrics.allow[i]))
			return true;
	return false;
}
