/* Trees of JSON: what makes one, and what is too deep for one. */
#include "config.h"

#include "base/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

/* {"id":"x","x":[[[...]]]} with DEPTH brackets open at once; the caller frees it. */
static char *
make_deep(size_t depth, bool is_closed)
{
	static const char begin[] = "{\"id\":\"x\",\"x\":";
	size_t	 n = sizeof begin - 1;
	char	*text = malloc(n + 2 * depth + 1);

	memcpy(text, begin, n);
	memset(text + n, '[', depth - 1);
	n += depth - 1;
	if (is_closed) {
		memset(text + n, ']', depth - 1);
		n += depth - 1;
		text[n++] = '}';
	}
	text[n] = '\0';
	return text;
}

static void
check_deep(size_t depth, bool is_closed, bool is_tree)
{
	char	*text = make_deep(depth, is_closed);
	yajl_val strict = tree_parse(text, strlen(text));
	yajl_val commented = tree_parse_commented(text);

	assert_true((strict != NULL) == is_tree);
	assert_true((commented != NULL) == is_tree);
	yajl_tree_free(strict);
	yajl_tree_free(commented);
	free(text);
}

static void
test_a_tree_has_a_depth(void **state)
{
	(void)state;
	check_deep(2, true, true);
	check_deep(JSON_DEPTH_MAX, true, true);
	check_deep(JSON_DEPTH_MAX + 1, true, false);
	check_deep(1000000, true, false);
	check_deep(1000000, false, false);
}

static void
test_what_is_no_object(void **state)
{
	static const char *const texts[] = {
		"", " ", "{", "[]", "1", "null", "\"x\"", "{} x", "{\"a\":}",
		"{\"a\":1,}", "{'a':1}", "\xff{}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_null(tree_parse(texts[i], strlen(texts[i])));
	assert_null(tree_parse("{}", 1));
}

static void
test_members(void **state)
{
	static const char text[] = " { \"a\" : 1, \"b\": {\"a\": 2} } junk";
	yajl_val tree;

	(void)state;
	tree = tree_parse(text, sizeof text - 1 - 5);
	assert_true(YAJL_IS_INTEGER(tree_find(tree, "a")));
	assert_true(YAJL_IS_OBJECT(tree_find(tree, "b")));
	assert_null(tree_find(tree, "c"));
	assert_null(tree_find(tree_find(tree, "a"), "a"));
	assert_null(tree_find(NULL, "a"));
	yajl_tree_free(tree);
}

static void
test_comments(void **state)
{
	yajl_val tree = tree_parse_commented("/* x */ [1] // y\n");

	(void)state;
	assert_true(YAJL_IS_ARRAY(tree));
	yajl_tree_free(tree);
	assert_null(tree_parse_commented("/* x"));
	assert_null(tree_parse_commented("[1"));
	assert_null(tree_parse_commented(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_tree_has_a_depth),
		cmocka_unit_test(test_what_is_no_object),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_comments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
