/* Every key is in the list and in the manual, once. */
#include "config.h"

#include "conf/manual.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/keys.h"

static char *
text_of(void (*print)(FILE *))
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	print(f);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void
the_list_has_a_line_of_six_columns_for_every_key(void **state)
{
	char *text = text_of(manual_list), *line = text;

	(void)state;
	for (const struct key *key = keys; key->name != NULL; key++) {
		char start[128];
		char *end = strchr(line, '\n');
		int tabs = 0;

		assert_non_null(end);
		snprintf(start, sizeof(start), "%s\t%s\t",
		    keys_scope_name(key->scope), key->name);
		assert_int_equal(strncmp(line, start, strlen(start)), 0);
		for (char *p = line; p < end; p++)
			tabs += *p == '\t';
		assert_int_equal(tabs, 5);
		assert_non_null(strstr(line, key->help));
		line = end + 1;
	}
	assert_int_equal(*line, '\0');
	free(text);
}

static void
the_manual_has_an_entry_for_every_key(void **state)
{
	char *text = text_of(manual_page), *at = text;

	(void)state;
	for (const struct key *key = keys; key->name != NULL; key++) {
		char entry[128];

		snprintf(entry, sizeof(entry), ".It Ic %s\n", key->name);
		at = strstr(at, entry);
		assert_non_null(at);
		at += strlen(entry);
	}
	free(text);
}

static void
the_manual_says_defaults_and_ranges(void **state)
{
	char *text = text_of(manual_page);

	(void)state;
	assert_non_null(strstr(text, "a number of seconds, 0.05 to 60; "
	    "default 0.5.\n"));
	assert_non_null(strstr(text, "one of these strings: openai, echo, azure, anthropic; "
	    "default \"openai\".\n"));
	assert_non_null(strstr(text, "a URL (string); required.\n"));
	assert_non_null(strstr(text, "a whole number, 1 to 1000000; "
	    "default 10.\n"));
	assert_non_null(strstr(text, "a number, 0 to 1; default 0.5.\n"));
	assert_non_null(strstr(text, "one of these strings: byte, token, end; "
	    "default \"token\".\n"));
	assert_non_null(strstr(text,
	    "one of these strings: byte, token, end.\n"));
	assert_non_null(strstr(text,
	    "one of these strings: p50, p90, p95, p99.\n"));
	assert_null(strstr(text, "at the next start"));
	assert_null(strstr(text, "\n'"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_has_a_line_of_six_columns_for_every_key),
		cmocka_unit_test(the_manual_has_an_entry_for_every_key),
		cmocka_unit_test(the_manual_says_defaults_and_ranges),
	};

	return cmocka_run_group_tests_name("conf/manual", tests, NULL, NULL);
}
