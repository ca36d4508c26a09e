/* Every key of the table: good values land, bad ones are reported by line. */
#include "config.h"

#include "conf/reader.h"

#include "base/arena.h"
#include "conf/source.h"
#include "tests/unit/conf/dir.h"

#define EACH_KEY(k)	const struct key *k = keys; k->name != NULL; k++

/* A reader of TEXT that reports to D. */
struct fixture {
	struct reader	 reader;
	struct arena	 arena;
	enum err	 err;
};

static void
fixture_open(struct fixture *f, struct dir *d, const char *text)
{
	struct source s = { .text = strdup(text), .size = strlen(text) };

	d->reports[0] = '\0';
	d->report_count = 0;
	arena_init(&f->arena, 1024);
	f->reader = (struct reader){
		.file = "/etc/sluice/x.conf", .arena = &f->arena,
		.report = dir_report, .arg = d
	};
	f->err = reader_open(&f->reader, &s);
	source_fini(&s);
}

static void
fixture_close(struct fixture *f)
{
	if (f->err == ERR_NONE)
		reader_close(&f->reader);
	arena_fini(&f->arena);
}

/* Read TEXT as SCOPE into STRUCTURE, whose strings the fixture owns. */
static void
read_text(struct fixture *f, struct dir *d, enum keys_scope scope,
    void *structure, const char *text)
{
	fixture_open(f, d, text);
	if (f->err != ERR_NONE)
		fail_msg("%s: %s", text, d->reports);
	reader_set_defaults(&f->reader, scope, structure);
	reader_read(&f->reader, scope, structure);
}

/* A file in which KEY = VALUE stands in line 2, whatever its scope. */
static void
write_setting(char *text, size_t size, const struct key *key, const char *value)
{
	static const char *const frames[][2] = {
		[KEYS_MAIN] = { "", "" },
		[KEYS_PROVIDER] = { "", "" },
		[KEYS_HEADER] = { "headers = ( {", "} );" },
		[KEYS_MODEL] = { "models = ( {", "} );" },
		[KEYS_ENDPOINT] = { "models = ( { name = \"m\"; endpoints = ( {",
		    "} ); } );" },
	};
	const char *dot = strchr(key->name, '.');
	int n = dot == NULL ? 0 : (int)(dot - key->name);

	snprintf(text, size, "%s\n%.*s%s %s = %s; %s\n%s\n",
	    frames[key->scope][0], n, key->name, n > 0 ? ": {" : "",
	    n > 0 ? dot + 1 : key->name, value, n > 0 ? "};" : "",
	    frames[key->scope][1]);
}

/* Read KEY = VALUE and give back what is reported of line 2, or "". */
static const char *
reports_of(struct dir *d, const struct key *key, const char *value)
{
	char *structure = calloc(1, sizeof(struct conf) +
	    sizeof(struct conf_provider));
	enum keys_scope scope =
	    key->scope == KEYS_MAIN ? KEYS_MAIN : KEYS_PROVIDER;
	struct fixture f;
	char text[20000];
	const char *found;

	write_setting(text, sizeof(text), key, value);
	read_text(&f, d, scope, structure, text);
	fixture_close(&f);
	free(structure);
	found = strstr(d->reports, "x.conf:2: ");
	return found == NULL ? "" : found + strlen("x.conf:2: ");
}

static void
expect_report(struct dir *d, const struct key *key, const char *value,
    const char *words)
{
	const char *report = reports_of(d, key, value);
	size_t n = strlen(key->name);

	if (strncmp(report, key->name, n) != 0 || strstr(report, words) == NULL)
		fail_msg("%s = %s: expected \"%s\", got %s", key->name, value,
		    words, d->reports);
}

static void
every_key_takes_its_default(void **state)
{
	for (EACH_KEY(key)) {
		char value[128];
		bool quoted = key->type <= KEYS_CHOICE;

		if (key->required || (!quoted && key->fallback[0] == '\0'))
			continue;
		snprintf(value, sizeof(value), quoted ? "\"%s\"" : "%s",
		    key->fallback);
		assert_string_equal(reports_of(*state, key, value), "");
	}
}

