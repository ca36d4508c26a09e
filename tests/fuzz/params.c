/* Parameters: what libfcgi makes of them is what the bytes say. */
#include "config.h"

#include "fcgi/params.h"

#include <stdbool.h>
#include <string.h>

#include <fcgiapp.h>

#include "tests/fuzz/fuzz.h"

/* One length (section 3.4). Returns the place behind it, or NULL: cut off. */
static const uint8_t *
length_read(const uint8_t *p, const uint8_t *end, size_t *len)
{
	if (p == NULL || p == end)
		return NULL;
	if (*p < 128) {
		*len = *p;
		return p + 1;
	}
	if (end - p < 4)
		return NULL;
	*len = (size_t)(p[0] & 127) << 24 | (size_t)p[1] << 16 |
	    (size_t)p[2] << 8 | p[3];
	return p + 4;
}

/* Whether TEXT is the pair NAME=VALUE, as far as a C string can hold it. */
static void
check_pair(const char *text, const uint8_t *name, size_t name_len, size_t value_len)
{
	char *want = malloc(name_len + value_len + 2);

	memcpy(want, name, name_len);
	want[name_len] = '=';
	memcpy(want + name_len + 1, name + name_len, value_len);
	want[name_len + 1 + value_len] = '\0';
	must(strcmp(text, want) == 0);
	free(want);
}

/* True when all of it is whole; compares with PARAMS if that is not NULL. */
static bool
walk(const struct params *params, const uint8_t *data, size_t n, size_t *count)
{
	const uint8_t *p = data, *end = data + n;
	size_t name, value, first = params == NULL ? 0 : params->count - *count;

	for (*count = 0; p < end; (*count)++) {
		p = length_read(length_read(p, end, &name), end, &value);
		if (p == NULL || name > (size_t)(end - p) ||
		    value > (size_t)(end - p) - name)
			return false;
		if (params != NULL)
			check_pair(params->pairs[first + *count], p, name, value);
		p += name + value;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena arena;
	struct params params = { 0 };
	size_t count = 0;
	bool whole = walk(NULL, data, n, &count);
	enum err err;

	must(FCGX_Init() == 0);			/* does nothing but the first time */
	arena_init(&arena, 1024);
	err = params_parse(&params, &arena, (const char *)data, n);
	if (!whole)
		must(err == ERR_BAD_REQUEST);
	else if (n <= PARAMS_BYTES_MAX && count < PARAMS_COUNT_MAX) {
		must(err == ERR_NONE);
		must(params.count >= count);
		walk(&params, data, n, &count);
		params_get(&params, "REQUEST_METHOD");
	}
	arena_fini(&arena);
	return 0;
}
