#include "config.h"

#include "conf/base_url.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"

/* True for "v1", "v4", "v1beta". */
static bool
is_version(const char *segment, size_t n)
{
	size_t digits = 1;

	while (digits < n && isdigit((unsigned char)segment[digits]))
		digits++;
	return n > 1 && segment[0] == 'v' && digits > 1 &&
	    (digits == n || isalpha((unsigned char)segment[digits]));
}

const char *
base_url_complete(struct arena *arena, const char *url)
{
	const char *p = strstr(url, "://");
	size_t n = strlen(url);

	while (n > 0 && url[n - 1] == '/')
		n--;
	url = arena_strndup(arena, url, n);
	for (p = p == NULL ? NULL : strchr(p + 3, '/'); p != NULL;
	    p = strchr(p + 1, '/'))
		if (is_version(p + 1, strcspn(p + 1, "/")))
			return url;
	return arena_concat(arena, url, "/v1", NULL);
}
