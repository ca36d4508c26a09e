#include "config.h"

#include "base/decoder.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "base/param.h"

enum {
	GZIP_BITS = 15 + 16,		/* the largest window, and gzip around it */
	ZLIB_BITS = 15,
	ZSTD_WINDOW_LOG = 23
};

struct decoder {
	enum coding	 coding;
	bool		 begun;		/* a member or frame has begun and not ended */
	bool		 ended;		/* nothing may follow */
	bool		 failed;
	z_stream	 zlib;
	ZSTD_DStream	*zstd;		/* NULL: zlib is used */
};

static const struct { const char *name; enum coding coding; } codings[] = {
	{ "gzip", CODING_GZIP }, { "x-gzip", CODING_GZIP },
	{ "deflate", CODING_DEFLATE }, { "zstd", CODING_ZSTD },
	{ "identity", CODING_NONE },
};

const char decoder_names[] = "gzip, deflate, zstd";

static enum coding
find_coding(struct param_text name)
{
	for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++)
		if (param_is(name, codings[i].name))
			return codings[i].coding;
	return CODING_UNKNOWN;
}

/* Take an element off the list LIST, without white space around it. */
static struct param_text
take_element(struct param_text *list)
{
	struct param_text element;
	size_t n = 0;

	param_skip_space(list);
	while (n < list->n && list->p[n] != ',')
		n++;
	element = (struct param_text){ list->p, n };
	while (element.n > 0 && (element.p[element.n - 1] == ' ' ||
	    element.p[element.n - 1] == '\t'))
		element.n--;
	list->p += n;
	list->n -= n;
	if (list->n > 0) {
		list->p++;
		list->n--;
	}
	return element;
}

enum coding
decoder_coding(const char *content_encoding)
{
	const char *text = content_encoding == NULL ? "" : content_encoding;
	struct param_text list = { text, strlen(text) };
	enum coding found = CODING_NONE, coding;

	while (list.n > 0) {
		struct param_text element = take_element(&list);

		coding = element.n == 0 ? CODING_NONE : find_coding(element);
		if (coding == CODING_NONE)
			continue;
		if (found != CODING_NONE)
			return CODING_UNKNOWN;
		found = coding;
	}
	return found;
}

struct decoder *
decoder_create(enum coding coding)
{
	struct decoder *d = calloc(1, sizeof *d);
	bool ok;

	assert(coding != CODING_NONE && coding != CODING_UNKNOWN);
	if (d == NULL)
		abort();
	d->coding = coding;
	if (coding == CODING_ZSTD) {
		d->zstd = ZSTD_createDStream();
		ok = d->zstd != NULL && !ZSTD_isError(ZSTD_DCtx_setParameter(
		    d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
	} else
		ok = inflateInit2(&d->zlib, coding == CODING_GZIP ?
		    GZIP_BITS : ZLIB_BITS) == Z_OK;
	if (!ok)
		abort();
	return d;
}

void
decoder_free(struct decoder *d)
{
	if (d == NULL)
		return;
	if (d->zstd != NULL)
		ZSTD_freeDStream(d->zstd);
	else
		inflateEnd(&d->zlib);
	free(d);
}

static bool
step_zlib(struct decoder *d, const void *in, size_t n, size_t *used,
    void *out, size_t room, size_t *made)
{
	int	 result;

	d->zlib.next_in = (Bytef *)(uintptr_t)in;
	d->zlib.avail_in = (uInt)n;
	d->zlib.next_out = out;
	d->zlib.avail_out = (uInt)room;
	result = inflate(&d->zlib, Z_NO_FLUSH);
	*used = n - d->zlib.avail_in;
	*made = room - d->zlib.avail_out;
	d->begun = result != Z_STREAM_END;
	if (result == Z_STREAM_END && d->coding == CODING_GZIP)
		return inflateReset(&d->zlib) == Z_OK;
	d->ended = result == Z_STREAM_END;
	return d->ended || result == Z_OK || result == Z_BUF_ERROR;
}

static bool
step_zstd(struct decoder *d, const void *in, size_t n, size_t *used, void *out,
    size_t room, size_t *made)
{
	ZSTD_inBuffer from = { in, n, 0 };
	ZSTD_outBuffer to = { out, room, 0 };
	size_t	 left = ZSTD_decompressStream(d->zstd, &to, &from);

	*used = from.pos;
	*made = to.pos;
	d->begun = left != 0;
	return !ZSTD_isError(left);
}

/* zlib counts in int. What is left over is for the next call. */
static size_t
at_most(size_t n)
{
	return n < 1 << 20 ? n : 1 << 20;
}

enum err
decoder_step(struct decoder *d, const void *in, size_t n, size_t *used,
    void *out, size_t room, size_t *made)
{
	bool	 ok = !d->failed;

	*used = *made = 0;
	/* With nothing begun there is nothing held back, and no end to come. */
	if (ok && (n > 0 || d->begun)) {
		ok = !d->ended && (d->zstd != NULL ? step_zstd : step_zlib)(
		    d, in, at_most(n), used, out, at_most(room), made) &&
		    (n == 0 || *used > 0 || *made > 0);
	}
	d->failed = !ok;
	return ok ? ERR_NONE : ERR_DECODE;
}

enum err
decoder_end(const struct decoder *d)
{
	return d->failed || d->begun ? ERR_DECODE : ERR_NONE;
}