static void
every_key_refuses_other_types(void **state)
{
	static const char *const wrong[KEYS_TYPE__MAX][5] = {
		[KEYS_STRING] = { "5", "true", "[ \"a\" ]", "{ a = 1; }" },
		[KEYS_PATH] = { "5", "1.5", "( )" },
		[KEYS_URL] = { "5", "false", "{ }" },
		[KEYS_BOOL] = { "1", "\"true\"", "[ true ]", "0.0" },
		[KEYS_SECONDS] = { "\"5\"", "true", "[ 5 ]", "{ }" },
		[KEYS_MILLISECONDS] = { "\"5\"", "1.5", "true", "( 5 )" },
		[KEYS_COUNT] = { "\"5\"", "1.5", "true", "( 5 )" },
		[KEYS_RATIO] = { "\"0.5\"", "true", "[ 0.5 ]", "{ }" },
		[KEYS_BYTES] = { "\"5\"", "1048576.0", "false", "{ }" },
		[KEYS_STRINGS] = { "\"a\"", "5", "{ }", "[ 5 ]", "( { } )" },
		[KEYS_GROUPS] = { "\"a\"", "5", "{ }", "[ \"a\" ]", "( 5 )" },
	};

	for (EACH_KEY(key))
		for (int i = 0; i < 5 && wrong[key->type][i] != NULL; i++)
			expect_report(*state, key, wrong[key->type][i],
			    "expected ");
}

static void
every_choice_refuses_other_words(void **state)
{
	for (EACH_KEY(key)) {
		if (key->type != KEYS_CHOICE)
			continue;
		expect_report(*state, key, "\"nonsense\"", "expected one of \"");
		if (key->fallback[0] == '\0')
			assert_string_equal(reports_of(*state, key, "\"\""),
			    "");
		else
			expect_report(*state, key, "\"\"",
			    "expected one of \"");
		expect_report(*state, key, "5", "expected one of \"");
		expect_report(*state, key, "[ \"a\" ]", "expected one of \"");
		assert_null(strstr(reports_of(*state, key, "5"), "\"\""));
		for (int i = 0; key->choices[i] != NULL; i++) {
			if (key->choices[i][0] == '\0')
				continue;
			char value[32];

			snprintf(value, sizeof(value), "\"%s\"",
			    key->choices[i]);
			assert_string_equal(reports_of(*state, key, value), "");
		}
	}
}

static void
every_number_keeps_its_range(void **state)
{
	static const char *const outside[] = {
		"-1", "-2147483648L", "9223372036854775807L",
		"99999999999999999999999L",
	};

	for (EACH_KEY(key)) {
		char value[64];

		if (key->type != KEYS_SECONDS && key->type != KEYS_BYTES &&
		    key->type != KEYS_MILLISECONDS &&
		    key->type != KEYS_COUNT && key->type != KEYS_RATIO)
			continue;
		for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
			expect_report(*state, key, outside[i], "between");
		snprintf(value, sizeof(value), "%.0fL", key->max);
		assert_string_equal(reports_of(*state, key, value), "");
		snprintf(value, sizeof(value), "%.0fL", key->max + 1);
		expect_report(*state, key, value, "between");
		if (key->type == KEYS_SECONDS || key->type == KEYS_RATIO) {
			expect_report(*state, key, "-0.001", "between");
			expect_report(*state, key, "1e999", "between");
		}
		if (key->min == 0)
			continue;
		expect_report(*state, key, "0", "between");
		if (key->type == KEYS_SECONDS) {
			expect_report(*state, key, "0.0", "between");
			expect_report(*state, key, "-0.5", "between");
		}
	}
}

