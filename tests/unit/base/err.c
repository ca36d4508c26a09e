/* The table of errors is complete and says what a client may read. */
#include "config.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
every_error_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < ERR__MAX; i++) {
		const char *name = err_get((enum err)i)->name;

		assert_non_null(name);
		assert_true(*name != '\0');
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"),
		    strlen(name));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(name,
			    err_get((enum err)j)->name);
	}
}

static void
every_error_that_is_told_is_a_whole_object(void **state)
{
	(void)state;
	for (int i = ERR_BAD_REQUEST; i < ERR__MAX; i++) {
		const struct err_info *info = err_get((enum err)i);

		if (i == ERR_HEDGE_LOST)	/* of a try: nobody is told */
			continue;
		assert_in_range(info->status, 400, 599);
		assert_non_null(info->type);
		assert_non_null(info->code);
		assert_true(strlen(info->text) > 10);
		assert_int_equal(info->text[strlen(info->text) - 1], '.');
	}
}

static void
the_status_is_that_of_who_is_at_fault(void **state)
{
	(void)state;
	for (int i = ERR_BAD_REQUEST; i < ERR_LOOP; i++) {
		assert_in_range(err_get((enum err)i)->status, 400, 499);
		assert_string_equal(err_get((enum err)i)->type,
		    "invalid_request_error");
	}
	for (int i = ERR_UPSTREAM_DNS; i <= ERR_UPSTREAM_HEADERS_SIZE; i++)
		assert_int_equal(err_get((enum err)i)->status, 502);
	for (int i = ERR_TIMEOUT_CONNECT; i <= ERR_TIMEOUT_TOTAL; i++)
		assert_int_equal(err_get((enum err)i)->status, 504);
	for (int i = ERR_NO_MEMORY; i < ERR__MAX; i++)
		assert_in_range(err_get((enum err)i)->status, 500, 503);
}

static void
nobody_is_told_that_the_client_is_gone(void **state)
{
	(void)state;
	assert_int_equal(err_get(ERR_CLIENT_GONE)->status, 0);
	assert_int_equal(err_get(ERR_NONE)->status, 200);
	assert_null(err_get(ERR_NONE)->code);
}

static void
statuses_that_clients_rely_on(void **state)
{
	static const struct { enum err err; int status; const char *code, *param; }
	known[] = {
		{ ERR_MODEL_MISSING, 400, "missing_required_parameter", "model" },
		{ ERR_MODEL_NOT_FOUND, 404, "model_not_found", "model" },
		{ ERR_INVALID_API_KEY, 401, "invalid_api_key", NULL },
		{ ERR_BODY_TOO_LARGE, 413, "request_too_large", NULL },
		{ ERR_METHOD_NOT_ALLOWED, 405, "method_not_allowed", NULL },
		{ ERR_REQUEST_TIMEOUT, 408, "request_timeout", NULL },
		{ ERR_LOOP, 508, "loop_detected", NULL },
		{ ERR_STOPPING, 503, "stopping", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const struct err_info *info = err_get(known[i].err);

		assert_int_equal(info->status, known[i].status);
		assert_string_equal(info->code, known[i].code);
		if (known[i].param == NULL)
			assert_null(info->param);
		else
			assert_string_equal(info->param, known[i].param);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_a_name_of_its_own),
		cmocka_unit_test(every_error_that_is_told_is_a_whole_object),
		cmocka_unit_test(the_status_is_that_of_who_is_at_fault),
		cmocka_unit_test(nobody_is_told_that_the_client_is_gone),
		cmocka_unit_test(statuses_that_clients_rely_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
