/* What show-config prints can be read again, and holds no secret. */
#include "config.h"

#include "conf/show.h"

#include "tests/unit/conf/dir.h"

/* The text of sluice.conf (no P), or of provider P. To be freed. */
static char *
text_of(const struct conf *conf, const struct conf_provider *p)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (p == NULL)
		show_main(f, conf);
	else
		show_provider(f, conf, p);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void
expect_round_trip(struct dir *d)
{
	struct conf *c = dir_load_good(d), *again;
	char *main_text = text_of(c, NULL), *text = text_of(c, c->providers[0]);
	char *main_again, *text_again;

	dir_write(d, "sluice.conf", main_text);
	dir_write(d, "providers.d/p.conf", text);
	again = dir_load_good(d);
	main_again = text_of(again, NULL);
	text_again = text_of(again, again->providers[0]);
	assert_string_equal(main_text, main_again);
	assert_string_equal(text, text_again);
	assert_int_equal(again->timeouts.headers_ms, c->timeouts.headers_ms);
	free(main_text);
	free(text);
	free(main_again);
	free(text_again);
	conf_free(c);
	conf_free(again);
}

static void
defaults_survive_the_round_trip(void **state)
{
	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/p.conf", "base_url = \"http://h\";");
	expect_round_trip(*state);
}

static void
everything_survives_the_round_trip(void **state)
{
	setenv("SLUICE_T1", "sk-secret", 1);
	dir_write(*state, "keys.env", "");
	assert_int_equal(chmod(dir_path(*state, "keys.env"), 0600), 0);
	dir_write(*state, "sluice.conf", "state_dir = \"a\\\"b\\\\c\";\n"
	    "env_file = \"keys.env\"; auth: { open = true; };\n"
	    "log: { level = \"debug\"; dir = \"l\"; };\n"
	    "timeouts: { connect = 0.001; headers = 1.25; idle = 86400; };\n"
	    "limits: { body = 4294967296L; };\n"
	    "stream: { keepalive = 0.5; release = \"byte\"; };\n"
	    "sticky = \"header:X-A\"; breaker: { failures = 0;\n"
	    "error_rate = 0.1; cooldown = 86400; };\n"
	    "metrics: { allow = [ \"127.0.0.1\", \"fd00::/8\" ]; };\n"
	    "cors: { origins = [ \"*\", \"http://a\" ]; };\n");
	dir_write(*state, "providers.d/p.conf", "base_url = \"http://h\";\n"
	    "kind = \"echo\"; delay_ms = 7; api_key_env = \"SLUICE_T1\";\n"
	    "proxy = \"socks5h://me:sk-secret@h:1\"; timeouts: { idle = 1; };\n"
	    "headers = ( { name = \"A\"; value = \"sk-secret\"; },\n"
	    "{ name = \"B\"; value_env = \"SLUICE_T1\"; } );\n"
	    "weight = 3; priority = 1; retries = 10; on_abort = \"drain\";\n"
	    "usage = \"inject\"; health: { interval = 1.5; };\n"
	    "models = ( { name = \"q\\\"\\\\\"; paths = [ \"a\", \"b\" ];\n"
	    "weight = 7; release = \"end\"; hedge = \"p90\"; prices: {\n"
	    "input = 0.000001; cached = 0; output = 1000000; }; },\n"
	    "{ name = \"\xc3\xa9\"; timeouts: { total = 2; }; endpoints = (\n"
	    "{ path = \"a\"; timeouts: { connect = 3; }; }, { path = \"b\"; }\n"
	    "); } );\n");
	expect_round_trip(*state);
}

