#include "config.h"

#include "handlers/pair.h"

#include <string.h>

#include "handlers/path.h"

const char *
pair_decode(struct arena *arena, const char *text, size_t n)
{
	char	*spaced = arena_strndup(arena, text, n);

	for (char *c = spaced; *c != '\0'; c++)
		if (*c == '+')
			*c = ' ';
	return path_decode(arena, spaced, n);
}

const char *
pair_find(struct arena *arena, const char *query, const char *name)
{
	size_t	 len = strlen(name), n;

	for (const char *pair = query; *pair != '\0' && *pair != '#';
	    pair += n) {
		pair += *pair == '&';
		n = strcspn(pair, "&#");
		if (n > len && strncmp(pair, name, len) == 0 &&
		    pair[len] == '=')
			return pair_decode(arena, pair + len + 1, n - len - 1);
	}
	return NULL;
}
