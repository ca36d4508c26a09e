#include "config.h"

#include "store/key_ids.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

enum { ID_BYTES = (KEYS_ID_SIZE - 1) / 2, OLD_DIGITS = 2 * ID_BYTES };

static_assert(SECRET_FILE_KEY == crypto_auth_hmacsha256_KEYBYTES &&
    ID_BYTES <= crypto_auth_hmacsha256_BYTES, "what libsodium takes and gives");

bool
key_ids_load(struct key_ids *ids, const char *state_dir)
{
	return secret_file_load(&ids->file, state_dir, "ids.key", true);
}

void
key_ids_make_up(struct key_ids *ids)
{
	randombytes_buf(ids->file.key, sizeof ids->file.key);
}

void
key_ids_forget(struct key_ids *ids)
{
	secret_file_forget(&ids->file);
}

static bool
is_old(const char *text)
{
	return strnlen(text, OLD_DIGITS + 1) == OLD_DIGITS &&
	    strspn(text, "0123456789abcdef") == OLD_DIGITS;
}

/* A "k" in front tells it from an old one, which is nothing but hex. */
void
key_ids_translate(const struct key_ids *ids, const char *old,
    char id[KEYS_ID_SIZE])
{
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	size_t	 n = strnlen(old, KEYS_ID_SIZE - 1);

	if (!is_old(old)) {
		memmove(id, old, n);
		id[n] = '\0';
		return;
	}
	crypto_auth_hmacsha256(mac, (const unsigned char *)old, OLD_DIGITS,
	    ids->file.key);
	sodium_bin2hex(id, KEYS_ID_SIZE, mac, ID_BYTES);
	id[0] = 'k';
}

void
key_ids_make(const struct key_ids *ids, const unsigned char *hash,
    char id[KEYS_ID_SIZE])
{
	char	 old[KEYS_ID_SIZE];

	sodium_bin2hex(old, sizeof old, hash, ID_BYTES);
	key_ids_translate(ids, old, id);
	sodium_memzero(old, sizeof old);
}