static void
no_secret_is_shown(void **state)
{
	struct conf *c;
	char *text, *main_text;

	setenv("SLUICE_T1", "sk-secret", 1);
	unsetenv("SLUICE_API_KEYS");
	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/p.conf", "base_url = \"http://h\";\n"
	    "api_key_env = \"SLUICE_T1\";\n"
	    "proxy = \"http://me:sk-secret@proxy:1\";\n"
	    "headers = ( { name = \"A\"; value = \"sk-secret\"; } );\n");
	c = dir_load_good(*state);
	text = text_of(c, c->providers[0]);
	main_text = text_of(c, NULL);
	assert_null(strstr(text, "sk-secret"));
	assert_null(strstr(text, "me:"));
	assert_non_null(strstr(text, "api_key_env = \"SLUICE_T1\";\t# set\n"));
	assert_non_null(strstr(text, "\"http://********@proxy:1\""));
	assert_non_null(strstr(text, "value = \"********\";"));
	assert_non_null(strstr(main_text,
	    "keys_env = \"SLUICE_API_KEYS\";\t# not set\n"));
	free(text);
	free(main_text);
	conf_free(c);
}

static void
numbers_are_shown_in_their_units(void **state)
{
	struct conf *c;
	char *text;

	dir_write(*state, "sluice.conf", "timeouts: { connect = 2; idle = 0.25;"
	    "total = 1.001; }; limits: { body = 2147483648L; };");
	c = dir_load_good(*state);
	text = text_of(c, NULL);
	assert_non_null(strstr(text, "\tconnect = 2.0;\n"));
	assert_non_null(strstr(text, "\tidle = 0.25;\n"));
	assert_non_null(strstr(text, "\ttotal = 1.001;\n"));
	assert_non_null(strstr(text, "\t# headers = 60.0;\n"));
	assert_non_null(strstr(text, "\tbody = 2147483648L;\n"));
	free(text);
	conf_free(c);
}

/* 0 is "off" for some times, and "as another level says" for the others. */
static void
a_time_that_is_off_survives_the_round_trip(void **state)
{
	struct dir *d = *state;
	struct conf *c;
	char *text, *main_text;

	dir_write(d, "sluice.conf", "stream: { keepalive = 0; };\n"
	    "breaker: { failures = 0; error_rate = 0; };");
	dir_write(d, "providers.d/p.conf", "base_url = \"http://h\";\n"
	    "health: { interval = 0; };");
	expect_round_trip(d);
	c = dir_load_good(d);
	assert_int_equal(c->stream.keepalive_ms, 0);
	assert_int_equal(c->breaker.failures, 0);
	assert_true(c->breaker.error_rate == 0.0);
	assert_int_equal(c->providers[0]->health_interval_ms, 0);
	main_text = text_of(c, NULL);
	text = text_of(c, c->providers[0]);
	assert_non_null(strstr(main_text, "\tkeepalive = 0.0;\n"));
	assert_non_null(strstr(main_text, "\terror_rate = 0.0;\n"));
	assert_non_null(strstr(text, "\tinterval = 0.0;\n"));
	assert_null(strstr(text, "connect ="));
	free(main_text);
	free(text);
	conf_free(c);
}

static void
a_price_that_is_not_set_stays_so(void **state)
{
	struct conf *c;
	char *text;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/p.conf", "base_url = \"http://h\";\n"
	    "models = ( { name = \"m\"; prices: { input = 2.5;\n"
	    "cache_write = 0; }; } );");
	expect_round_trip(*state);
	c = dir_load_good(*state);
	text = text_of(c, c->providers[0]);
	assert_non_null(strstr(text, "\t\tprices: {\n\t\t\tinput = 2.5;\n"
	    "\t\t\tcache_write = 0.0;\n\t\t\toutput = 0.0;\n\t\t};\n"));
	free(text);
	conf_free(c);
}

