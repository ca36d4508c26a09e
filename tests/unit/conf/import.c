/* What every import shares: names, variables, keys, and what is told. */
#include "config.h"

#include "conf/import.h"

#include "conf/values.h"
#include "tests/unit/conf/dir.h"

struct told {
	struct import	 im;
	char		 notes[4096];
	char		 problems[4096];
};

static void
take_note(void *arg, const char *text)
{
	struct told *t = arg;
	size_t n = strlen(t->notes);

	snprintf(t->notes + n, sizeof(t->notes) - n, "%s\n", text);
}

static void
take_problem(void *arg, const struct err_at *at)
{
	struct told *t = arg;
	size_t n = strlen(t->problems);

	snprintf(t->problems + n, sizeof(t->problems) - n, "%s:%u: %s\n",
	    at->file, at->line, at->text);
}

static int
setup(void **state)
{
	struct told *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	import_init(&t->im, take_problem, take_note, t);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct told *t = *state;

	import_fini(&t->im);
	free(t);
	return 0;
}

static void
provider_names_are_fit_for_files(void **state)
{
	static const struct { const char *wanted, *name; } names[] = {
		{ "openai", "openai" }, { "OpenAI", "OpenAI-2" },
		{ "openai", "openai-3" }, { "../etc/x", "etc-x" },
		{ ".hidden", "hidden" }, { "..", "provider" },
		{ "", "provider-2" }, { "my lab", "my-lab" },
		{ "a\nb", "a-b" }, { "\xc3\xa9t\xc3\xa9", "t--" },
	};
	struct told *t = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct conf_provider *p =
		    import_add_provider(&t->im, names[i].wanted);

		assert_non_null(p);
		assert_string_equal(p->name, names[i].name);
		assert_null(values_name(p->name));
	}
}

static void
a_long_name_is_cut(void **state)
{
	struct told *t = *state;
	char wanted[500];

	memset(wanted, 'x', sizeof(wanted) - 1);
	wanted[sizeof(wanted) - 1] = '\0';
	for (int i = 0; i < 12; i++)
		assert_null(values_name(
		    import_add_provider(&t->im, wanted)->name));
}

static void
there_is_a_last_provider(void **state)
{
	struct told *t = *state;
	unsigned count = 0;

	while (import_add_provider(&t->im, "p") != NULL)
		count++;
	assert_int_equal(count, IMPORT_PROVIDERS_MAX);
	assert_int_equal(t->im.problems, 1);
}

static void
no_client_can_set_a_variable(void **state)
{
	static const char *const wanted[] = {
		"HTTP_X", "http_x", "PATH", "QUERY_STRING", "SSL_KEY",
		"2fast", "a-b", "", "\xc3\xa9", "SLUICE_HTTP_X",
	};
	struct told *t = *state;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const char *name = import_add_secret(&t->im, wanted[i],
		    wanted[i]);

		assert_null(values_env(name));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(name,
			    t->im.variables[j].name);
	}
}

static void
variables_do_not_collide(void **state)
{
	struct told *t = *state;
	struct conf_provider *a = import_add_provider(&t->im, "a.b");
	struct conf_provider *b = import_add_provider(&t->im, "a-b");
	struct conf_provider *c = import_add_provider(&t->im, "a_b");
	struct conf_provider *none = import_add_provider(&t->im, "none");

	import_set_key(&t->im, a, "one");
	import_set_key(&t->im, b, "two");
	import_set_key(&t->im, c, "two");
	import_set_key(&t->im, none, "");
	assert_string_equal(a->api_key_env, "A_B_API_KEY");
	assert_string_equal(b->api_key_env, "A_B_API_KEY_2");
	assert_string_equal(c->api_key_env, "A_B_API_KEY_2");
	assert_null(none->api_key_env);
	assert_int_equal(t->im.variable_count, 2);
}

static void
a_secret_is_never_told(void **state)
{
	struct told *t = *state;
	struct conf_provider *p = import_add_provider(&t->im, "p");

	import_set_key(&t->im, p, "sk-secret\n");
	assert_int_equal(t->im.problems, 1);
	assert_null(strstr(t->problems, "secret"));
	assert_null(import_check(&t->im, "x", KEYS_PROVIDER, "base_url",
	    "http://sk-secret@h"));
	assert_null(strstr(t->problems, "secret"));
}

static void
what_is_told_is_one_line(void **state)
{
	struct told *t = *state;

	t->im.file = "a\nb";
	import_note(&t->im, "%s", "x\n\x1b[31my\x7f");
	import_problem(&t->im, 3, "%s", "x\ry");
	assert_string_equal(t->notes, "x??[31my?\n");
	assert_string_equal(t->problems, "a?b:3: x?y\n");
}

static void
odd_model_names_are_left_out(void **state)
{
	struct told *t = *state;
	struct conf_provider *p = import_add_provider(&t->im, "p");

	assert_non_null(import_add_model(&t->im, p, "Qwen/Qwen2.5-7B"));
	assert_null(import_add_model(&t->im, p, "*"));
	assert_null(import_add_model(&t->im, p, "a*"));
	assert_null(import_add_model(&t->im, p, ""));
	assert_null(import_add_model(&t->im, p, "a\x01"));
	assert_int_equal(p->model_count, 1);
	assert_int_equal(t->im.problems, 0);
}

static void
models_begin_with_the_defaults(void **state)
{
	struct told *t = *state;
	struct conf_provider *p = import_add_provider(&t->im, "p");
	struct conf_model *named = import_add_model(&t->im, p, "m");

	assert_int_equal(named->weight, 10);
	assert_string_equal(named->name, "m");
	assert_int_equal(import_add_wildcard(&t->im, p)->weight, 10);
	assert_string_equal(p->models[1].name, "*");
	assert_int_equal(p->model_count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(provider_names_are_fit_for_files),
		TEST(a_long_name_is_cut),
		TEST(there_is_a_last_provider),
		TEST(no_client_can_set_a_variable),
		TEST(variables_do_not_collide),
		TEST(a_secret_is_never_told),
		TEST(what_is_told_is_one_line),
		TEST(odd_model_names_are_left_out),
		TEST(models_begin_with_the_defaults),
	};

	return cmocka_run_group_tests_name("conf/import", tests, NULL, NULL);
}
