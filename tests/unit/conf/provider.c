/* What must hold within one provider file, beyond single values. */
#include "config.h"

#include "conf/provider.h"

#include "tests/unit/conf/dir.h"

#define URL "base_url = \"http://h/v1\";\n"

/* Load TEXT as providers.d/FILE beside those of CONF. */
static enum provider_state
load(struct dir *d, const char *file, const char *text,
    struct conf_provider **p, struct conf *conf)
{
	static struct conf alone;

	dir_write(d, file, text);
	d->reports[0] = '\0';
	d->report_count = 0;
	*p = NULL;
	return provider_load(p, dir_path(d, file),
	    conf == NULL ? &alone : conf, dir_report, d, NULL);
}

static void
a_small_file_is_enough(void **state)
{
	struct dir *d = *state;
	struct conf_provider *p;
	struct stat st;

	assert_int_equal(load(d, "my-gpu.conf", URL, &p, NULL),
	    PROVIDER_USABLE);
	assert_int_equal(d->report_count, 0);
	assert_string_equal(p->name, "my-gpu");
	assert_string_equal(p->file, dir_path(d, "my-gpu.conf"));
	assert_int_equal(stat(p->file, &st), 0);
	assert_int_equal(p->mtime, st.st_mtime);
	assert_int_equal(p->kind, CONF_KIND_OPENAI);
	assert_null(p->api_key_env);
	assert_string_equal(p->key_header, "Authorization");
	assert_null(p->proxy);
	assert_false(p->http2);
	assert_string_equal(p->ns, "default");
	assert_string_equal(p->prefix, "");
	assert_int_equal(p->timeouts.total_ms, 0);
	assert_string_equal(p->health_path, "/models");
	assert_int_equal(p->health_timeout_ms, 5000);
	assert_int_equal(p->health_interval_ms, 30000);
	assert_int_equal(p->weight, 10);
	assert_int_equal(p->priority, 0);
	assert_int_equal(p->retries, 2);
	assert_int_equal(p->on_abort, CONF_ON_ABORT_CANCEL);
	assert_int_equal(p->usage, CONF_USAGE_ASIS);
	assert_int_equal(p->model_count, 0);
	assert_int_equal(p->refs, 1);
	provider_release(p);
}

