/* The text of a series, whatever a name is made of. */
#include "config.h"

#include "gateway/labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What x{a="VALUE"} is. */
static const char *
text_of(const char *value)
{
	static struct labels l;

	labels_begin(&l, "x");
	labels_add(&l, "a", value);
	labels_end(&l);
	assert_int_equal(strlen(l.text), l.len);
	return l.text;
}

static void
labels_stand_in_braces(void **state)
{
	struct labels l;

	(void)state;
	labels_begin(&l, "all");
	labels_end(&l);
	assert_string_equal(l.text, "all{}");
	labels_begin(&l, "try");
	assert_true(labels_add(&l, "channel", "openai"));
	assert_true(labels_add(&l, "model", ""));
	assert_true(labels_add(&l, "status", "200"));
	labels_end(&l);
	assert_string_equal(l.text,
	    "try{channel=\"openai\",model=\"\",status=\"200\"}");
}

static void
values_are_escaped(void **state)
{
	(void)state;
	assert_string_equal(text_of("a\\b"), "x{a=\"a\\\\b\"}");
	assert_string_equal(text_of("\"} 7"), "x{a=\"\\\"} 7\"}");
	assert_string_equal(text_of("a\nb"), "x{a=\"a\\nb\"}");
	assert_string_equal(text_of("\\n"), "x{a=\"\\\\n\"}");
	assert_string_equal(text_of("caf\xc3\xa9 \xf0\x9f\x98\x80"),
	    "x{a=\"caf\xc3\xa9 \xf0\x9f\x98\x80\"}");
}

static void
what_is_no_text_is_other(void **state)
{
	static const char *const wrong[] = {
		"a\tb", "\r", "\x01", "\x1f", "\x7f", "\xff", "\xc3", "\xc3(",
		"\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80",
		"\xf0\x9f\x98", "ok\xe2\x82",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_string_equal(text_of(wrong[i]), "x{a=\"other\"}");
}

static void
what_is_too_long_is_other(void **state)
{
	char	 value[4 * LABELS_VALUE_MAX];
	struct labels l;

	(void)state;
	memset(value, 'v', sizeof(value));
	value[LABELS_VALUE_MAX] = '\0';
	assert_int_equal(strlen(text_of(value)),
	    strlen("x{a=\"\"}") + LABELS_VALUE_MAX);
	value[LABELS_VALUE_MAX] = 'v';
	value[LABELS_VALUE_MAX + 1] = '\0';
	assert_string_equal(text_of(value), "x{a=\"other\"}");
	labels_begin(&l, "x");
	assert_false(labels_add(&l, "a", value));
	memset(value, '"', sizeof(value));	/* each is two bytes */
	value[LABELS_VALUE_MAX / 2 + 1] = '\0';
	assert_string_equal(text_of(value), "x{a=\"other\"}");
	value[LABELS_VALUE_MAX / 2] = '\0';
	assert_int_equal(strlen(text_of(value)),
	    strlen("x{a=\"\"}") + LABELS_VALUE_MAX);
	for (size_t n = 0; n < LABELS_VALUE_MAX; n++) {
		memset(value, 'v', n);		/* a letter on the edge */
		strcpy(value + n, "\xf0\x9f\x98\x80");
		assert_int_equal(strcmp(text_of(value), "x{a=\"other\"}") == 0,
		    n + 4 > LABELS_VALUE_MAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_stand_in_braces),
		cmocka_unit_test(values_are_escaped),
		cmocka_unit_test(what_is_no_text_is_other),
		cmocka_unit_test(what_is_too_long_is_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
