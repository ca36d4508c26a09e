/* The table of routes, and what is told where it has no row. */
#include "config.h"

#include "handlers/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "handlers/fields.h"

/* A path that the pattern takes. */
static const char *
example_of(const char *pattern)
{
	static char path[128];
	size_t	 n = 0;

	for (const char *c = pattern; *c != '\0'; c++) {
		const char *text = *c == '*' ? "some/thing" : *c == '{' ?
		    "12" : (char[2]){ *c, '\0' };

		n += (size_t)snprintf(path + n, sizeof(path) - n, "%s", text);
		c += *c == '{' ? strcspn(c, "}") : 0;
	}
	return path;
}

static void
every_row_is_found(void **state)
{
	const struct route *r;

	(void)state;
	for (size_t i = 0; i < route_count; i++) {
		const char *method = strcmp(routes[i].method, "*") == 0 ?
		    "PUT" : routes[i].method;

		assert_int_equal(route_find(&r, method,
		    example_of(routes[i].pattern)), ERR_NONE);
		assert_ptr_equal(r, &routes[i]);
	}
}

static void
every_row_is_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < route_count; i++) {
		const char *star = strchr(routes[i].pattern, '*');

		assert_non_null(routes[i].handle);
		assert_true(strlen(routes[i].help) > 3);
		assert_int_equal(routes[i].pattern[0], '/');
		assert_true(star == NULL || (star[1] == '\0' &&
		    star[-1] == '/'));
	}
}

/* What is read of a body has room for FIELDS_MAX members. */
static void
forms_are_of_bodies_and_fit(void **state)
{
	(void)state;
	for (const struct route *r = routes; r < routes + route_count; r++) {
		if (r->form == NULL)
			continue;
		assert_int_equal(r->key, ROUTE_KEY_ADMIN);
		assert_true(strcmp(r->method, "POST") == 0 ||
		    strcmp(r->method, "PUT") == 0);
		assert_in_range(r->form->count, 1, FIELDS_MAX);
		for (size_t i = 0; i < r->form->count; i++)
			assert_non_null(r->form->fields[i].name);
	}
}

/* A mount prefix ends before one of these. */
static void
every_row_is_below_a_root(void **state)
{
	(void)state;
	for (size_t i = 0; i < route_count; i++) {
		const char *root = routes[i].pattern + 1;
		bool	 found = *root == '\0';

		for (size_t j = 0; route_roots[j] != NULL; j++) {
			size_t	 len = strlen(route_roots[j]);

			found |= strncmp(route_roots[j], root, len) == 0 &&
			    (root[len] == '\0' || root[len] == '/');
		}
		assert_true(found);
	}
}

static void
get_stands_for_head(void **state)
{
	const struct route *get, *head;

	(void)state;
	assert_int_equal(route_find(&get, "GET", "/v1/models"), ERR_NONE);
	assert_int_equal(route_find(&head, "HEAD", "/v1/models"), ERR_NONE);
	assert_ptr_equal(get, head);
	assert_int_equal(route_find(&head, "HEAD", "/v1/chat/completions"),
	    ERR_METHOD_NOT_ALLOWED);
}

static void
names_may_hold_slashes(void **state)
{
	const struct route *r;

	(void)state;
	assert_int_equal(route_find(&r, "GET", "/v1/models/Qwen/Qwen2.5-7B"),
	    ERR_NONE);
	assert_string_equal(r->pattern, "/v1/models/*");
	assert_string_equal(route_rest(r, "/v1/models/Qwen/Qwen2.5-7B"),
	    "Qwen/Qwen2.5-7B");
	assert_int_equal(route_find(&r, "GET", "/health/a/b"), ERR_NONE);
	assert_string_equal(route_rest(r, "/health/a/b"), "a/b");
}

static const struct { const char *method, *path; } not_allowed[] = {
	{ "GET", "/v1/chat/completions" },
	{ "PUT", "/v1/embeddings" },
	{ "POST", "/v1/models" },
	{ "DELETE", "/v1/models/x" },
	{ "POST", "/health" },
	{ "POST", "/health/x" },
	{ "get", "/health" },
	{ "", "/health" },
	{ "OPTIONS", "/v1/chat/completions" },
	{ "OPTIONS", "/v1/models/x" },
	{ "OPTIONS", "/v1/anything" },
};

static void
other_methods_are_a_405(void **state)
{
	const struct route *r;

	(void)state;
	for (size_t i = 0; i < sizeof(not_allowed) / sizeof(*not_allowed);
	    i++) {
		r = NULL;
		assert_int_equal(route_find(&r, not_allowed[i].method,
		    not_allowed[i].path), ERR_METHOD_NOT_ALLOWED);
		assert_non_null(r);
	}
}

