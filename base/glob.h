/* glob.h - patterns for names, in which "*" stands for anything. */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Does the PATTERN of N bytes match all of TEXT? "*" stands for any bytes, "/"
 * among them, or none; every other byte for itself. Takes no more steps than
 * the product of their lengths, whatever the pattern.
 */
bool	glob_matches(const char *pattern, size_t n, const char *text);

/* Does one of the patterns in LIST, each on a line, match TEXT? */
bool	glob_list_matches(const char *list, const char *text);
#endif
