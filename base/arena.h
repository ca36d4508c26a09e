/* arena.h - memory that lives and dies together (a request, a configuration). */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk	*chunks;	/* newest first */
	size_t			 used, size;	/* of the newest chunk */
	size_t			 next_size;	/* of the chunk after it */
};

/* FIRST_SIZE is the size of the first chunk in bytes; later ones double up to 64 KiB. */
void	 arena_init(struct arena *, size_t first_size);
void	 arena_fini(struct arena *);

/* Zeroed, suitably aligned for anything. Aborts when the system has no memory. */
void	*arena_alloc(struct arena *, size_t);
char	*arena_strdup(struct arena *, const char *);		/* NULL stays NULL */
char	*arena_strndup(struct arena *, const char *, size_t);
/* The texts one after another; the last argument is NULL. */
char	*arena_concat(struct arena *, const char *, ...)
	    __attribute__((sentinel));
char	*arena_printf(struct arena *, const char *, ...)
	    __attribute__((format(printf, 2, 3)));
#endif