static void
every_string_keeps_its_bounds(void **state)
{
	static char value[16000];

	for (EACH_KEY(key)) {
		if (key->type > KEYS_URL)
			continue;
		expect_report(*state, key, "\"a\\nb\"", "control");
		expect_report(*state, key, "\"a\\x01b\"", "control");
		expect_report(*state, key, "\"\\xff\\xfe\"", "UTF-8");
		memset(value, 'a', sizeof(value));
		value[0] = value[(size_t)key->max + 2] = '"';
		value[(size_t)key->max + 3] = '\0';
		expect_report(*state, key, value, "shorter");
		if (key->required)
			expect_report(*state, key, "\"\"", "not empty");
		else
			assert_string_equal(reports_of(*state, key, "\"\""), "");
	}
}

static void
every_list_keeps_its_length(void **state)
{
	for (EACH_KEY(key)) {
		size_t n = (size_t)key->max + 1, at = 0;
		char value[17000];

		if (key->type != KEYS_STRINGS && key->type != KEYS_GROUPS)
			continue;
		if (n * 4 + 8 > sizeof(value))
			continue;	/* models: as many as a file can hold */
		value[at++] = '(';
		for (size_t i = 0; i < n; i++)
			at += (size_t)sprintf(value + at, "%s1",
			    i == 0 ? "" : ",");
		strcpy(value + at, ")");
		expect_report(*state, key, value, "more than");
		expect_report(*state, key,
		    key->type == KEYS_STRINGS ? "[ \"\" ]" : "( 1 )", "expected");
	}
}

