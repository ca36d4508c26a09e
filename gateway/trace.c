#include "config.h"

#include "gateway/trace.h"

#include <assert.h>
#include <string.h>

/* version "-" trace-id "-" parent-id "-" flags, all in lower-case hex. */
enum {
	TRACE_ID_AT = 3, TRACE_ID_LEN = 32,
	PARENT_ID_AT = 36, PARENT_ID_LEN = 16,
	LEN = 55
};

static bool
is_hex(const char *text, size_t n)
{
	return strspn(text, "0123456789abcdef") >= n;
}

static bool
is_id(const char *text, size_t n)
{
	return is_hex(text, n) && strspn(text, "0") < n;
}

/* Version 00 has exactly these fields; a later one may have more behind a dash. */
bool
trace_is_parent(const char *text)
{
	if (text == NULL || strnlen(text, LEN) < LEN || !is_hex(text, 2) ||
	    strncmp(text, "ff", 2) == 0)
		return false;
	if (text[LEN] != '\0' && (strncmp(text, "00", 2) == 0 ||
	    text[LEN] != '-'))
		return false;
	return text[2] == '-' && is_id(text + TRACE_ID_AT, TRACE_ID_LEN) &&
	    text[35] == '-' && is_id(text + PARENT_ID_AT, PARENT_ID_LEN) &&
	    text[52] == '-' && is_hex(text + 53, 2);
}

const char *
trace_make_parent(struct arena *arena, const char *id)
{
	const char *digits = id + strlen("req_");
	size_t	 n = strlen(digits);

	assert(n == TRACE_ID_LEN - 2);
	return arena_concat(arena, "00-", digits, "01-",
	    digits + n - PARENT_ID_LEN, "-01", NULL);
}

const char *
trace_id(struct arena *arena, const char *parent)
{
	return arena_strndup(arena, parent + TRACE_ID_AT, TRACE_ID_LEN);
}
