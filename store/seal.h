/* seal.h - secrets in the database: nobody reads them there without a key of
 * ours, and none opens for anything but what it was sealed for (libsodium's
 * XChaCha20-Poly1305 with additional data). */
#ifndef STORE_SEAL_H
#define STORE_SEAL_H

#include <stdbool.h>
#include <stddef.h>

enum {
	SEAL_KEY = 32,
	SEAL_SECRET_MAX = 512,
	SEAL_MAX = SEAL_SECRET_MAX + 40,	/* and the nonce and the tag */
	SEAL_WHY_SIZE = 320
};

/* The key that seals. Whoever has loaded one forgets it soon. */
struct seal {
	unsigned char	 key[SEAL_KEY];
	char		 why[SEAL_WHY_SIZE];	/* it cannot be used: a sentence about it */
};

/* Kinds of purposes. */
#define SEAL_CHANNEL	"channel"	/* the name is its id */
#define SEAL_VARIABLE	"variable"

/* What a secret is for. Both who seals and who opens must say the same. */
struct seal_purpose {
	const char	*kind;
	const char	*name;
	const char	*place;		/* where it may be sent: origin_make, provider_places */
};

/* Where the key is. */
struct seal_place {
	const char	*name;		/* of the variable that may have it */
	const char	*value;		/* of that variable; NULL: it is not set */
	const char	*dir;		/* else it is in the file seal.key in here */
};

/*
 * 32 bytes as 64 hex digits or as base64 of 44 characters, in the variable or
 * else the file, which must be a regular one that nobody but its owner may
 * read. False: there is none, or it cannot be used; why says which. Blocks on a
 * local file.
 */
bool	seal_load(struct seal *, const struct seal_place *);

/* Likewise, and where neither variable nor file is there the file is made. */
bool	seal_load_or_make(struct seal *, const struct seal_place *);

void	seal_forget(struct seal *);

/* SECRET, at most SEAL_SECRET_MAX bytes, sealed for PURPOSE. The length of OUT. */
size_t	seal_close(const struct seal *, const struct seal_purpose *,
	    const char *secret, unsigned char out[SEAL_MAX]);

/*
 * What was sealed (N bytes) for PURPOSE into SECRET. False: not with this key,
 * not for that, or it has been changed.
 */
bool	seal_open(const struct seal *, const struct seal_purpose *,
	    const void *sealed, size_t n, char secret[SEAL_SECRET_MAX + 1]);

/* The same for what was sealed before secrets had a purpose (secretbox). */
bool	seal_open_unbound(const struct seal *, const void *sealed, size_t n,
	    char secret[SEAL_SECRET_MAX + 1]);
#endif
