/* hint.h - by what people recognise a secret that they have at hand. */
#ifndef BASE_HINT_H
#define BASE_HINT_H

enum { HINT_SIZE = 11 };

/*
 * "sk-...wxyz": its first 3 and last 4 characters, or fewer, the last ones
 * rather than the first, where those were more than a third of it.
 */
void	hint_make(const char *secret, char hint[HINT_SIZE]);
#endif
