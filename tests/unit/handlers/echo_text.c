/* What the demo upstream reads from a request, and its embeddings. */
#include "config.h"

#include "handlers/echo_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

static struct arena arena;

static int
set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1000);
	return sodium_init() < 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static yajl_val
parse(const char *text)
{
	yajl_val tree = yajl_tree_parse(text, NULL, 0);

	assert_non_null(tree);
	return tree;
}

static const struct { const char *request, *want; } messages[] = {
	{ "{}", "" },
	{ "{\"messages\":[]}", "" },
	{ "{\"messages\":\"x\"}", "" },
	{ "{\"messages\":[7]}", "" },
	{ "{\"messages\":[{\"content\":\"a\"},{\"content\":\"b\"}]}", "b" },
	{ "{\"messages\":[{\"content\":null}]}", "" },
	{ "{\"messages\":[{\"content\":[]}]}", "" },
	{ "{\"messages\":[{\"content\":[{\"text\":\"a\"},{\"image_url\":{}},"
	  "7,{\"text\":\"b c\"}]}]}", "a b c" },
	{ "{\"messages\":[{\"content\":\"\\u00e9\"}]}", "\xc3\xa9" },
};

static void
the_last_message_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
		yajl_val tree = parse(messages[i].request);

		assert_string_equal(echo_text_last_message(&arena, tree),
		    messages[i].want);
		yajl_tree_free(tree);
	}
}

/* Memory grows with the text, not with its square. */
static void
a_hundred_thousand_parts_are_joined(void **state)
{
	enum { PARTS = 100000 };
	char	*text = malloc(PARTS * 16 + 100), *end = text;
	yajl_val tree;

	(void)state;
	end += sprintf(end, "{\"messages\":[{\"content\":[");
	for (int i = 0; i < PARTS; i++)
		end += sprintf(end, "%s{\"text\":\"a\"}", i > 0 ? "," : "");
	strcpy(end, "]}]}");
	tree = parse(text);
	assert_int_equal(strlen(echo_text_last_message(&arena, tree)),
	    2 * PARTS - 1);
	yajl_tree_free(tree);
	free(text);
}

