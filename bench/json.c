/* json.c - the scanner against yajl's parser, MB/s on 1 MB bodies of one run. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <yajl/yajl_parse.h>

#include "base/json.h"

enum { BODY_BYTES = 1000000, PIECE_BYTES = 65536, ROUNDS = 40 };

/* What a body's content is made of, and how often in one member. */
static const struct { const char *name, *head, *unit; int times; const char *tail; } bodies[] = {
	{ "English, 2 KB texts", "{\"content\":\"",
	    "The quick brown fox jumps over the lazy dog. ", 45, "\"}," },
	{ "English, 90 byte texts", "{\"role\":\"user\",\"content\":\"",
	    "The quick brown fox jumps over the lazy dog. ", 2, "\"}," },
	{ "source code", "{\"content\":\"",
	    "if (x == \\\"y\\\") {\\n\\treturn foo[i];\\n}\\n", 50, "\"}," },
	{ "Chinese", "{\"content\":\"",
	    "\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE4\xB8\x96\xE7\x95\x8C\xE3\x80\x82",
	    90, "\"}," },
	{ "Chinese, escaped", "{\"content\":\"", "\\u4f60\\u597d", 90, "\"}," },
	{ "Russian", "{\"content\":\"",
	    "\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82, \xD0\xBC\xD0\xB8\xD1\x80. ",
	    90, "\"}," },
	{ "base64 image", "\"", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0", 20000, "\"," },
	{ "token numbers", "", "48213,", 100, "" },
	{ "small members", "", "{\"type\":\"f\",\"p\":{\"a\":[1,2],\"b\":null}}, ", 1, "" },
};

/* What the gateway watches. */
static const char *const names[] = {
	"model", "stream", "stream_options", "user", "prompt_cache_key",
	"previous_response_id", "max_tokens", "max_completion_tokens", "n",
	"messages",
};

struct text {
	char	*p;
	size_t	 n;
};

static void
add(struct text *t, const char *s)
{
	size_t n = strlen(s);

	memcpy(t->p + t->n, s, n);
	t->n += n;
}

static void
build(struct text *t, size_t which)
{
	t->n = 0;
	add(t, "{\"model\":\"gpt-4o\",\"stream\":true,\"messages\":[");
	while (t->n < BODY_BYTES) {
		add(t, bodies[which].head);
		for (int i = 0; i < bodies[which].times; i++)
			add(t, bodies[which].unit);
		add(t, bodies[which].tail);
	}
	add(t, "0]}");
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int
scan(const struct text *t)
{
	struct json_scan s;

	json_scan_init(&s, names, sizeof names / sizeof names[0]);
	for (size_t i = 0; i < t->n; i += PIECE_BYTES)
		json_scan_feed(&s, t->p + i,
		    t->n - i < PIECE_BYTES ? t->n - i : PIECE_BYTES);
	return json_scan_end(&s) == ERR_NONE;
}

static int
on_null(void *ctx)
{
	(void)ctx;
	return 1;
}

static int
on_boolean(void *ctx, int value)
{
	(void)ctx;
	(void)value;
	return 1;
}

static int
on_number(void *ctx, const char *text, size_t n)
{
	(void)ctx;
	(void)text;
	(void)n;
	return 1;
}

static int
on_string(void *ctx, const unsigned char *text, size_t n)
{
	(void)ctx;
	(void)text;
	(void)n;
	return 1;
}

static int
parse(const struct text *t)
{
	static const yajl_callbacks callbacks = {
		.yajl_null = on_null, .yajl_boolean = on_boolean,
		.yajl_number = on_number, .yajl_string = on_string,
		.yajl_start_map = on_null, .yajl_map_key = on_string,
		.yajl_end_map = on_null, .yajl_start_array = on_null,
		.yajl_end_array = on_null,
	};
	yajl_handle yajl = yajl_alloc(&callbacks, NULL, NULL);
	int good;

	good = yajl_parse(yajl, (const unsigned char *)t->p, t->n) ==
	    yajl_status_ok && yajl_complete_parse(yajl) == yajl_status_ok;
	yajl_free(yajl);
	return good;
}

/* The best of ROUNDS, in MB/s. */
static double
measure(int (*run)(const struct text *), const struct text *t)
{
	double best = 1e9;

	for (int i = 0; i < ROUNDS; i++) {
		double start = seconds(), took;

		if (!run(t)) {
			fprintf(stderr, "a body was refused\n");
			exit(1);
		}
		took = seconds() - start;
		best = took < best ? took : best;
	}
	return (double)t->n / best / 1e6;
}

int
main(void)
{
	struct text t = { .p = malloc(2 * BODY_BYTES) };

	if (t.p == NULL)
		return 1;
	printf("%-24s %10s %10s %8s\n", "1 MB of", "sluice", "yajl", "ratio");
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		double ours, theirs;

		build(&t, i);
		ours = measure(scan, &t);
		theirs = measure(parse, &t);
		printf("%-24s %5.0f MB/s %5.0f MB/s %8.2f\n", bodies[i].name,
		    ours, theirs, ours / theirs);
	}
	free(t.p);
	return 0;
}
