/* Parameters, read off as name, value and how the value was written. */
#include "config.h"

#include "base/param.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What is read, as "name[value]" each, a quoted value in parentheses. */
static const struct { const char *text, *read; enum param_result end; } cases[] = {
	{ "", "", PARAM_END },
	{ " \t", "", PARAM_END },
	{ ";", "", PARAM_END },
	{ " ; ", "", PARAM_END },
	{ ";a=b", "a[b]", PARAM_END },
	{ " ;\ta=b ; c=d;", "a[b]c[d]", PARAM_END },
	{ ";a=\"b\"", "a(b)", PARAM_END },
	{ ";a=\"\";b=", "a()b[]", PARAM_END },
	{ ";a=\"b;c=d\"; e=f", "a(b;c=d)e[f]", PARAM_END },
	{ ";a=\"b\\\";c=\\\\\";d=e", "a(b\\\";c=\\\\)d[e]", PARAM_END },
	{ ";a*=utf-8''b%20c", "a*[utf-8''b%20c]", PARAM_END },
	{ ";a=b=c,d", "a[b=c,d]", PARAM_END },
	{ "a=b", "", PARAM_BAD },
	{ ";;a=b", "", PARAM_BAD },
	{ ";a", "", PARAM_BAD },
	{ ";a =b", "", PARAM_BAD },
	{ ";=b", "", PARAM_BAD },
	{ ";\"a\"=b", "", PARAM_BAD },
	{ ";(c) a=b", "", PARAM_BAD },
	{ ";a= b", "a[]", PARAM_BAD },
	{ ";a=b c=d", "a[b]", PARAM_BAD },
	{ ";a=b\"c\"", "a[b]", PARAM_BAD },
	{ ";a=\"b\"c", "a(b)", PARAM_BAD },
	{ ";a=\"", "", PARAM_BAD },
	{ ";a=\"b", "", PARAM_BAD },
	{ ";a=\"b\\", "", PARAM_BAD },
	{ ";a=\"b\\\"", "", PARAM_BAD },
};

static enum param_result
read_all(struct param_text rest, char *out, size_t size)
{
	enum param_result result;
	struct param param;
	size_t n = 0;

	out[0] = '\0';
	while ((result = param_next(&rest, &param)) == PARAM_FOUND) {
		n += (size_t)snprintf(out + n, size - n,
		    param.quoted ? "%.*s(%.*s)" : "%.*s[%.*s]",
		    (int)param.name.n, param.name.p,
		    (int)param.value.n, param.value.p);
		assert_true(n < size);
	}
	return result;
}

static void
parameters_are_read_in_order(void **state)
{
	char out[256];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		/* Of exactly the right size, so that a sanitizer sees a step past. */
		size_t n = strlen(cases[i].text);
		char *copy = malloc(n == 0 ? 1 : n);
		enum param_result end;

		assert_non_null(copy);
		memcpy(copy, cases[i].text, n);
		end = read_all((struct param_text){ copy, n }, out, sizeof out);
		free(copy);
		if (end != cases[i].end || strcmp(out, cases[i].read) != 0)
			fail_msg("%s: %s and %d", cases[i].text, out, end);
	}
}

static void
the_first_value_is_split_off(void **state)
{
	struct param_text rest = { " \tform-data; name=x", 19 }, first;

	(void)state;
	first = param_first(&rest);
	assert_true(param_is(first, "Form-Data"));
	assert_false(param_is(first, "form-dat"));
	assert_false(param_is(first, "form-data2"));
	assert_int_equal(rest.n, 8);
	assert_memory_equal(rest.p, "; name=x", 8);
	rest = (struct param_text){ "x", 1 };
	assert_true(param_is(param_first(&rest), "x"));
	assert_true(param_is(param_first(&rest), ""));
}

static void
a_nul_is_a_byte_like_others(void **state)
{
	struct param_text rest = { ";a=b\0c;d=e", 10 };
	struct param param;

	(void)state;
	assert_int_equal(param_next(&rest, &param), PARAM_FOUND);
	assert_int_equal(param.value.n, 3);
	rest = (struct param_text){ ";a\0=b", 5 };
	assert_int_equal(param_next(&rest, &param), PARAM_BAD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_are_read_in_order),
		cmocka_unit_test(the_first_value_is_split_off),
		cmocka_unit_test(a_nul_is_a_byte_like_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
