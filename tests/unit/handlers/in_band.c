/* What is told inside a stream, and what is read of one to go on from there. */
#include "config.h"

#include "handlers/in_band.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <yajl/yajl_tree.h>

#include "handlers/route.h"

enum { OUT_MAX = 65536, ROUNDS = 20000 };

static const struct route responses = {
	.dialect = ROUTE_DIALECT_RESPONSES };

static const struct { const char *data; uint64_t next; const char *id; }
followed[] = {
	{ "{\"type\":\"x\",\"sequence_number\":0}", 1, "" },
	{ "{\"sequence_number\": 41 ,\"type\":\"x\"}", 42, "" },
	{ "{\"sequence_number\"\t:7}", 8, "" },
	{ "{\"response\":{\"id\":\"resp_1\"},\"sequence_number\":3}", 4,
	    "resp_1" },
	{ "{\"response\" : { \"id\" : \"a-B_9\" } }", 1, "a-B_9" },
	{ "{\"item\":{\"id\":\"msg_1\"}}", 1, "" },
	{ "{\"response\":{\"id\":\"a\\\"b\"}}", 1, "" },
	{ "{\"response\":{\"id\":\"\"}}", 1, "" },
	{ "{\"response\":{\"id\":\"a b\"}}", 1, "" },
	{ "{\"response\":{\"id\":\"abc", 1, "" },
	{ "{\"response\":{\"id\":", 1, "" },
	{ "{\"delta\":\"\\\"sequence_number\\\":9\",\"sequence_number\":5}",
	    6, "" },
	{ "{\"delta\":\"sequence_number\",\"sequence_number\":5}", 6, "" },
	{ "{\"sequence_number\":-1}", 1, "" },
	{ "{\"sequence_number\":\"5\"}", 1, "" },
	{ "{\"sequence_number\":999999999999999}", 1000000000000000, "" },
	{ "{\"sequence_number\":9999999999999999999999}", 1, "" },
	{ "{\"sequence_number\":", 1, "" },
	{ "{\"sequence_number\"", 1, "" },
	{ "", 1, "" }, { "[DONE]", 1, "" }, { "\"sequence_number\":8", 9, "" },
};

static void
an_event_says_where_the_stream_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof followed / sizeof *followed; i++) {
		struct in_band_place place = { .next = 0 };

		in_band_follow(&place, followed[i].data,
		    strlen(followed[i].data));
		assert_int_equal(place.next, followed[i].next);
		assert_string_equal(place.id, followed[i].id);
	}
}

static void
an_event_without_a_number_counts_as_one(void **state)
{
	struct in_band_place place = { .next = 0 };

	(void)state;
	in_band_follow(&place, "{\"sequence_number\":6}", 21);
	in_band_follow(&place, "{}", 2);
	in_band_follow(&place, NULL, 0);
	assert_int_equal(place.next, 9);
}

/* Any bytes, in a block of just that size, for a sanitizer to watch over. */
static void
any_bytes_are_followed(void **state)
{
	static const char *const words[] = {
		"\"sequence_number\"", ":", " ", "\"response\"", "\"id\"",
		"\"", "r1", "\\", "{", "}", "4", "\n", "\"id\":\"",
	};
	char	 text[256];

	(void)state;
	srand(1);
	for (int round = 0; round < ROUNDS; round++) {
		struct in_band_place place = { .next = 0 };
		size_t	 n = 0;
		char	*exact;

		for (int i = rand() % 12; i > 0; i--) {
			const char *word = words[(size_t)rand() %
			    (sizeof words / sizeof *words)];

			memcpy(text + n, word, strlen(word));
			n += strlen(word);
		}
		exact = malloc(n + 1);
		assert_non_null(exact);
		memcpy(exact + 1, text, n);
		in_band_follow(&place, exact + 1, n);
		assert_in_range(place.next, 1, 1000000);
		free(exact);
	}
}

/* The data of the event called NAME among those in TEXT. */
static yajl_val
data_of(const char *text, const char *name)
{
	char	 mark[64], *end, *data;
	yajl_val tree;

	snprintf(mark, sizeof mark, "event: %s\ndata: ", name);
	data = strstr(text, mark);
	assert_non_null(data);
	data = strdup(data + strlen(mark));
	assert_non_null(data);
	end = strstr(data, "\n\n");
	assert_non_null(end);
	*end = '\0';
	tree = yajl_tree_parse(data, NULL, 0);
	free(data);
	assert_non_null(tree);
	return tree;
}

static const char *
text_at(yajl_val tree, const char *a, const char *b, const char *c)
{
	const char *path[] = { a, b, c, NULL };

	return YAJL_GET_STRING(yajl_tree_get(tree, path, yajl_t_string));
}

/* Whatever the texts are, the events are JSON, each on its line. */
static void
texts_are_escaped(void **state)
{
	static const char hostile[] = "a\"b\\c\n\n\rdata: x\xff\xe2\x80\xa8";
	struct exchange x = { .route = &responses, .call = {
		.id = "4711", .model = hostile } };
	const struct in_band_place place = { .next = 12 };
	const struct api_error e = { .message = hostile, .type = hostile,
		.param = hostile, .code = hostile };
	struct buf out;
	yajl_val tree;

	(void)state;
	buf_init(&out, OUT_MAX);
	in_band_put_error(&out, &x, &place, &e);
	assert_int_equal(buf_append(&out, "", 1), ERR_NONE);
	tree = data_of(buf_data(&out), "error");
	assert_memory_equal(text_at(tree, "message", NULL, NULL), hostile, 8);
	assert_memory_equal(text_at(tree, "error", "code", NULL), hostile, 8);
	yajl_tree_free(tree);
	tree = data_of(buf_data(&out), "response.failed");
	assert_memory_equal(text_at(tree, "response", "error", "code"),
	    hostile, 8);
	assert_memory_equal(text_at(tree, "response", "model", NULL), hostile,
	    8);
	assert_string_equal(text_at(tree, "response", "id", NULL),
	    "resp_4711");
	yajl_tree_free(tree);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_says_where_the_stream_is),
		cmocka_unit_test(an_event_without_a_number_counts_as_one),
		cmocka_unit_test(any_bytes_are_followed),
		cmocka_unit_test(texts_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
