#include "config.h"

#include "fcgi/params.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fcgiapp.h>
#include <fastcgi.h>

#include "fcgi/record.h"

enum { RECORDS_MAX = PARAMS_BYTES_MAX / RECORD_CONTENT_MAX + 1 };

extern char **environ;

/* The memory file that libfcgi reads; made at need, reused by every request. */
static int memory_fd = -1;

/* One length of a name-value pair (section 3.4): 1 or 4 bytes. False: cut off. */
static bool
params_length(const uint8_t **p, const uint8_t *end, size_t *out)
{
	if (*p == end)
		return false;
	if (**p < 0x80) {
		*out = *(*p)++;
		return true;
	}
	if (end - *p < 4)
		return false;
	*out = (size_t)((*p)[0] & 0x7f) << 24 | (size_t)(*p)[1] << 16 |
	    (size_t)(*p)[2] << 8 | (*p)[3];
	*p += 4;
	return true;
}

/*
 * libfcgi allocates what a length says before it reads; so lengths are held
 * against the bytes that are really there first.
 */
static enum err
params_add_up(const char *raw, size_t n)
{
	const uint8_t *p = (const uint8_t *)raw, *end = p + n;
	size_t	 name, value, count = 0;

	while (p < end) {
		count++;
		if (!params_length(&p, end, &name) ||
		    !params_length(&p, end, &value) ||
		    name > (size_t)(end - p) ||
		    value > (size_t)(end - p) - name)
			return ERR_BAD_REQUEST;
		p += name + value;
	}
	return count > PARAMS_COUNT_MAX ? ERR_FIELDS_TOO_LARGE : ERR_NONE;
}

/* BEGIN_REQUEST, the parameters and their empty last record, as libfcgi expects them. */
static bool
params_write(const char *raw, size_t n)
{
	uint8_t	 begin[2 * RECORD_HEAD] = { 0 };
	uint8_t	 heads[RECORDS_MAX + 1][RECORD_HEAD];
	struct iovec iov[2 * RECORDS_MAX + 2];
	int	 count = 0, records = 0;
	size_t	 total = 0, len;

	record_head(begin, FCGI_BEGIN_REQUEST, 1, RECORD_HEAD);
	begin[RECORD_HEAD + 1] = FCGI_RESPONDER;
	begin[RECORD_HEAD + 2] = FCGI_KEEP_CONN;
	iov[count++] = (struct iovec){ begin, sizeof begin };
	for (size_t at = 0; at < n; at += len) {
		len = n - at < RECORD_CONTENT_MAX ? n - at : RECORD_CONTENT_MAX;
		record_head(heads[records], FCGI_PARAMS, 1, len);
		iov[count++] = (struct iovec){ heads[records++], RECORD_HEAD };
		iov[count++] = (struct iovec){ (void *)(uintptr_t)(raw + at),
		    len };
	}
	record_head(heads[records], FCGI_PARAMS, 1, 0);
	iov[count++] = (struct iovec){ heads[records], RECORD_HEAD };
	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	if (memory_fd < 0)
		memory_fd = memfd_create("sluice-params", MFD_CLOEXEC);
	return memory_fd >= 0 &&
	    pwritev(memory_fd, iov, count, 0) == (ssize_t)total &&
	    lseek(memory_fd, 0, SEEK_SET) == 0;
}

/* Names differ in their lengths and ends; most begin alike. */
static unsigned
params_hash(const char *name, size_t len)
{
	if (len == 0)
		return 0;
	return (unsigned)(len + 7 * (unsigned char)name[len - 1] +
	    31 * (unsigned char)name[len / 2]) & (PARAMS_CHAINS - 1);
}

void
params_index(struct params *p, struct arena *arena)
{
	unsigned short *chain;

	memset(p->chains, 0, sizeof p->chains);
	p->next = arena_alloc(arena, (p->count + 1) * sizeof *p->next);
	for (size_t i = p->count; i > 0; i--) {
		chain = &p->chains[params_hash(p->pairs[i - 1],
		    p->name_lens[i - 1])];
		p->next[i] = *chain;
		*chain = (unsigned short)i;
	}
}

/* All or none: what is left out could be whom the web server knows. */
static enum err
params_copy(struct params *p, struct arena *arena, char *const *envp)
{
	size_t	 count = 0, bytes = 0, len;
	char	*text;

	for (char *const *e = envp; *e != NULL; e++) {
		bytes += strlen(*e) + 1;
		count++;
	}
	if (count > PARAMS_COUNT_MAX + 1)	/* FCGI_ROLE comes from libfcgi */
		return ERR_FIELDS_TOO_LARGE;
	p->pairs = arena_alloc(arena, count * sizeof *p->pairs);
	p->name_lens = arena_alloc(arena, count * sizeof *p->name_lens);
	p->count = count;
	text = arena_alloc(arena, bytes);
	for (size_t i = 0; i < count; i++) {
		len = strlen(envp[i]) + 1;
		p->pairs[i] = memcpy(text, envp[i], len);
		p->name_lens[i] = (unsigned)strcspn(text, "=");
		text += len;
	}
	params_index(p, arena);
	return ERR_NONE;
}

enum err
params_parse(struct params *p, struct arena *arena, const char *raw, size_t n)
{
	FCGX_Request fcgx;
	enum err err = ERR_NONE;

	if (n > PARAMS_BYTES_MAX)
		return ERR_FIELDS_TOO_LARGE;
	if ((err = params_add_up(raw, n)) != ERR_NONE)
		return err;
	if (!params_write(raw, n))
		return ERR_NO_MEMORY;
	FCGX_InitRequest(&fcgx, -1, 0);
	fcgx.ipcFd = memory_fd;
	fcgx.keepConnection = 1;
	if (FCGX_Accept_r(&fcgx) < 0) {
		memory_fd = -1;		/* libfcgi has closed it */
		err = ERR_BAD_REQUEST;
	} else
		err = params_copy(p, arena, fcgx.envp);
	FCGX_Free(&fcgx, 0);
	return err;
}

enum err
params_from_environ(struct params *p, struct arena *arena)
{
	return params_copy(p, arena, environ);
}

const char *
params_get(const struct params *p, const char *name)
{
	size_t	 len = strlen(name);

	for (size_t i = p->chains[params_hash(name, len)]; i > 0;
	    i = p->next[i])
		if (p->name_lens[i - 1] == len && p->pairs[i - 1][len] == '=' &&
		    memcmp(p->pairs[i - 1], name, len) == 0)
			return p->pairs[i - 1] + len + 1;
	return NULL;
}
