#include "config.h"

#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = _Alignof(max_align_t), CHUNK_MAX = 65536 };

struct arena_chunk {
	struct arena_chunk	*next;
	_Alignas(max_align_t) char bytes[];
};

void
arena_init(struct arena *a, size_t first_size)
{
	*a = (struct arena){ .next_size = first_size };
}

void
arena_fini(struct arena *a)
{
	struct arena_chunk *chunk, *next;

	for (chunk = a->chunks; chunk != NULL; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	*a = (struct arena){ .next_size = a->next_size };
}

static void
arena_grow(struct arena *a, size_t need)
{
	struct arena_chunk *chunk;
	size_t	 size = a->next_size > need ? a->next_size : need;

	chunk = malloc(sizeof *chunk + size);
	if (chunk == NULL)
		abort();
	chunk->next = a->chunks;
	a->chunks = chunk;
	a->used = 0;
	a->size = size;
	if (a->next_size < CHUNK_MAX)
		a->next_size *= 2;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	void	*p;

	if (n > SIZE_MAX / 2)
		abort();
	n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (a->chunks == NULL || a->size - a->used < n)
		arena_grow(a, n);
	p = a->chunks->bytes + a->used;
	a->used += n;
	return memset(p, 0, n);
}

char *
arena_strdup(struct arena *a, const char *text)
{
	return text == NULL ? NULL : arena_strndup(a, text, strlen(text));
}

char *
arena_strndup(struct arena *a, const char *text, size_t n)
{
	return memcpy(arena_alloc(a, n + 1), text, n);
}

char *
arena_concat(struct arena *a, const char *first, ...)
{
	va_list	 args;
	size_t	 len = 0;
	char	*text, *end;

	va_start(args, first);
	for (const char *s = first; s != NULL; s = va_arg(args, const char *))
		len += strlen(s);
	va_end(args);
	text = end = arena_alloc(a, len + 1);
	va_start(args, first);
	for (const char *s = first; s != NULL; s = va_arg(args, const char *))
		end = stpcpy(end, s);
	va_end(args);
	return text;
}

char *
arena_printf(struct arena *a, const char *format, ...)
{
	va_list	 args;
	char	*text;
	int	 len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		abort();
	text = arena_alloc(a, (size_t)len + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}
