#include "config.h"

#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_MIN = 256 };

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_fini(struct buf *b)
{
	free(b->data);
	buf_init(b, b->max);
}

/* Move the bytes to the front when that alone makes room, else grow. */
static enum err
buf_reserve(struct buf *b, size_t more)
{
	size_t	 len = buf_len(b), size;
	char	*data;

	if (more > b->max || len > b->max - more)
		return ERR_NO_MEMORY;
	if (b->size - b->end >= more)
		return ERR_NONE;
	if (b->start > 0) {
		memmove(b->data, b->data + b->start, len);
		b->start = 0;
		b->end = len;
		if (b->size - b->end >= more)
			return ERR_NONE;
	}
	size = b->size < SIZE_MIN ? SIZE_MIN : b->size;
	while (size < len + more)
		size *= 2;
	data = realloc(b->data, size);
	if (data == NULL)
		return ERR_NO_MEMORY;
	b->data = data;
	b->size = size;
	return ERR_NONE;
}

enum err
buf_append(struct buf *b, const void *bytes, size_t n)
{
	enum err err;

	if (n == 0)
		return ERR_NONE;
	err = buf_reserve(b, n);
	if (err != ERR_NONE)
		return err;
	memcpy(b->data + b->end, bytes, n);
	b->end += n;
	return ERR_NONE;
}

enum err
buf_puts(struct buf *b, const char *text)
{
	return buf_append(b, text, strlen(text));
}

enum err
buf_put_number(struct buf *b, uint64_t number)
{
	char	 digits[20];
	size_t	 at = sizeof digits;

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return buf_append(b, digits + at, sizeof digits - at);
}

enum err
buf_printf(struct buf *b, const char *format, ...)
{
	va_list	 args;
	enum err err;

	va_start(args, format);
	err = buf_vprintf(b, format, args);
	va_end(args);
	return err;
}

enum err
buf_vprintf(struct buf *b, const char *format, va_list args)
{
	char	 small[256], *big;
	va_list	 again;
	int	 len;
	enum err err;

	va_copy(again, args);
	len = vsnprintf(small, sizeof small, format, args);
	if (len < 0)
		err = ERR_INTERNAL;
	else if ((size_t)len < sizeof small)
		err = buf_append(b, small, len);
	else if (vasprintf(&big, format, again) < 0)
		err = ERR_NO_MEMORY;
	else {
		err = buf_append(b, big, len);
		free(big);
	}
	va_end(again);
	return err;
}

void
buf_consume(struct buf *b, size_t n)
{
	b->start += n;
	if (b->start >= b->end)
		b->start = b->end = 0;
}

void
buf_remove(struct buf *b, size_t at, size_t n)
{
	char	*place;

	assert(at <= buf_len(b) && n <= buf_len(b) - at);
	if (n == 0)
		return;
	place = b->data + b->start + at;
	memmove(place, place + n, buf_len(b) - at - n);
	b->end -= n;
}
