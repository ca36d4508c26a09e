#include "config.h"

#include "store/seal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/log.h"

enum {
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
	HEX_LEN = 2 * SEAL_KEY, BASE64_LEN = 44,
	PATH_SIZE = 4160, TEXT_SIZE = 128,
	PURPOSE_SIZE = 2048		/* a kind, a variable's name, two origins */
};

static_assert(SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    "the key's size");
static_assert(SEAL_KEY == crypto_secretbox_KEYBYTES &&
    NONCE == crypto_secretbox_NONCEBYTES && TAG == crypto_secretbox_MACBYTES,
    "what was sealed before has the same lengths");
static_assert(SEAL_MAX == SEAL_SECRET_MAX + NONCE + TAG, "what is added");

static bool fail(struct seal *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static bool
fail(struct seal *s, const char *format, ...)
{
	va_list	 args;

	sodium_memzero(s->key, sizeof s->key);
	va_start(args, format);
	vsnprintf(s->why, sizeof s->why, format, args);
	va_end(args);
	return false;
}

static bool
parse_key(struct seal *s, const char *text)
{
	size_t	 n = strlen(text), len = 0;
	const char *end;

	if (n == HEX_LEN)
		return sodium_hex2bin(s->key, SEAL_KEY, text, n, NULL, &len,
		    &end) == 0 && len == SEAL_KEY && *end == '\0';
	return n == BASE64_LEN && sodium_base642bin(s->key, SEAL_KEY, text, n,
	    NULL, &len, &end, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    len == SEAL_KEY && *end == '\0';
}

/* ---- The file. ---- */

static const char *
rights_problem(int fd)
{
	struct stat st;
	uid_t	 us = geteuid();

	if (fstat(fd, &st) != 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "this is no regular file";
	if ((st.st_mode & 077) != 0)
		return "others may read or write this file: chmod 600";
	if (us != 0 && st.st_uid != us && st.st_uid != 0)
		return "this file belongs to another user";
	return NULL;
}

/* Whole, without the newline; "" when there is too much of it. */
static void
read_text(int fd, char text[TEXT_SIZE])
{
	ssize_t	 n = pread(fd, text, TEXT_SIZE - 1, 0);

	text[n < 0 || n == TEXT_SIZE - 1 ? 0 : n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
}

static bool
load_file(struct seal *s, const char *path)
{
	char	 text[TEXT_SIZE];
	const char *problem;
	bool	 ok;
	int	 fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
		    O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ENOENT)
		return fail(s, "%s is not there", path);
	if (fd < 0)
		return fail(s, "%s: %s", path, errno == ELOOP ?
		    "this is no regular file" : strerror(errno));
	problem = rights_problem(fd);
	if (problem != NULL) {
		close(fd);
		return fail(s, "%s: %s", path, problem);
	}
	read_text(fd, text);
	close(fd);
	ok = parse_key(s, text);
	sodium_memzero(text, sizeof text);
	return ok || fail(s, "%s does not hold 32 bytes as 64 hex digits or "
	    "as base64", path);
}

static bool
write_key(int fd)
{
	unsigned char key[SEAL_KEY];
	char	 text[HEX_LEN + 1];
	bool	 ok;

	randombytes_buf(key, sizeof key);
	sodium_bin2hex(text, sizeof text, key, sizeof key);
	text[HEX_LEN] = '\n';
	ok = write(fd, text, sizeof text) == sizeof text && fsync(fd) == 0;
	sodium_memzero(key, sizeof key);
	sodium_memzero(text, sizeof text);
	return ok;
}

/* What root makes (sluicectl) is for who serves. */
static int
make_file(const char *dir, const char *path)
{
	struct stat st;
	int	 fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0 && geteuid() == 0 && stat(dir, &st) == 0 &&
	    fchown(fd, st.st_uid, st.st_gid) != 0)
		log_warn("%s stays root's: %s", path, strerror(errno));
	return fd;
}

static void
sync_directory(const char *dir)
{
	int	 fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
}

/*
 * At PATH the file is there as a whole or not at all, and never in the place of
 * another: whose link comes second finds the first one's.
 */
static bool
make_key(struct seal *s, const char *dir, const char *path)
{
	char	 fresh[PATH_SIZE];
	bool	 ok;
	int	 fd;

	snprintf(fresh, sizeof fresh, "%s/seal.key.%ld.%08x", dir,
	    (long)getpid(), (unsigned)randombytes_random());
	fd = make_file(dir, fresh);
	ok = fd >= 0 && write_key(fd) &&
	    (link(fresh, path) == 0 || errno == EEXIST);
	if (!ok)
		fail(s, "%s cannot be made: %s", path, strerror(errno));
	if (fd >= 0) {
		close(fd);
		unlink(fresh);
		sync_directory(dir);
	}
	return ok && load_file(s, path);
}

/* ---- The key. ---- */

static bool
load(struct seal *s, const struct seal_place *place, bool may_make)
{
	char	 path[PATH_SIZE];

	memset(s, 0, sizeof *s);
	if (place->value != NULL)
		return parse_key(s, place->value) || fail(s, "%s does not hold "
		    "32 bytes as 64 hex digits or as base64", place->name);
	snprintf(path, sizeof path, "%s/seal.key", place->dir);
	if (may_make && access(path, F_OK) != 0 && errno == ENOENT)
		return make_key(s, place->dir, path);
	return load_file(s, path);
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
