/* What the gateway reads in bodies, for test_readers.py to compare with others.
 *
 * Input: Content-Type and body, each behind its length (4 bytes, the highest
 * first), again and again. Output: a line for each: "refused", or "json" or
 * "form", the type that goes upstream, the model and whether it streams, apart by
 * tabs; the model in hex, "-" = there is none, "?" = it is no short string.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/media_type.h"
#include "base/multipart.h"
#include "handlers/exchange.h"

enum { MODEL_MAX = 256 };

static struct spelling members, fields;

/* NULL: the input ends here. The caller frees it. */
static char *
take(size_t *n)
{
	unsigned char head[4];
	char *bytes;

	if (fread(head, 1, 4, stdin) != 4)
		return NULL;
	*n = (size_t)head[0] << 24 | (size_t)head[1] << 16 |
	    (size_t)head[2] << 8 | head[3];
	bytes = calloc(1, *n + 1);
	if (bytes == NULL || fread(bytes, 1, *n, stdin) != *n)
		abort();
	return bytes;
}

static void
put_hex(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", (unsigned char)text[i]);
}

static void
put_json(const char *body, const struct json_scan *s)
{
	const struct json_range *r = &s->ranges[MEMBER_MODEL];
	char text[MODEL_MAX + 1];
	int n = r->kind != JSON_STRING ? -1 : json_string_decode(
	    body + r->start, (size_t)(r->end - r->start), text, sizeof text);

	printf("json\tapplication/json\t");
	if (r->kind == JSON_ABSENT)
		putchar('-');
	else if (n < 0 || strstr(text, "\xEF\xBF\xBD") != NULL)
		putchar('?');
	else
		put_hex(text, (size_t)n);
	printf("\t%d\n", s->ranges[MEMBER_STREAM].kind == JSON_TRUE);
}

static void
read_json(const char *body, size_t n)
{
	struct json_scan s;

	json_scan_init_strict(&s, &members);
	json_scan_feed(&s, body, n);
	if (json_scan_end(&s) != ERR_NONE)
		puts("refused");
	else
		put_json(body, &s);
}

static void
read_form(const char *type, const char *body, size_t n)
{
	static struct multipart_scan s;
	const struct multipart_range *model = &s.ranges[MEMBER_MODEL];
	const struct multipart_range *stream = &s.ranges[MEMBER_STREAM];
	char told[MULTIPART_TYPE_SIZE];

	multipart_scan_init(&s, type, &fields);
	multipart_scan_feed(&s, body, n);
	if (multipart_scan_end(&s) != ERR_NONE) {
		puts("refused");
		return;
	}
	multipart_write_type(&s, told);
	printf("form\t%s\t", told);
	if (!model->found)
		putchar('-');
	else
		put_hex(body + model->start, (size_t)(model->end - model->start));
	printf("\t%d\n", stream->found && stream->end - stream->start == 4 &&
	    memcmp(body + stream->start, "true", 4) == 0);
}

int
main(void)
{
	size_t n, type_n;
	char *type, *body;

	for (size_t i = 0; i < MEMBER__MAX; i++)
		spelling_add(&members, exchange_members[i]);
	for (size_t i = 0; i < MEMBER_FORM__MAX; i++)
		spelling_add(&fields, exchange_members[i]);
	while ((type = take(&type_n)) != NULL && (body = take(&n)) != NULL) {
		switch (media_type_parse(type)) {
		case MEDIA_TYPE_FORM:
			read_form(type, body, n);
			break;
		case MEDIA_TYPE_OTHER:
		case MEDIA_TYPE_CHARSET:
			puts("refused");
			break;
		default:
			read_json(body, n);
		}
		free(type);
		free(body);
	}
	return 0;
}
