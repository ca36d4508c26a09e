/* guard.h - a mapped file that somebody cuts short must not end the process. */
#ifndef STORE_GUARD_H
#define STORE_GUARD_H

#include <stddef.h>

/*
 * Until guard_close, pages of the mapping MAP (N bytes, of a file, page-aligned)
 * that the file has lost become pages of zeros, this process's own, when they are
 * touched; without this the kernel would send SIGBUS. Installs a handler for
 * that signal; another's SIGBUS goes on to end the process. At most GUARD_MAX at
 * once; a further one is not guarded.
 */
void	guard_open(void *map, size_t n);
void	guard_close(const void *map);

enum { GUARD_MAX = 4 };
#endif