static void
main_values_land(void **state)
{
	struct conf c = { 0 };
	struct fixture f;

	read_text(&f, *state, KEYS_MAIN, &c, "providers = \"p\";\n"
	    "state_dir = \"/s\"; env_file = \"../e\";\n"
	    "auth: { keys_env = \"K\"; open = true; models_open = true;\n"
	    "remote_user = true; "
	    "admin_key_env = \"A\"; };\n"
	    "stream: { keepalive = 0; release = \"end\"; };\n"
	    "sticky = \"header:X-A\"; breaker: { failures = 63;\n"
	    "error_rate = 0.125; cooldown = 0.001; };\n"
	    "metrics: { allow = [ \"127.0.0.1\", \"::/0\" ]; };\n"
	    "log = { dir = \"l\"; level = \"debug\"; };\n"
	    "timeouts: { connect = 1; headers = 2.5; first_token = 3L;\n"
	    "idle = 0.001; total = 86400.0; hangup_probe = 0.05; };\n"
	    "default_model = \"m\"; limits: { body = 1099511627776L;\n"
	    "memory_body = 1024; client_buffer = 4096; };\n"
	    "cors: { origins = ( \"*\", \"https://a.example\" ); };\n");
	assert_string_equal(((struct dir *)*state)->reports, "");
	assert_string_equal(c.providers_dir, "/etc/sluice/p");
	assert_string_equal(c.state_dir, "/s");
	assert_string_equal(c.env_file, "/etc/sluice/../e");
	assert_string_equal(c.auth.keys_env, "K");
	assert_true(c.auth.open && c.auth.models_open &&
	    c.auth.remote_user);
	assert_string_equal(c.auth.admin_key_env, "A");
	assert_int_equal(c.stream.keepalive_ms, 0);
	assert_int_equal(c.stream.release, CONF_RELEASE_END);
	assert_string_equal(c.sticky, "header:X-A");
	assert_int_equal(c.breaker.failures, 63);
	assert_true(c.breaker.error_rate == 0.125);
	assert_int_equal(c.breaker.cooldown_ms, 1);
	assert_int_equal(c.metrics.allow_count, 2);
	assert_string_equal(c.metrics.allow[1], "::/0");
	assert_string_equal(c.log.dir, "/etc/sluice/l");
	assert_int_equal(c.log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(c.timeouts.connect_ms, 1000);
	assert_int_equal(c.timeouts.headers_ms, 2500);
	assert_int_equal(c.timeouts.first_token_ms, 3000);
	assert_int_equal(c.timeouts.idle_ms, 1);
	assert_int_equal(c.timeouts.total_ms, 86400000);
	assert_int_equal(c.timeouts.hangup_probe_ms, 50);
	assert_string_equal(c.default_model, "m");
	assert_int_equal(c.limits.body_bytes, 1099511627776);
	assert_int_equal(c.limits.memory_body_bytes, 1024);
	assert_int_equal(c.limits.client_buffer_bytes, 4096);
	assert_int_equal(c.cors.origin_count, 2);
	assert_string_equal(c.cors.origins[0], "*");
	assert_string_equal(c.cors.origins[1], "https://a.example");
	fixture_close(&f);
}

static void
provider_values_land(void **state)
{
	struct conf_provider p = { 0 };
	struct fixture f;

	read_text(&f, *state, KEYS_PROVIDER, &p, "name = \"n\";\n"
	    "kind = \"echo\"; base_url = \"http://h/v1//\";\n"
	    "api_key_env = \"K\"; key_header = \"api-key\";\n"
	    "headers = ( { name = \"A\"; value = \"1\"; },\n"
	    "{ name = \"B\"; value_env = \"V\"; } );\n"
	    "proxy = \"http://p:1\"; http2 = true; namespace = \"ns\";\n"
	    "prefix = \"x/\"; delay_ms = 60000; timeouts: { idle = 7; };\n"
	    "health: { path = \"/h\"; timeout = 300; interval = 0.0; };\n"
	    "weight = 1000000; priority = 7; retries = 0;\n"
	    "on_abort = \"drain\"; usage = \"inject\";\n"
	    "models = ( { name = \"*\"; release = \"\"; hedge = \"\"; },\n"
	    "{ name = \"m\"; target = \"t\"; weight = 1;\n"
	    "release = \"byte\"; hedge = \"p99\"; prices: { input = 0.0375;\n"
	    "cached = 0; output = 1000000; };\n"
	    "paths = [ \"a\", \"b/c\" ]; timeouts: { total = 8; };\n"
	    "endpoints = ( { path = \"d\"; base_url = \"http://g/\";\n"
	    "target = \"u\"; timeouts: { connect = 9; }; } ); } );\n");
	assert_string_equal(((struct dir *)*state)->reports, "");
	assert_string_equal(p.name, "n");
	assert_int_equal(p.kind, CONF_KIND_ECHO);
	assert_string_equal(p.base_url, "http://h/v1");
	assert_string_equal(p.api_key_env, "K");
	assert_string_equal(p.key_header, "api-key");
	assert_int_equal(p.header_count, 2);
	assert_string_equal(p.headers[0].name, "A");
	assert_string_equal(p.headers[0].value, "1");
	assert_null(p.headers[0].value_env);
	assert_string_equal(p.headers[1].value_env, "V");
	assert_string_equal(p.proxy, "http://p:1");
	assert_true(p.http2);
	assert_string_equal(p.ns, "ns");
	assert_string_equal(p.prefix, "x/");
	assert_int_equal(p.delay_ms, 60000);
	assert_int_equal(p.timeouts.idle_ms, 7000);
	assert_int_equal(p.timeouts.connect_ms, 0);
	assert_string_equal(p.health_path, "/h");
	assert_int_equal(p.health_timeout_ms, 300000);
	assert_int_equal(p.health_interval_ms, 0);
	assert_int_equal(p.weight, 1000000);
	assert_int_equal(p.priority, 7);
	assert_int_equal(p.retries, 0);
	assert_int_equal(p.on_abort, CONF_ON_ABORT_DRAIN);
	assert_int_equal(p.usage, CONF_USAGE_INJECT);
	assert_int_equal(p.models[0].weight, 10);
	assert_int_equal(p.models[0].release, CONF_RELEASE_UNSET);
	assert_int_equal(p.models[0].hedge, CONF_HEDGE_OFF);
	assert_int_equal(p.models[1].weight, 1);
	assert_int_equal(p.models[1].release, CONF_RELEASE_BYTE);
	assert_int_equal(p.models[1].hedge, CONF_HEDGE_P99);
	assert_true(p.models[0].prices.input == 0);
	assert_true(p.models[0].prices.cached < 0);
	assert_true(p.models[0].prices.cache_write < 0);
	assert_true(p.models[0].prices.output == 0);
	assert_true(p.models[1].prices.input == 0.0375);
	assert_true(p.models[1].prices.cached == 0);
	assert_true(p.models[1].prices.cache_write < 0);
	assert_true(p.models[1].prices.output == 1000000);
	assert_int_equal(p.model_count, 2);
	assert_string_equal(p.models[0].name, "*");
	assert_null(p.models[0].target);
	assert_int_equal(p.models[0].path_count, 0);
	assert_string_equal(p.models[1].target, "t");
	assert_int_equal(p.models[1].path_count, 2);
	assert_string_equal(p.models[1].paths[1], "b/c");
	assert_int_equal(p.models[1].timeouts.total_ms, 8000);
	assert_int_equal(p.models[1].endpoint_count, 1);
	assert_string_equal(p.models[1].endpoints[0].path, "d");
	assert_string_equal(p.models[1].endpoints[0].base_url, "http://g");
	assert_string_equal(p.models[1].endpoints[0].target, "u");
	assert_int_equal(p.models[1].endpoints[0].timeouts.connect_ms, 9000);
	fixture_close(&f);
}

static void
unknown_keys_are_reported(void **state)
{
	static const struct { enum keys_scope scope; const char *text, *report; }
	unknown[] = {
		{ KEYS_MAIN, "\nnope = 1;", "x.conf:2: nope: unknown key\n" },
		{ KEYS_MAIN, "log: {\n\nnope = 1; };",
		    "x.conf:3: log.nope: unknown key\n" },
		{ KEYS_MAIN, "kind = \"echo\";",
		    "x.conf:1: kind: unknown key here; it belongs in a provider" },
		{ KEYS_MAIN, "timeouts: { idle: { x = 1; }; };",
		    "x.conf:1: timeouts.idle: expected a number" },
		{ KEYS_MAIN, "log = 5;", "x.conf:1: log: expected a group" },
		{ KEYS_MAIN, "log = [ ];", "x.conf:1: log: expected a group" },
		{ KEYS_PROVIDER, "base_url = \"http://h\";\n"
		    "log: { level = \"info\"; };", "x.conf:2: log: unknown key" },
		{ KEYS_PROVIDER, "base_url = \"http://h\";\n"
		    "timeouts: { hangup_probe = 1; };",
		    "x.conf:2: timeouts.hangup_probe: unknown key here; it "
		    "belongs in sluice.conf" },
		{ KEYS_MAIN, "\nretries = 1;",
		    "x.conf:2: retries: unknown key here; it belongs in a "
		    "provider file" },
		{ KEYS_MAIN, "release = \"byte\";",
		    "x.conf:1: release: unknown key here; it belongs in "
		    "models" },
		{ KEYS_MAIN, "stream: { release = \"soon\"; };",
		    "x.conf:1: stream.release: expected one of \"byte\", "
		    "\"token\", \"end\"\n" },
		{ KEYS_MAIN, "\nsticky = \"header:\";",
		    "x.conf:2: sticky: expected \"auto\"" },
		{ KEYS_MAIN, "breaker: { failures = 3;\nerror_rate = 50; };",
		    "x.conf:2: breaker.error_rate: expected a number between "
		    "0 and 1\n" },
		{ KEYS_MAIN, "breaker: { failures = 2.5; };",
		    "x.conf:1: breaker.failures: expected a whole number\n" },
		{ KEYS_MAIN, "metrics: { allow = [\n\"localhost\" ]; };",
		    "x.conf:2: metrics.allow: expected an IPv4 or IPv6" },
		{ KEYS_PROVIDER, "base_url = \"http://h\";\nweight = 0;",
		    "x.conf:2: weight: expected a whole number between 1 and "
		    "1000000\n" },
		{ KEYS_PROVIDER, "base_url = \"http://h\"; models = (\n"
		    "{ name = \"m\"; prices = { input = 1;\ncached = -1; };\n"
		    "} );",
		    "x.conf:3: prices.cached: expected a number between 0 and "
		    "1000000\n" },
		{ KEYS_PROVIDER, "base_url = \"http://h\"; models = (\n"
		    "{ name = \"m\"; prices = { reasoning = 1; }; } );",
		    "x.conf:2: prices.reasoning: unknown key\n" },
		{ KEYS_PROVIDER, "base_url = \"http://h\"; prices: { };",
		    "x.conf:1: prices: unknown key" },
		{ KEYS_PROVIDER, "base_url = \"http://h\"; models = (\n"
		    "{ name = \"m\";\nnope = 1; } );",
		    "x.conf:3: nope: unknown key" },
	};

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		struct dir *d = *state;
		union {
			struct conf main;
			struct conf_provider provider;
		} c;
		struct fixture f;

		memset(&c, 0, sizeof(c));
		read_text(&f, d, unknown[i].scope, &c, unknown[i].text);
		fixture_close(&f);
		if (strstr(d->reports, unknown[i].report) == NULL ||
		    d->report_count != 1)
			fail_msg("%s: %s", unknown[i].text, d->reports);
	}
}

