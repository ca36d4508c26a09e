#include "config.h"

#include "store/seal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "store/secret_file.h"

enum {
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
	PURPOSE_SIZE = 2048		/* a kind, a variable's name, two origins */
};

static_assert(SEAL_KEY == (int)SECRET_FILE_KEY &&
    SEAL_WHY_SIZE == (int)SECRET_FILE_WHY_SIZE, "what the file gives");
static_assert(SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    "the key's size");
static_assert(SEAL_KEY == crypto_secretbox_KEYBYTES &&
    NONCE == crypto_secretbox_NONCEBYTES && TAG == crypto_secretbox_MACBYTES,
    "what was sealed before has the same lengths");
static_assert(SEAL_MAX == SEAL_SECRET_MAX + NONCE + TAG, "what is added");

static bool
load(struct seal *s, const struct seal_place *place, bool may_make)
{
	struct secret_file file = { .why = "" };
	bool	 ok;

	if (place->value == NULL)
		ok = secret_file_load(&file, place->dir, "seal.key", may_make);
	else if (!(ok = secret_file_parse(&file, place->value))) {
		secret_file_forget(&file);
		snprintf(file.why, sizeof file.why, "%s does not hold 32 bytes "
		    "as 64 hex digits or as base64", place->name);
	}
	memcpy(s->key, file.key, sizeof s->key);
	memcpy(s->why, file.why, sizeof s->why);
	secret_file_forget(&file);
	return ok;
}

bool
seal_load(struct seal *s, const struct seal_place *place)
{
	return load(s, place, false);
}

bool
seal_load_or_make(struct seal *s, const struct seal_place *place)
{
	return load(s, place, true);
}

void
seal_forget(struct seal *s)
{
	sodium_memzero(s->key, sizeof s->key);
}

/* ---- What is sealed with it: the nonce, then the secret and the tag. ---- */

/* Names and places hold no line's end, so that no two purposes are one text. */
static size_t
write_purpose(const struct seal_purpose *p, char text[PURPOSE_SIZE])
{
	int	 n = snprintf(text, PURPOSE_SIZE, "%s\n%s\n%s\n", p->kind,
		    p->name, p->place);

	assert(n > 0 && n < PURPOSE_SIZE);
	return (size_t)n;
}

size_t
seal_close(const struct seal *s, const struct seal_purpose *purpose,
    const char *secret, unsigned char out[SEAL_MAX])
{
	char	 text[PURPOSE_SIZE];
	size_t	 n = strlen(secret), len = write_purpose(purpose, text);

	assert(n <= SEAL_SECRET_MAX);
	randombytes_buf(out, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE, NULL,
	    (const unsigned char *)secret, n, (const unsigned char *)text, len,
	    NULL, out, s->key);
	return NONCE + TAG + n;
}

static bool
fits(size_t n)
{
	return n >= NONCE + TAG && n <= SEAL_MAX;
}

bool
seal_open(const struct seal *s, const struct seal_purpose *purpose,
    const void *sealed, size_t n, char secret[SEAL_SECRET_MAX + 1])
{
	const unsigned char *in = sealed;
	char	 text[PURPOSE_SIZE];
	size_t	 len = write_purpose(purpose, text);

	if (!fits(n) || crypto_aead_xchacha20poly1305_ietf_decrypt(
	    (unsigned char *)secret, NULL, NULL, in + NONCE, n - NONCE,
	    (const unsigned char *)text, len, in, s->key) != 0)
		return false;
	secret[n - NONCE - TAG] = '\0';
	return true;
}

bool
seal_open_unbound(const struct seal *s, const void *sealed, size_t n,
    char secret[SEAL_SECRET_MAX + 1])
{
	const unsigned char *in = sealed;

	if (!fits(n) || crypto_secretbox_open_easy((unsigned char *)secret,
	    in + NONCE, n - NONCE, in, s->key) != 0)
		return false;
	secret[n - NONCE - TAG] = '\0';
	return true;
}