/* No route takes a method that is not in the table, "*" included. */
static void
no_route_takes_an_unknown_method(void **state)
{
	static const char *const unknown[] = {
		"TRACE", "TRACK", "CONNECT", "PROPFIND", "MKCOL", "MOVE",
		"COPY", "LOCK", "SEARCH", "QUERY", "REPORT", "PURGE", "LINK",
		"trace", "get", "Post", "GETS", "GE", "POST ", "*", "",
	};
	const struct route *r;

	(void)state;
	for (size_t i = 0; i < route_count; i++)
		for (size_t j = 0; j < sizeof unknown / sizeof *unknown; j++)
			assert_int_equal(route_find(&r, unknown[j],
			    example_of(routes[i].pattern)),
			    ERR_METHOD_NOT_ALLOWED);
}

static void
unknown_paths_are_a_404(void **state)
{
	static const char *const paths[] = {
		"", "//", "/v2", "/v2/models", "/v1models", "/healthy",
		"/V1/models", "/echo", "/echo/v2", "/x/health",
	};
	static const char *const methods[] = { "GET", "POST", "OPTIONS", "" };
	const struct route *r;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		for (size_t j = 0; j < 4; j++)
			assert_int_equal(route_find(&r, methods[j], paths[i]),
			    ERR_NOT_FOUND);
}

/* The usual mistakes are told apart from what is merely not there. */
static void
advice_is_given_on_base_urls(void **state)
{
	static const char *const twice[] = {
		"/v1/v1/messages", "/v1/v1/chat/completions", "/v1/v1/x",
	};
	static const char *const lacking[] = {
		"/chat/completions", "/messages", "/models", "/models/a/b",
		"/responses", "/responses/r", "/messages/count_tokens",
		"/cgi-bin/sluice.fcgi/chat/completions",
	};
	static const char *const nothing[] = {
		"", "/", "/nothing", "/v1/nothing", "/v1", "/v1x/v1/messages",
		"/api/nothing", "/v1/chat", "/chat",
	};

	(void)state;
	for (size_t i = 0; i < sizeof twice / sizeof *twice; i++)
		assert_non_null(strstr(route_advice(twice[i]), "twice"));
	for (size_t i = 0; i < sizeof lacking / sizeof *lacking; i++)
		assert_non_null(strstr(route_advice(lacking[i]), "lacks /v1"));
	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
		assert_null(route_advice(nothing[i]));
}

static void
allow_names_what_is_there(void **state)
{
	const struct route *r;

	(void)state;
	route_find(&r, "PUT", "/v1/models");
	assert_string_equal(route_allow(r), "GET, HEAD, OPTIONS");
	route_find(&r, "GET", "/v1/chat/completions");
	assert_string_equal(route_allow(r), "POST, OPTIONS");
	for (size_t i = 0; i < route_count; i++)
		if (strcmp(routes[i].method, "*") != 0)
			assert_non_null(strstr(route_allow(&routes[i]),
			    routes[i].method));
}

static void
placeholders_stand_for_segments(void **state)
{
	static const struct route row = {
		.pattern = "/api/models/{id}/channels/{channel_id}" };
	static const struct route rest = { .pattern = "/v1/models/*" };
	struct arena arena;

	(void)state;
	arena_init(&arena, 100);
	assert_string_equal(route_param(&row, "/api/models/1/channels/23", 0,
	    &arena), "1");
	assert_string_equal(route_param(&row, "/api/models/1/channels/23", 1,
	    &arena), "23");
	assert_null(route_param(&row, "/api/models/1/channels/23", 2, &arena));
	assert_string_equal(route_param(&rest, "/v1/models/a/b", 0, &arena),
	    "a/b");
	assert_null(route_param(&rest, "/v1/models/a/b", 1, &arena));
	arena_fini(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_found),
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(forms_are_of_bodies_and_fit),
		cmocka_unit_test(every_row_is_below_a_root),
		cmocka_unit_test(placeholders_stand_for_segments),
		cmocka_unit_test(get_stands_for_head),
		cmocka_unit_test(names_may_hold_slashes),
		cmocka_unit_test(other_methods_are_a_405),
		cmocka_unit_test(no_route_takes_an_unknown_method),
		cmocka_unit_test(unknown_paths_are_a_404),
		cmocka_unit_test(advice_is_given_on_base_urls),
		cmocka_unit_test(allow_names_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