static void
a_long_name_is_an_unknown_key(void **state)
{
	struct dir *d = *state;
	struct conf c = { 0 };
	struct fixture f;
	char text[1000];

	memset(text, 'a', sizeof(text));
	strcpy(text + 900, " = 1;");
	read_text(&f, d, KEYS_MAIN, &c, text);
	fixture_close(&f);
	assert_int_equal(d->report_count, 1);
	assert_non_null(strstr(d->reports, "unknown key"));
}

static void
missing_keys_are_reported(void **state)
{
	struct conf_provider p = { 0 };
	struct dir *d = *state;
	struct fixture f;

	read_text(&f, d, KEYS_PROVIDER, &p, "models = ( {\nendpoints = ( { } ); } );\n"
	    "headers = (\n{ value = \"x\"; } );");
	fixture_close(&f);
	assert_int_equal(d->report_count, 4);
	assert_non_null(strstr(d->reports, "x.conf:2: path is missing\n"));
	assert_non_null(strstr(d->reports, "x.conf:1: name is missing\n"));
	assert_non_null(strstr(d->reports, "x.conf:4: name is missing\n"));
	assert_non_null(strstr(d->reports, "base_url is missing\n"));
}

static void
syntax_errors_have_their_line(void **state)
{
	static const struct { const char *text, *report; } bad[] = {
		{ "a = 1;\nb = ;\n", "/etc/sluice/x.conf:2: syntax error" },
		{ "a = 1;\n\na = 2;\n",
		    "/etc/sluice/x.conf:3: duplicate setting name" },
		{ "a = [ 1, \"x\" ];", "/etc/sluice/x.conf:1: mismatched" },
		{ "\n(", "/etc/sluice/x.conf:2: syntax error" },
		{ "\n@include \"x\"", "/etc/sluice/x.conf:2: @include" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fixture f;

		fixture_open(&f, *state, bad[i].text);
		assert_int_not_equal(f.err, ERR_NONE);
		dir_expect_one(*state, bad[i].report);
		fixture_close(&f);
	}
}

static void
a_report_holds_no_control_characters(void **state)
{
	struct dir *d = *state;
	struct reader r = { .file = "/a\nb\x1b[31m", .report = dir_report,
	    .arg = d };

	d->reports[0] = '\0';
	reader_report(&r, 1, "x");
	assert_string_equal(d->reports, "/a?b?[31m:1: x\n");
	assert_int_equal(r.problems, 1);
	r.report = NULL;
	reader_report(&r, 1, "x");
	assert_int_equal(r.problems, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_key_takes_its_default),
		TEST(every_key_refuses_other_types),
		TEST(every_choice_refuses_other_words),
		TEST(every_number_keeps_its_range),
		TEST(every_string_keeps_its_bounds),
		TEST(every_list_keeps_its_length),
		TEST(main_values_land),
		TEST(provider_values_land),
		TEST(unknown_keys_are_reported),
		TEST(a_long_name_is_an_unknown_key),
		TEST(missing_keys_are_reported),
		TEST(syntax_errors_have_their_line),
		TEST(a_report_holds_no_control_characters),
	};

	return cmocka_run_group_tests_name("conf/reader", tests, NULL, NULL);
}