/* What an importer writes: only what differs from the defaults. */
static void
changes_alone_survive_the_round_trip(void **state)
{
	struct dir *d = *state;
	struct conf *c;
	char *text, *main_text;
	size_t size;
	FILE *f;

	dir_write(d, "sluice.conf", "stream: { keepalive = 0; };\n"
	    "breaker: { error_rate = 0.25; };");
	dir_write(d, "providers.d/p.conf", "base_url = \"http://h\"; weight = 5;\n"
	    "health: { interval = 0; }; models = ( { name = \"a\"; }, { name = "
	    "\"b\"; weight = 2; release = \"end\"; }, { name = \"c\"; "
	    "prices: { cached = 0; output = 1.5; }; } );");
	c = dir_load_good(d);
	f = open_memstream(&main_text, &size);
	show_changed_main(f, c);
	assert_int_equal(fclose(f), 0);
	f = open_memstream(&text, &size);
	show_changed_provider(f, c->providers[0]);
	assert_int_equal(fclose(f), 0);
	conf_free(c);
	assert_non_null(strstr(main_text, "stream: {\n\tkeepalive = 0.0;\n};\n"
	    "breaker: {\n\terror_rate = 0.25;\n};\n"));
	assert_non_null(strstr(text, "weight = 5;\n"));
	assert_non_null(strstr(text, "\tinterval = 0.0;\n"));
	assert_non_null(strstr(text, "{ name = \"a\"; },\n"));
	assert_non_null(strstr(text,
	    "{ name = \"b\"; weight = 2; release = \"end\"; },\n"));
	assert_non_null(strstr(text, "name = \"c\";\n\t\tprices: {\n"
	    "\t\t\tcached = 0.0;\n\t\t\toutput = 1.5;\n\t\t};\n"));
	dir_write(d, "sluice.conf", main_text);
	dir_write(d, "providers.d/p.conf", text);
	c = dir_load_good(d);
	assert_int_equal(c->stream.keepalive_ms, 0);
	assert_int_equal(c->providers[0]->models[1].weight, 2);
	assert_true(c->providers[0]->models[2].prices.cached == 0);
	assert_true(c->providers[0]->models[2].prices.cache_write < 0);
	conf_free(c);
	free(main_text);
	free(text);
}

/* "#key" in a sample is a setting, "# words" is a comment. */
static void
copy_sample(struct dir *d, const char *name)
{
	const char *src = getenv("SLUICE_SRC");
	char path[512], line[512];
	FILE *in, *out;

	snprintf(path, sizeof(path), "%s/conf/%s", src == NULL ? "." : src,
	    name);
	in = fopen(path, "r");
	out = fopen(dir_path(d, name), "w");
	assert_non_null(in);
	assert_non_null(out);
	while (fgets(line, sizeof(line), in) != NULL)
		fputs(line + (line[0] == '#' && line[1] != ' '), out);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

static void
the_sample_shows_the_defaults(void **state)
{
	struct dir *d = *state;
	struct conf *sample, *defaults;
	char *a, *b, *hash;

	dir_write(d, "sluice.conf", "timeouts: { headers = 60.0; };");
	defaults = dir_load_good(d);
	copy_sample(d, "sluice.conf");
	sample = dir_load_good(d);
	a = text_of(sample, NULL);
	b = text_of(defaults, NULL);
	hash = strstr(a, "# headers");
	assert_null(hash);
	assert_string_equal(a, b);
	free(a);
	free(b);
	conf_free(sample);
	conf_free(defaults);
}

static void
the_provider_sample_is_good_as_a_whole(void **state)
{
	struct dir *d = *state;
	struct conf *c;

	setenv("OPENAI_API_KEY", "sk-x", 1);
	setenv("SLUICE_TEAM", "lab", 1);
	dir_write(d, "sluice.conf", "");
	copy_sample(d, "providers.d/openai.conf");
	c = dir_load_good(d);
	assert_int_equal(c->provider_count, 1);
	assert_int_equal(c->providers[0]->header_count, 2);
	assert_int_equal(c->providers[0]->models[
	    c->providers[0]->model_count - 1].endpoint_count, 1);
	conf_free(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_survive_the_round_trip),
		TEST(everything_survives_the_round_trip),
		TEST(no_secret_is_shown),
		TEST(numbers_are_shown_in_their_units),
		TEST(a_time_that_is_off_survives_the_round_trip),
		TEST(a_price_that_is_not_set_stays_so),
		TEST(changes_alone_survive_the_round_trip),
		TEST(the_sample_shows_the_defaults),
		TEST(the_provider_sample_is_good_as_a_whole),
	};

	return cmocka_run_group_tests_name("conf/show", tests, NULL, NULL);
}
