/* The key table holds to its own rules. */
#include "config.h"

#include "conf/keys.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"

#define EACH_KEY(k)	const struct key *k = keys; k->name != NULL; k++

static bool
is_number(const struct key *key)
{
	return key->type == KEYS_SECONDS || key->type == KEYS_MILLISECONDS ||
	    key->type == KEYS_BYTES || key->type == KEYS_COUNT ||
	    key->type == KEYS_RATIO;
}

static bool
is_list(const struct key *key)
{
	return key->type == KEYS_STRINGS || key->type == KEYS_GROUPS;
}

static void
names_are_unique_lower_case_and_one_group_deep(void **state)
{
	(void)state;
	for (EACH_KEY(key)) {
		size_t n = strspn(key->name, "abcdefghijklmnopqrstuvwxyz_.0123456789");

		assert_int_equal(key->name[n], '\0');
		assert_ptr_equal(strchr(key->name, '.'), strrchr(key->name, '.'));
		assert_ptr_equal(keys_find(key->scope, key->name), key);
	}
}

static void
every_key_has_help(void **state)
{
	(void)state;
	for (EACH_KEY(key)) {
		assert_non_null(key->help);
		assert_true(strlen(key->help) > 10);
		assert_int_not_equal(key->help[strlen(key->help) - 1], '.');
		assert_null(strpbrk(key->help, "\t\n"));
	}
}

static void
every_default_is_a_value_of_its_key(void **state)
{
	(void)state;
	for (EACH_KEY(key)) {
		const char *text = key->fallback;
		char *end;
		double value;

		assert_non_null(text);
		if (is_number(key) && text[0] != '\0') {
			value = strtod(text, &end);
			assert_int_equal(*end, '\0');
			assert_true(value >= key->min && value <= key->max);
		} else if (key->type == KEYS_BOOL)
			assert_true(strcmp(text, "true") == 0 ||
			    strcmp(text, "false") == 0);
		else if (is_list(key))
			assert_string_equal(text,
			    key->type == KEYS_STRINGS ? "[ ]" : "( )");
		else if (text[0] != '\0' && key->value != NULL)
			assert_null(key->value(text));
	}
}

static void
choices_hold_the_default(void **state)
{
	(void)state;
	for (EACH_KEY(key)) {
		bool found = false;

		assert_int_equal(key->type == KEYS_CHOICE, key->choices != NULL);
		for (int i = 0; key->choices != NULL &&
		    key->choices[i] != NULL; i++)
			found |= strcmp(key->choices[i], key->fallback) == 0;
		assert_int_equal(found, key->choices != NULL);
	}
}

/* "" is no word: it stands for "not set", and only where that is the default. */
static void
words_are_the_choices_that_can_be_written(void **state)
{
	const struct key *stream = keys_find(KEYS_MAIN, "stream.release");
	const struct key *model = keys_find(KEYS_MODEL, "release");

	(void)state;
	assert_ptr_equal(stream->choices, model->choices);
	assert_string_equal(keys_words(stream)[0], "byte");
	assert_string_equal(keys_words(keys_find(KEYS_MAIN, "log.level"))[0],
	    "error");
	assert_int_equal(keys_find_choice(stream, "token"),
	    CONF_RELEASE_TOKEN);
	assert_int_equal(keys_find_choice(stream, "Token"), -1);
	assert_int_equal(keys_find_choice(stream, ""), -1);
	assert_int_equal(keys_find_choice(model, ""), CONF_RELEASE_UNSET);
}

/* "" is no number, and neither is what it stands for. */
static void
numbers_without_a_default_are_below_others(void **state)
{
	(void)state;
	assert_true(keys_number(keys_find(KEYS_MODEL, "prices.cached")) < 0);
	assert_true(keys_number(keys_find(KEYS_MODEL, "prices.input")) == 0);
	assert_true(keys_number(keys_find(KEYS_MODEL, "weight")) == 10);
	assert_true(keys_number(keys_find(KEYS_MAIN, "breaker.error_rate")) ==
	    0.5);
}

static void
every_key_has_bounds_and_a_place(void **state)
{
	(void)state;
	for (EACH_KEY(key)) {
		if (key->type != KEYS_CHOICE && key->type != KEYS_BOOL)
			assert_true(key->max > key->min);
		assert_true(key->offset < keys_scope_size(key->scope));
		assert_int_equal(is_list(key), key->count_offset != 0);
		if (key->type == KEYS_GROUPS)
			assert_true(key->element > KEYS_PROVIDER);
		if (key->required)
			assert_string_equal(key->fallback, "");
	}
}

static void
no_two_keys_share_a_place(void **state)
{
	(void)state;
	for (EACH_KEY(a))
		for (const struct key *b = a + 1; b->name != NULL; b++)
			if (a->scope == b->scope)
				assert_int_not_equal(a->offset, b->offset);
}

static void
keys_of_a_group_stand_together(void **state)
{
	(void)state;
	for (EACH_KEY(a)) {
		const char *dot = strchr(a->name, '.');
		size_t n = dot == NULL ? 0 : (size_t)(dot - a->name) + 1;
		bool left = false;

		for (const struct key *b = a + 1; n > 0 && b->name != NULL &&
		    b->scope == a->scope; b++)
			if (strncmp(a->name, b->name, n) != 0)
				left = true;
			else
				assert_false(left);
	}
}

static void
keys_are_found_in_their_scope_only(void **state)
{
	(void)state;
	assert_non_null(keys_find(KEYS_MAIN, "timeouts.idle"));
	assert_null(keys_find(KEYS_MAIN, "timeouts"));
	assert_null(keys_find(KEYS_MAIN, "kind"));
	assert_null(keys_find(KEYS_MAIN, ""));
	assert_int_equal(keys_find_scope("kind"), KEYS_PROVIDER);
	assert_int_equal(keys_find_scope("nope"), KEYS_SCOPE__MAX);
	assert_true(keys_is_group(KEYS_MAIN, "timeouts"));
	assert_false(keys_is_group(KEYS_MAIN, "time"));
	assert_false(keys_is_group(KEYS_MAIN, "health"));
	assert_false(keys_is_group(KEYS_HEADER, "timeouts"));
}

static void
scopes_and_types_have_words(void **state)
{
	(void)state;
	for (int i = 0; i < KEYS_SCOPE__MAX; i++) {
		assert_true(islower((unsigned char)keys_scope_name(i)[0]));
		assert_non_null(keys_scope_text(i));
		assert_true(keys_scope_size(i) > 0);
	}
	for (int i = 0; i < KEYS_TYPE__MAX; i++)
		assert_non_null(keys_type_text(i));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique_lower_case_and_one_group_deep),
		cmocka_unit_test(every_key_has_help),
		cmocka_unit_test(every_default_is_a_value_of_its_key),
		cmocka_unit_test(choices_hold_the_default),
		cmocka_unit_test(words_are_the_choices_that_can_be_written),
		cmocka_unit_test(numbers_without_a_default_are_below_others),
		cmocka_unit_test(every_key_has_bounds_and_a_place),
		cmocka_unit_test(no_two_keys_share_a_place),
		cmocka_unit_test(keys_of_a_group_stand_together),
		cmocka_unit_test(keys_are_found_in_their_scope_only),
		cmocka_unit_test(scopes_and_types_have_words),
	};

	return cmocka_run_group_tests_name("conf/keys", tests, NULL, NULL);
}
