/* text.h - what counts as text that people write. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Is TEXT (N bytes) well-formed UTF-8 without control characters of ASCII? */
bool	text_is_line(const char *text, size_t n);

/* The same, but tabs and ends of lines (CR, LF) may be in it. */
bool	text_is_lines(const char *text, size_t n);
#endif
