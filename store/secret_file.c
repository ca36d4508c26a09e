#include "config.h"

#include "store/secret_file.h"

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
	HEX_LEN = 2 * SECRET_FILE_KEY, BASE64_LEN = 44,
	PATH_SIZE = 4160, TEXT_SIZE = 128
};

static bool fail(struct secret_file *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static bool
fail(struct secret_file *s, const char *format, ...)
{
	va_list	 args;

	secret_file_forget(s);
	va_start(args, format);
	vsnprintf(s->why, sizeof s->why, format, args);
	va_end(args);
	return false;
}

bool
secret_file_parse(struct secret_file *s, const char *text)
{
	size_t	 n = strlen(text), len = 0;
	const char *end;

	if (n == HEX_LEN)
		return sodium_hex2bin(s->key, SECRET_FILE_KEY, text, n, NULL, &len,
		    &end) == 0 && len == SECRET_FILE_KEY && *end == '\0';
	return n == BASE64_LEN && sodium_base642bin(s->key, SECRET_FILE_KEY, text, n,
	    NULL, &len, &end, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    len == SECRET_FILE_KEY && *end == '\0';
}

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
load_file(struct secret_file *s, const char *path)
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
	ok = secret_file_parse(s, text);
	sodium_memzero(text, sizeof text);
	return ok || fail(s, "%s does not hold 32 bytes as 64 hex digits or "
	    "as base64", path);
}

static bool
write_key(int fd)
{
	unsigned char key[SECRET_FILE_KEY];
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
make_key(struct secret_file *s, const char *dir, const char *path)
{
	char	 fresh[PATH_SIZE + 24];
	bool	 ok;
	int	 fd;

	snprintf(fresh, sizeof fresh, "%s.%ld.%08x", path, (long)getpid(),
	    (unsigned)randombytes_random());
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

bool
secret_file_load(struct secret_file *s, const char *dir, const char *name,
    bool may_make)
{
	char	 path[PATH_SIZE];

	memset(s, 0, sizeof *s);
	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (may_make && access(path, F_OK) != 0 && errno == ENOENT)
		return make_key(s, dir, path);
	return load_file(s, path);
}

void
secret_file_forget(struct secret_file *s)
{
	sodium_memzero(s->key, sizeof s->key);
}
