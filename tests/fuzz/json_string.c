/* Decoding stays in its bounds; what is written is valid and reads back. */
#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "tests/fuzz/fuzz.h"

static bool
is_valid(const char *string, size_t n)
{
	struct json_scan s;

	json_scan_init(&s, NULL, 0);
	json_scan_feed(&s, "{\"\":", 4);
	json_scan_feed(&s, string, n);
	json_scan_feed(&s, "}", 1);
	return json_scan_end(&s) == ERR_NONE;
}

static bool
is_utf8(const uint8_t *data, size_t n)
{
	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_length(data + i, n - i);
		if (len == 0)
			return false;
	}
	return true;
}

/* Into rooms of every size around the right one, each exactly allocated. */
static void
check_decode(const char *raw, size_t n)
{
	char *room = malloc(n + 1);
	int len = json_string_decode(raw, n, room, n + 1);

	if (len >= 0) {
		must(strlen(room) == (size_t)len);
		must(is_utf8((uint8_t *)room, (size_t)len) || !is_valid(raw, n));
	}
	for (int size = len < 3 ? 0 : len - 3; size <= len; size++) {
		char *small = malloc(size == 0 ? 1 : (size_t)size);

		must(json_string_decode(raw, n, small, (size_t)size) == -1);
		free(small);
	}
	free(room);
}

static void
check_write(const uint8_t *data, size_t n)
{
	struct buf out;
	char *back = malloc(n * 6 + 3);
	int len;

	buf_init(&out, n * 6 + 2);
	must(json_write_string(&out, (const char *)data, n) == ERR_NONE);
	must(is_valid(buf_data(&out), buf_len(&out)));
	len = json_string_decode(buf_data(&out), buf_len(&out), back, n * 6 + 3);
	if (memchr(data, '\0', n) != NULL)
		must(len == -1);
	else if (is_utf8(data, n))
		must(len == (int)n && memcmp(back, data, n) == 0);
	else
		must(len >= 0);
	check_decode(buf_data(&out), buf_len(&out));
	buf_fini(&out);
	free(back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	check_decode((const char *)data, n);
	check_write(data, n);
	return 0;
}
