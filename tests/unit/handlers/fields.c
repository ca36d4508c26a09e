/* The members of an admin request's body: what is taken, what is refused by name. */
#include "config.h"

#include "handlers/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NAME, LINES, MODELS, WEIGHT, COST, ENABLED, COUNT };

static const struct field fields[COUNT] = {
	[NAME] = { "name", FIELD_TEXT, true, 1, 8 },
	[LINES] = { "lines", FIELD_LONG_TEXT, false, 0, 100 },
	[MODELS] = { "models", FIELD_TEXTS, false, 1, 3 },
	[WEIGHT] = { "weight", FIELD_INTEGER, false, -5, 1000 },
	[COST] = { "cost", FIELD_MONEY, false, 0, 1000000 },
	[ENABLED] = { "enabled", FIELD_BOOL, false, 0, 0 },
};

struct fixture {
	struct arena	 arena;
	struct field_value values[COUNT];
	struct field_problem problem;
};

static int
set_up(void **state)
{
	static struct fixture x;

	memset(&x, 0, sizeof x);
	arena_init(&x.arena, 1024);
	*state = &x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	arena_fini(&x->arena);
	return 0;
}

static enum err
read_body(struct fixture *x, const char *json)
{
	x->problem = (struct field_problem){ NULL, NULL };
	return fields_read(x->values, fields, COUNT, &x->arena, json,
	    strlen(json), &x->problem);
}

static void
every_type_is_read(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(read_body(x, "{\"name\":\"\\u00e4b\",\"lines\":"
	    "\"a\\n\\tb\",\"models\":[\"m\",\"n*\"],\"weight\":-5,"
	    "\"cost\":0.000000001,\"enabled\":true}"), ERR_NONE);
	assert_string_equal(x->values[NAME].text, "\xc3\xa4" "b");
	assert_string_equal(x->values[LINES].text, "a\n\tb");
	assert_int_equal(x->values[MODELS].text_count, 2);
	assert_string_equal(x->values[MODELS].texts[1], "n*");
	assert_int_equal(x->values[WEIGHT].integer, -5);
	assert_int_equal(x->values[COST].integer, 1);
	assert_true(x->values[ENABLED].boolean);
	assert_true(x->values[ENABLED].is_set);
}

static void
what_is_absent_or_null_is_not_set(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(read_body(x, "{\"name\":\"a\",\"weight\":null}"),
	    ERR_NONE);
	assert_false(x->values[WEIGHT].is_set);
	assert_true(x->values[WEIGHT].is_null);
	assert_false(x->values[COST].is_set);
	assert_false(x->values[COST].is_null);
}

static void
what_is_required_must_be_there(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(read_body(x, ""), ERR_FIELD_VALUE);
	assert_string_equal(x->problem.name, "name");
	assert_int_equal(read_body(x, "{\"name\":null}"), ERR_FIELD_VALUE);
}

static void
an_unknown_member_is_named(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(read_body(x, "{\"name\":\"a\",\"nmae\":1}"),
	    ERR_FIELD_UNKNOWN);
	assert_string_equal(x->problem.name, "nmae");
	assert_string_equal(x->problem.text, "Unknown member 'nmae'.");
}

static void
what_is_wrong_is_named(void **state)
{
	static const struct { const char *json, *name; } cases[] = {
		{ "{\"name\":\"\"}", "name" },
		{ "{\"name\":\"123456789\"}", "name" },
		{ "{\"name\":1}", "name" },
		{ "{\"name\":\"a\\nb\"}", "name" },
		{ "{\"name\":\"a\\u007f\"}", "name" },
		{ "{\"name\":\"a\",\"lines\":\"\\u0001\"}", "lines" },
		{ "{\"name\":\"a\",\"models\":[]}", "models" },
		{ "{\"name\":\"a\",\"models\":[\"1\",\"2\",\"3\",\"4\"]}",
		  "models" },
		{ "{\"name\":\"a\",\"models\":[1]}", "models" },
		{ "{\"name\":\"a\",\"models\":[\"\"]}", "models" },
		{ "{\"name\":\"a\",\"models\":\"m\"}", "models" },
		{ "{\"name\":\"a\",\"weight\":-6}", "weight" },
		{ "{\"name\":\"a\",\"weight\":1001}", "weight" },
		{ "{\"name\":\"a\",\"weight\":1.5}", "weight" },
		{ "{\"name\":\"a\",\"weight\":\"1\"}", "weight" },
		{ "{\"name\":\"a\",\"weight\":99999999999999999999}", "weight" },
		{ "{\"name\":\"a\",\"cost\":-0.1}", "cost" },
		{ "{\"name\":\"a\",\"cost\":1e99}", "cost" },
		{ "{\"name\":\"a\",\"enabled\":1}", "enabled" },
		{ "{\"name\":\"a\",\"enabled\":\"true\"}", "enabled" },
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(read_body(x, cases[i].json),
		    ERR_FIELD_VALUE);
		assert_string_equal(x->problem.name, cases[i].name);
	}
}

static void
a_member_may_not_appear_twice(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(read_body(x, "{\"name\":\"a\",\"n\\u0061me\":\"b\"}"),
	    ERR_JSON_DUPLICATE);
	assert_int_equal(read_body(x, "{\"name\":\"a\",\"weight\":null,"
	    "\"weight\":1}"), ERR_JSON_DUPLICATE);
}

/* "\\u0000" is a backslash with u0000 behind it. */
static void
only_what_stands_for_nul_is_refused(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(read_body(x, "{\"name\":\"a\\\\u0000\"}"), ERR_NONE);
	assert_string_equal(x->values[0].text, "a\\u0000");
	assert_int_equal(read_body(x, "{\"name\":\"a\\\\\\u0000\"}"),
	    ERR_JSON_SYNTAX);
}

static void
what_is_no_object_is_refused(void **state)
{
	static const char *const cases[] = {
		"[]", "1", "{", "null", "{\"name\":\"a\\u0000b\"}",
		"{\"name\":\"a\"} x",
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(read_body(x, cases[i]), ERR_JSON_SYNTAX);
	assert_int_equal(fields_read(x->values, fields, COUNT, &x->arena,
	    "{\"name\":\"a\"}\0", 13, &x->problem), ERR_JSON_SYNTAX);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(every_type_is_read),
		TEST(what_is_absent_or_null_is_not_set),
		TEST(what_is_required_must_be_there),
		TEST(an_unknown_member_is_named),
		TEST(what_is_wrong_is_named),
		TEST(a_member_may_not_appear_twice),
		TEST(only_what_stands_for_nul_is_refused),
		TEST(what_is_no_object_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
