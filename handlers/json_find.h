/* json_find.h - where the image URLs of an answer stand. */
#ifndef HANDLERS_JSON_FIND_H
#define HANDLERS_JSON_FIND_H

#include <stddef.h>

enum { JSON_FIND_MAX = 16 };

/* A string member's raw bytes, quotes included, at offsets [start, end). */
struct json_found {
	size_t	 start, end;
};

/*
 * Find the members "url" of the objects in the top-level array "data" of TEXT
 * (N bytes of JSON). Returns how many were found, at most JSON_FIND_MAX, or 0
 * when TEXT is not valid JSON.
 */
size_t	json_find_urls(const char *text, size_t n,
	    struct json_found found[JSON_FIND_MAX]);
#endif