static void
prompts_and_models_are_found(void **state)
{
	static const struct { const char *request, *prompt, *model; } cases[] = {
		{ "{\"prompt\":\"a b\",\"model\":\"m\"}", "a b", "m" },
		{ "{\"prompt\":[\"x\",\"y\"]}", "x", "echo" },
		{ "{\"prompt\":[1,2]}", "", "echo" },
		{ "{\"prompt\":[],\"model\":7}", "", "echo" },
		{ "{}", "", "echo" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		yajl_val tree = parse(cases[i].request);

		assert_string_equal(echo_text_prompt(&arena, tree),
		    cases[i].prompt);
		assert_string_equal(echo_text_model(&arena, tree),
		    cases[i].model);
		yajl_tree_free(tree);
	}
}

static void
ids_belong_to_the_text(void **state)
{
	const char *a = echo_text_id(&arena, "chatcmpl", "some text");

	(void)state;
	assert_string_equal(a, echo_text_id(&arena, "chatcmpl", "some text"));
	assert_string_not_equal(a, echo_text_id(&arena, "chatcmpl", "other"));
	assert_memory_equal(a, "chatcmpl-", 9);
	assert_int_equal(strspn(a + 9, "0123456789abcdef"), 16);
	assert_int_equal(strlen(a), 25);
}

static void
words_are_counted(void **state)
{
	(void)state;
	assert_int_equal(echo_text_words(""), 0);
	assert_int_equal(echo_text_words("  \n\t "), 0);
	assert_int_equal(echo_text_words("one"), 1);
	assert_int_equal(echo_text_words(" one  two\nthree "), 3);
}

static void
numbers_are_bounded(void **state)
{
	static const struct { const char *request; long want; } cases[] = {
		{ "{}", 7 }, { "{\"n\":\"5\"}", 7 }, { "{\"n\":-1}", 7 },
		{ "{\"n\":101}", 7 }, { "{\"n\":1e300}", 7 },
		{ "{\"n\":99999999999999999999}", 7 },
		{ "{\"n\":0}", 0 }, { "{\"n\":100}", 100 },
		{ "{\"n\":2.9}", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		yajl_val tree = parse(cases[i].request);

		assert_int_equal(echo_text_number(tree, "n", 7, 100),
		    cases[i].want);
		yajl_tree_free(tree);
	}
}

static void
flags_are_true_or_not(void **state)
{
	yajl_val tree = parse("{\"a\":true,\"b\":false,\"c\":1,\"d\":\"true\","
	    "\"stream_options\":{\"include_usage\":true}}");
	yajl_val odd = parse("{\"stream_options\":true}");

	(void)state;
	assert_true(echo_text_flag(tree, "a"));
	assert_false(echo_text_flag(tree, "b"));
	assert_false(echo_text_flag(tree, "c"));
	assert_false(echo_text_flag(tree, "d"));
	assert_false(echo_text_flag(tree, "e"));
	assert_true(echo_text_wants_usage(tree));
	assert_false(echo_text_wants_usage(odd));
	yajl_tree_free(tree);
	yajl_tree_free(odd);
}

/* The list of embeddings for REQUEST, parsed; the caller frees it. */
static yajl_val
embed(const char *request)
{
	yajl_val tree = parse(request), list;
	struct buf out;

	buf_init(&out, LIMIT_ECHO_BYTES);
	buf_puts(&out, "[");
	echo_text_put_embeddings(&out, tree);
	buf_append(&out, "]", 2);
	list = parse(buf_data(&out));
	assert_true(YAJL_IS_ARRAY(list));
	buf_fini(&out);
	yajl_tree_free(tree);
	return list;
}

static yajl_val
vector(yajl_val list, size_t i)
{
	static const char *const path[] = { "embedding", NULL };

	assert_true(i < list->u.array.len);
	return yajl_tree_get(list->u.array.values[i], (const char **)
	    (uintptr_t)path, yajl_t_any);
}

static void
an_embedding_has_as_many_numbers_as_asked_for(void **state)
{
	static const struct { const char *request; size_t want; } cases[] = {
		{ "{\"input\":\"a\"}", 16 },
		{ "{\"input\":\"a\",\"dimensions\":3}", 3 },
		{ "{\"input\":\"a\",\"dimensions\":0}", 0 },
		{ "{\"input\":\"a\",\"dimensions\":4096}", 4096 },
		{ "{\"input\":\"a\",\"dimensions\":4097}", 16 },
		{ "{}", 16 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		yajl_val list = embed(cases[i].request);
		yajl_val v = vector(list, 0);

		assert_int_equal(list->u.array.len, 1);
		assert_true(YAJL_IS_ARRAY(v));
		assert_int_equal(v->u.array.len, cases[i].want);
		for (size_t j = 0; j < v->u.array.len; j++) {
			double n = YAJL_GET_DOUBLE(v->u.array.values[j]);

			assert_true(n >= -1 && n < 1);
		}
		yajl_tree_free(list);
	}
}

static void
each_input_has_its_own(void **state)
{
	yajl_val list = embed("{\"input\":[\"a\",\"b\",\"a\",7]}");
	double	 a = 0, b = 0;

	(void)state;
	assert_int_equal(list->u.array.len, 4);
	for (size_t i = 0; i < 16; i++) {
		yajl_val x = vector(list, 0)->u.array.values[i];
		yajl_val y = vector(list, 1)->u.array.values[i];
		yajl_val z = vector(list, 2)->u.array.values[i];

		assert_true(YAJL_GET_DOUBLE(x) == YAJL_GET_DOUBLE(z));
		a += YAJL_GET_DOUBLE(x);
		b += YAJL_GET_DOUBLE(y);
	}
	assert_true(a != b);
	yajl_tree_free(list);
}

/* The same numbers, as little-endian floats. */
static void
base64_says_the_same(void **state)
{
	(void)state;
	for (int n = 0; n < 20; n++) {
		char	 request[128];
		unsigned char bytes[100];
		yajl_val plain, coded;
		const char *text;
		size_t	 len;

		snprintf(request, sizeof(request),
		    "{\"input\":\"x\",\"dimensions\":%d}", n);
		plain = embed(request);
		snprintf(request, sizeof(request), "{\"input\":\"x\","
		    "\"encoding_format\":\"base64\",\"dimensions\":%d}", n);
		coded = embed(request);
		text = YAJL_GET_STRING(vector(coded, 0));
		assert_non_null(text);
		assert_int_equal(sodium_base642bin(bytes, sizeof(bytes), text,
		    strlen(text), NULL, &len, NULL,
		    sodium_base64_VARIANT_ORIGINAL), 0);
		assert_int_equal(len, 4 * (size_t)n);
		for (size_t i = 0; i < (size_t)n; i++) {
			uint32_t bits = (uint32_t)bytes[4 * i] |
			    (uint32_t)bytes[4 * i + 1] << 8 |
			    (uint32_t)bytes[4 * i + 2] << 16 |
			    (uint32_t)bytes[4 * i + 3] << 24;
			float	 f;

			memcpy(&f, &bits, sizeof(f));
			assert_true((double)f == YAJL_GET_DOUBLE(
			    vector(plain, 0)->u.array.values[i]));
		}
		yajl_tree_free(plain);
		yajl_tree_free(coded);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_message_is_found),
		cmocka_unit_test(a_hundred_thousand_parts_are_joined),
		cmocka_unit_test(prompts_and_models_are_found),
		cmocka_unit_test(ids_belong_to_the_text),
		cmocka_unit_test(words_are_counted),
		cmocka_unit_test(numbers_are_bounded),
		cmocka_unit_test(flags_are_true_or_not),
		cmocka_unit_test(an_embedding_has_as_many_numbers_as_asked_for),
		cmocka_unit_test(each_input_has_its_own),
		cmocka_unit_test(base64_says_the_same),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
