#include "config.h"

#include "base/glob.h"

#include <string.h>

/*
 * When a byte does not fit, the last "*" takes one more. Earlier ones need not
 * change: what they took is the least that they could.
 */
bool
glob_matches(const char *pattern, size_t n, const char *text)
{
	const char *end = pattern + n, *star = NULL, *taken = NULL;

	while (*text != '\0')
		if (pattern < end && *pattern == '*') {
			star = pattern++;
			taken = text;
		} else if (pattern < end && *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++taken;
		} else
			return false;
	while (pattern < end && *pattern == '*')
		pattern++;
	return pattern == end;
}

bool
glob_list_matches(const char *list, const char *text)
{
	while (*list != '\0') {
		size_t	 n = strcspn(list, "\n");

		if (n > 0 && glob_matches(list, n, text))
			return true;
		list += n + (list[n] == '\n');
	}
	return false;
}
