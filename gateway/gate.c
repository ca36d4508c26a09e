#include "config.h"

#include "gateway/gate.h"

#include <string.h>

#include <sodium.h>

#include "base/address.h"
#include "conf/conf.h"

enum { KEY_ID_BYTES = 16 };

enum err
gate_check(const struct snapshot *s, const char *credential,
    struct arena *arena, const char **key_id)
{
	unsigned char hash[SNAPSHOT_KEY_HASH];
	char	 hex[2 * KEY_ID_BYTES + 1];
	int	 found = 0;

	*key_id = NULL;
	if (s->conf->auth.open)
		return ERR_NONE;
	if (credential == NULL)
		return ERR_INVALID_API_KEY;
	crypto_hash_sha256(hash, (const unsigned char *)credential,
	    strlen(credential));
	for (size_t i = 0; i < s->key_count; i++)
		found |= sodium_memcmp(hash, s->key_hashes[i],
		    sizeof hash) == 0;
	if (!found)
		return ERR_INVALID_API_KEY;
	sodium_bin2hex(hex, sizeof hex, hash, KEY_ID_BYTES);
	*key_id = arena_strdup(arena, hex);
	return ERR_NONE;
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