static void
bad_files_are_reported_by_line(void **state)
{
	static const struct { const char *text, *report; } bad[] = {
		{ "kind = \"openai\";", "x.conf:0: base_url is missing" },
		{ URL "delay_ms = 5;", "x.conf:2: delay_ms: for kind" },
		{ URL "kind = \"anthropic\";\nusage = \"inject\";",
		    "x.conf:3: usage: \"inject\" is for kinds openai, azure "
		    "and echo only" },
		{ URL "name = \"a b\";", "x.conf:2: name: expected a name" },
		{ URL "\nmodels = ( { name = \"a\"; }, { name = \"b\"; },\n"
		    "{ name = \"a\"; } );", "x.conf:4: models: this name" },
		{ URL "models = ( { name = \"a\"; endpoints = (\n"
		    "{ path = \"b\"; },\n{ path = \"c\"; },\n"
		    "{ path = \"b\"; } ); } );",
		    "x.conf:5: endpoints: path \"b\" a second time" },
		{ URL "headers = ( { name = \"A\"; } );",
		    "x.conf:2: headers: expected either value or" },
		{ URL "headers = ( { name = \"A\"; value = \"1\";\n"
		    "value_env = \"HOME\"; } );",
		    "x.conf:2: headers: expected either value or" },
		{ URL "headers = ( { name = \"A\"; value = \"1\"; },\n"
		    "{ name = \"a\"; value = \"2\"; } );",
		    "x.conf:3: headers: a a second time" },
		{ URL "api_key_env = \"HOME\";\nheaders = (\n{ name = "
		    "\"authorization\"; value = \"1\"; } );",
		    "x.conf:4: headers: authorization carries the key" },
		{ URL "api_key_env = \"HOME\"; key_header = \"X-Key\";\n"
		    "headers = (\n{ name = \"x-key\"; value = \"1\"; } );",
		    "x.conf:4: headers: x-key carries the key" },
		{ URL "@include \"y\"", "x.conf:2: @include" },
		{ URL "models = (", "x.conf:2: syntax error" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf_provider *p;

		assert_int_equal(load(*state, "x.conf", bad[i].text, &p, NULL),
		    PROVIDER_BROKEN);
		assert_null(p);
		dir_expect_one(*state, bad[i].report);
	}
}

static void
usage_is_injected_where_it_can_be_asked_for(void **state)
{
	static const char *const good[] = {
		URL "usage = \"inject\";",
		URL "kind = \"echo\"; usage = \"inject\";",
		URL "kind = \"azure\"; api_version = \"1\"; usage = \"inject\";",
		URL "kind = \"anthropic\"; usage = \"asis\";",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct conf_provider *p;

		assert_int_equal(load(*state, "x.conf", good[i], &p, NULL),
		    PROVIDER_USABLE);
		provider_release(p);
	}
}

static void
without_a_key_any_header_may_carry_one(void **state)
{
	struct conf_provider *p;

	assert_int_equal(load(*state, "x.conf", URL "headers = ( { name = "
	    "\"Authorization\"; value = \"Basic eDp5\"; } );", &p, NULL),
	    PROVIDER_USABLE);
	provider_release(p);
}

static void
a_file_name_may_be_no_name(void **state)
{
	struct conf_provider *p;

	assert_int_equal(load(*state, "a b.conf", URL, &p, NULL),
	    PROVIDER_BROKEN);
	dir_expect_one(*state, "a b.conf:0: name is missing, and");
	assert_int_equal(load(*state, "a b.conf", URL "name = \"c\";", &p,
	    NULL), PROVIDER_USABLE);
	assert_string_equal(p->name, "c");
	provider_release(p);
}

static void
names_are_taken_once(void **state)
{
	struct conf_provider *first, *second;
	struct conf conf = { .providers = &first, .provider_count = 1 };

	assert_int_equal(load(*state, "a.conf", URL, &first, NULL),
	    PROVIDER_USABLE);
	assert_int_equal(load(*state, "b.conf", URL "name = \"a\";", &second,
	    &conf), PROVIDER_BROKEN);
	dir_expect_one(*state, "b.conf:2: name: \"a\" is taken by /tmp/");
	assert_ptr_equal(provider_find(&conf, "a"), first);
	assert_null(provider_find(&conf, "b"));
	provider_release(first);
}

static void
a_variable_that_cannot_be_sent_disables(void **state)
{
	struct conf_provider *p;

	unsetenv("SLUICE_T1");
	setenv("SLUICE_T2", "", 1);
	setenv("SLUICE_T3", "sk-x", 1);
	assert_int_equal(load(*state, "x.conf", URL
	    "api_key_env = \"SLUICE_T1\";", &p, NULL), PROVIDER_KEYLESS);
	dir_expect_one(*state, "x.conf:2: SLUICE_T1 is not set in the "
	    "environment: this provider is disabled\n");
	provider_release(p);
	assert_int_equal(load(*state, "x.conf", URL
	    "api_key_env = \"SLUICE_T2\";", &p, NULL), PROVIDER_KEYLESS);
	provider_release(p);
	assert_int_equal(load(*state, "x.conf", URL
	    "api_key_env = \"SLUICE_T2\"; headers = (\n"
	    "{ name = \"A\"; value_env = \"SLUICE_T1\"; } );", &p, NULL),
	    PROVIDER_DISABLED);
	assert_null(p);
	assert_int_equal(load(*state, "x.conf", URL "headers = (\n"
	    "{ name = \"A\"; value_env = \"SLUICE_T1\"; } );", &p, NULL),
	    PROVIDER_DISABLED);
	dir_expect_one(*state, "x.conf:3: SLUICE_T1 is not set");
	assert_int_equal(load(*state, "x.conf", URL
	    "api_key_env = \"SLUICE_T3\";", &p, NULL), PROVIDER_USABLE);
	provider_release(p);
	setenv("SLUICE_T3", "sk-hunter2\n", 1);
	assert_int_equal(load(*state, "x.conf", URL
	    "api_key_env = \"SLUICE_T3\";", &p, NULL), PROVIDER_DISABLED);
	dir_expect_one(*state, "x.conf:2: SLUICE_T3 cannot be sent: it holds");
	assert_null(strstr(((struct dir *)*state)->reports, "hunter2"));
	assert_int_equal(load(*state, "x.conf", URL
	    "api_key_env = \"SLUICE_T1\"; nope = 1;", &p, NULL),
	    PROVIDER_BROKEN);
}

static void
what_no_file_describes_is_as_in_an_empty_one(void **state)
{
	struct arena arena;
	struct conf_provider *p;
	struct conf_model *models;

	(void)state;
	arena_init(&arena, 1024);
	p = provider_make(&arena, "made", "anthropic", "http://h/v1");
	assert_string_equal(p->name, "made");
	assert_int_equal(p->kind, CONF_KIND_ANTHROPIC);
	assert_string_equal(p->base_url, "http://h/v1");
	assert_string_equal(p->key_header, "x-api-key");
	assert_string_equal(p->ns, "default");
	assert_string_equal(p->prefix, "");
	assert_string_equal(p->health_path, "/models");
	assert_int_equal(p->weight, 10);
	assert_int_equal(p->retries, 2);
	assert_null(provider_make(&arena, "made", "other", "http://h/v1"));
	models = provider_make_models(&arena, 2);
	assert_int_equal(models[1].weight, 10);
	assert_true(models[1].prices.cached < 0);
	arena_fini(&arena);
}

static void
a_secret_in_the_wrong_place_is_not_repeated(void **state)
{
	struct dir *d = *state;
	struct conf_provider *p;

	assert_int_equal(load(d, "x.conf",
	    "base_url = \"https://u:sk-hunter2@h\";\n"
	    "api_key_env = \"sk-hunter2\"; proxy = \"x://sk-hunter2@h\";\n"
	    "headers = ( { name = \"sk hunter2\"; value = \"sk-hunter2\\n\"; },\n"
	    "{ name = \"A\"; value = \"sk-hunter2\"; value_env = \"sk-hunter2\"; } );",
	    &p, NULL), PROVIDER_BROKEN);
	assert_true(d->report_count >= 6);
	assert_null(strstr(d->reports, "hunter2"));
}

static void
ten_thousand_models_are_compared_quickly(void **state)
{
	static char text[800000];
	struct conf_provider *p;
	size_t n = (size_t)sprintf(text, URL "models = (");

	for (int i = 0; i < 10000; i++)
		n += (size_t)sprintf(text + n, "%s{ name = \"model-%d\"; }",
		    i == 0 ? "" : ",\n", i);
	strcpy(text + n, ");");
	assert_int_equal(load(*state, "x.conf", text, &p, NULL),
	    PROVIDER_USABLE);
	assert_int_equal(p->model_count, 10000);
	assert_string_equal(p->models[9999].name, "model-9999");
	provider_release(p);
}

static void
references_keep_it_alive(void **state)
{
	struct conf_provider *p;

	assert_int_equal(load(*state, "x.conf", URL, &p, NULL),
	    PROVIDER_USABLE);
	p->refs++;
	provider_release(p);
	assert_string_equal(p->name, "x");
	provider_release(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_small_file_is_enough),
		TEST(bad_files_are_reported_by_line),
		TEST(usage_is_injected_where_it_can_be_asked_for),
		TEST(without_a_key_any_header_may_carry_one),
		TEST(a_file_name_may_be_no_name),
		TEST(names_are_taken_once),
		TEST(a_variable_that_cannot_be_sent_disables),
		TEST(what_no_file_describes_is_as_in_an_empty_one),
		TEST(a_secret_in_the_wrong_place_is_not_repeated),
		TEST(ten_thousand_models_are_compared_quickly),
		TEST(references_keep_it_alive),
	};

	setenv("HOME", "/", 1);
	return cmocka_run_group_tests_name("conf/provider", tests, NULL, NULL);
}
