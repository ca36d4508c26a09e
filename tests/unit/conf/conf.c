/* All files together: defaults, paths, reload, environment, fingerprint. */
#include "config.h"

#include "conf/conf.h"

#include <fcntl.h>

#include "conf/provider.h"
#include "tests/unit/conf/dir.h"

#define URL "base_url = \"http://h/v1\";\n"

static void
an_empty_file_has_every_default(void **state)
{
	struct dir *d = *state;
	struct conf *c;

	dir_write(d, "sluice.conf", "");
	c = dir_load_good(d);
	assert_string_equal(c->file, dir_path(d, "sluice.conf"));
	assert_string_equal(c->providers_dir, dir_path(d, "providers.d"));
	assert_string_equal(c->state_dir, "/var/lib/sluice");
	assert_null(c->env_file);
	assert_string_equal(c->auth.keys_env, "SLUICE_API_KEYS");
	assert_false(c->auth.open || c->auth.models_open ||
	    c->auth.remote_user);
	assert_string_equal(c->log.dir, "/var/lib/sluice/log");
	assert_int_equal(c->log.level, LOG_LEVEL_INFO);
	assert_int_equal(c->timeouts.connect_ms, 5000);
	assert_int_equal(c->timeouts.headers_ms, 0);
	assert_int_equal(c->headers_default_ms, 60000);
	assert_int_equal(c->timeouts.first_token_ms, 120000);
	assert_int_equal(c->timeouts.idle_ms, 60000);
	assert_int_equal(c->timeouts.total_ms, 900000);
	assert_int_equal(c->timeouts.hangup_probe_ms, 500);
	assert_null(c->default_model);
	assert_int_equal(c->limits.body_bytes, 104857600);
	assert_int_equal(c->limits.memory_body_bytes, 1048576);
	assert_int_equal(c->limits.client_buffer_bytes, 262144);
	assert_string_equal(c->auth.admin_key_env, "SLUICE_ADMIN_KEY");
	assert_int_equal(c->stream.keepalive_ms, 15000);
	assert_int_equal(c->stream.release, CONF_RELEASE_TOKEN);
	assert_string_equal(c->sticky, "auto");
	assert_int_equal(c->breaker.failures, 3);
	assert_true(c->breaker.error_rate == 0.5);
	assert_int_equal(c->breaker.cooldown_ms, 30000);
	assert_int_equal(c->metrics.allow_count, 0);
	assert_int_equal(c->cors.origin_count, 0);
	assert_int_equal(c->provider_count, 0);
	assert_int_equal(c->broken_count, 0);
	conf_free(c);
	conf_free(NULL);
}

/* Editors put it there; it shows in none. */
static void
a_byte_order_mark_is_no_part_of_a_file(void **state)
{
	struct dir *d = *state;
	struct conf *c;

	dir_write(d, "sluice.conf", "\xef\xbb\xbf" "default_model = \"m\";");
	dir_write(d, "providers.d/a.conf",
	    "\xef\xbb\xbf" "base_url = \"http://a/v1\";");
	c = dir_load_good(d);
	assert_string_equal(c->default_model, "m");
	assert_int_equal(c->provider_count, 1);
	conf_free(c);
	dir_write(d, "sluice.conf", "\xef\xbb\xbf");
	c = dir_load_good(d);
	conf_free(c);
	dir_write(d, "sluice.conf", "\xef\xbb\xbf\xef\xbb\xbf");
	assert_null(dir_load(d, NULL));
}

static void
channels_name_listed_variables_alone(void **state)
{
	static const struct { const char *name; bool ok; } cases[] = {
		{ "ONE_KEY", true }, { "PRE_", true }, { "PRE_X", true },
		{ "ONE_KEYS", false }, { "ONE_KE", false }, { "PRE", false },
		{ "one_key", false }, { "pre_x", false }, { "XPRE_X", false },
		{ "", false }, { "PRE_ADMIN", false }, { "PRE_CLIENTS", false },
		{ "PRE_SEAL", false },
	};
	struct dir *d = *state;
	struct conf *c;

	dir_write(d, "sluice.conf", "auth: { channel_env = [ \"ONE_KEY\", "
	    "\"PRE_*\" ]; admin_key_env = \"PRE_ADMIN\"; "
	    "keys_env = \"PRE_CLIENTS\"; seal_key_env = \"PRE_SEAL\"; };");
	c = dir_load_good(d);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(conf_allows_channel_env(c, cases[i].name),
		    cases[i].ok);
	conf_free(c);
	dir_write(d, "sluice.conf", "");
	c = dir_load_good(d);
	assert_false(conf_allows_channel_env(c, "ONE_KEY"));
	conf_free(c);
}

static void
empty_strings_mean_the_default(void **state)
{
	struct conf *c;

	dir_write(*state, "sluice.conf", "providers = \"\"; state_dir = \"\";"
	    "env_file = \"\"; auth: { keys_env = \"\"; }; log: { dir = \"\"; };"
	    "default_model = \"\"; sticky = \"\";");
	dir_write(*state, "providers.d/a.conf", URL "namespace = \"\";"
	    "prefix = \"\"; key_header = \"\"; name = \"\"; proxy = \"\";"
	    "api_key_env = \"\"; health: { path = \"\"; };");
	c = dir_load_good(*state);
	assert_string_equal(c->providers_dir, dir_path(*state, "providers.d"));
	assert_string_equal(c->state_dir, "/var/lib/sluice");
	assert_string_equal(c->auth.keys_env, "SLUICE_API_KEYS");
	assert_string_equal(c->sticky, "auto");
	assert_string_equal(c->providers[0]->ns, "default");
	assert_string_equal(c->providers[0]->prefix, "");
	assert_string_equal(c->providers[0]->key_header, "Authorization");
	assert_string_equal(c->providers[0]->name, "a");
	assert_string_equal(c->providers[0]->health_path, "/models");
	conf_free(c);
}

static void
a_set_headers_timeout_counts_for_all(void **state)
{
	struct conf *c;

	dir_write(*state, "sluice.conf", "timeouts: { headers = 7; };");
	c = dir_load_good(*state);
	assert_int_equal(c->timeouts.headers_ms, 7000);
	assert_int_equal(c->headers_default_ms, 60000);
	conf_free(c);
}

static void
paths_begin_at_their_file(void **state)
{
	struct dir *d = *state;
	struct conf *c;

	assert_int_equal(mkdir(dir_path(d, "p"), 0755), 0);
	dir_write(d, "sluice.conf", "providers = \"p\"; state_dir = \"s\";");
	c = dir_load_good(d);
	assert_string_equal(c->state_dir, dir_path(d, "s"));
	assert_string_equal(c->log.dir, dir_path(d, "s/log"));
	conf_free(c);
	dir_write(d, "sluice.conf", "providers = \"p\"; log: { dir = \"l\"; };");
	assert_int_equal(chdir(d->path), 0);
	c = conf_load("sluice.conf", NULL, dir_report, d);
	assert_int_equal(chdir("/"), 0);
	assert_string_equal(d->reports, "");
	assert_string_equal(c->file, dir_path(d, "sluice.conf"));
	assert_string_equal(c->log.dir, dir_path(d, "l"));
	conf_free(c);
}

static void
a_problem_in_the_main_file_is_final(void **state)
{
	static const struct { const char *text, *report; } bad[] = {
		{ "nope = 1;", "sluice.conf:1: nope: unknown key" },
		{ "\nlog: { level = \"loud\"; };", "sluice.conf:2: log.level" },
		{ "log: { level = ; };", "sluice.conf:1: syntax error" },
		{ "\n\nproviders = \"none\";", "sluice.conf:3: providers: /tmp/" },
		{ "providers = \"sluice.conf\";", "sluice.conf:1: providers: /tmp/" },
		{ "env_file = \"none\";", "none:0: No such file" },
		{ "limits: { body = 4294967296; };", "sluice.conf:1: whole numbers" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		dir_write(*state, "sluice.conf", bad[i].text);
		assert_null(dir_load(*state, NULL));
		dir_expect_one(*state, bad[i].report);
	}
}

static void
every_problem_is_reported_in_one_go(void **state)
{
	struct dir *d = *state;

	dir_write(d, "sluice.conf", "nope = 1;\ndefault_model = 5;\n");
	dir_write(d, "providers.d/b.conf", URL "http2 = 1;\n");
	dir_write(d, "providers.d/a.conf", "base_url = \"x\";\nnope = 1;\n");
	assert_null(dir_load(d, NULL));
	assert_int_equal(d->report_count, 5);
	assert_string_equal(d->reports,
	    "sluice.conf:1: nope: unknown key\n"
	    "sluice.conf:2: default_model: expected a string\n"
	    "providers.d/a.conf:1: base_url: expected a URL: http:// or "
	    "https://, a host, and no user, query or fragment\n"
	    "providers.d/a.conf:2: nope: unknown key\n"
	    "providers.d/b.conf:2: http2: expected true or false\n");
	assert_null(conf_load(dir_path(d, "sluice.conf"), NULL, NULL, NULL));
}

static void
a_main_file_that_is_not_there_is_an_error(void **state)
{
	struct dir *d = *state;

	assert_null(dir_load(d, NULL));
	dir_expect_one(d, "sluice.conf:0: No such file");
	assert_int_equal(mkdir(dir_path(d, "sluice.conf"), 0755), 0);
	assert_null(dir_load(d, NULL));
	dir_expect_one(d, "sluice.conf:0: Is a directory");
}

static void
only_the_built_in_path_may_be_missing(void **state)
{
	struct dir *d = *state;
	const char *path;

	unsetenv("SLUICE_CONF");
	path = conf_default_path();
	assert_string_equal(path, SYSCONFDIR "/sluice/sluice.conf");
	if (access(path, F_OK) != 0 &&
	    access(SYSCONFDIR "/sluice/providers.d", F_OK) != 0) {
		d->reports[0] = '\0';
		assert_null(conf_load(path, NULL, dir_report, d));
		assert_non_null(strstr(d->reports, "providers.d: No such file"));
	}
	setenv("SLUICE_CONF", dir_path(d, "none.conf"), 1);
	path = conf_default_path();
	assert_string_equal(path, dir_path(d, "none.conf"));
	d->reports[0] = '\0';
	assert_null(conf_load(path, NULL, dir_report, d));
	dir_expect(d, "none.conf:0: No such file");
	unsetenv("SLUICE_CONF");
}

static void
provider_files_come_in_byte_order(void **state)
{
	struct dir *d = *state;
	struct conf *c;

	dir_write(d, "sluice.conf", "");
	dir_write(d, "providers.d/b.conf", URL);
	dir_write(d, "providers.d/a.conf", URL);
	dir_write(d, "providers.d/Z.conf", URL);
	dir_write(d, "providers.d/10.conf", URL);
	dir_write(d, "providers.d/9.conf", URL);
	dir_write(d, "providers.d/.hidden.conf", "nonsense");
	dir_write(d, "providers.d/c.conf~", "nonsense");
	dir_write(d, "providers.d/.conf", "nonsense");
	dir_write(d, "providers.d/readme", "nonsense");
	c = dir_load_good(d);
	assert_int_equal(c->provider_count, 5);
	assert_string_equal(c->providers[0]->name, "10");
	assert_string_equal(c->providers[1]->name, "9");
	assert_string_equal(c->providers[2]->name, "Z");
	assert_string_equal(c->providers[3]->name, "a");
	assert_string_equal(c->providers[4]->name, "b");
	conf_free(c);
}

static void
odd_provider_files_are_reported(void **state)
{
	struct dir *d = *state;
	static char big[1100000];
	struct conf *c;

	dir_write(d, "sluice.conf", "");
	assert_int_equal(mkdir(dir_path(d, "providers.d/a.conf"), 0755), 0);
	assert_int_equal(mkfifo(dir_path(d, "providers.d/b.conf"), 0644), 0);
	assert_int_equal(symlink("nowhere", dir_path(d, "providers.d/c.conf")), 0);
	memset(big, '\n', sizeof(big));
	dir_write_bytes(d, "providers.d/d.conf", big, sizeof(big));
	dir_write_bytes(d, "providers.d/e.conf", "a\0b", 3);
	dir_write(d, "good", URL);
	assert_int_equal(symlink("../good", dir_path(d, "providers.d/f.conf")), 0);
	c = dir_load(d, NULL);
	assert_non_null(c);
	assert_string_equal(d->reports,
	    "providers.d/a.conf:0: Is a directory\n"
	    "providers.d/b.conf:0: Not a regular file\n"
	    "providers.d/c.conf:0: No such file or directory\n"
	    "providers.d/d.conf:0: File too large\n"
	    "providers.d/e.conf:1: a NUL byte\n");
	assert_int_equal(c->provider_count, 1);
	assert_string_equal(c->providers[0]->name, "f");
	assert_int_equal(c->broken_count, 5);
	conf_free(c);
}

static void
a_broken_provider_keeps_its_last_good_version(void **state)
{
	struct dir *d = *state;
	struct conf *first, *second, *third, *fourth;

	dir_write(d, "sluice.conf", "");
	dir_write(d, "providers.d/a.conf", URL "prefix = \"1\";");
	dir_write(d, "providers.d/b.conf", URL "prefix = \"1\";");
	first = dir_load_good(d);
	dir_write(d, "providers.d/a.conf", URL "prefix = ;");
	dir_write(d, "providers.d/b.conf", URL "prefix = \"2\";");
	second = dir_load(d, first);
	dir_expect_one(d, "providers.d/a.conf:2: syntax error");
	assert_int_equal(second->provider_count, 2);
	assert_int_equal(second->broken_count, 1);
	assert_ptr_equal(second->providers[0], first->providers[0]);
	assert_int_equal(first->providers[0]->refs, 2);
	assert_string_equal(second->providers[1]->prefix, "2");
	conf_free(first);
	assert_string_equal(second->providers[0]->prefix, "1");

	third = dir_load(d, second);
	assert_string_equal(third->providers[0]->prefix, "1");
	conf_free(second);
	assert_int_equal(unlink(dir_path(d, "providers.d/a.conf")), 0);
	fourth = dir_load(d, third);
	assert_int_equal(d->report_count, 0);
	assert_int_equal(fourth->provider_count, 1);
	assert_int_equal(fourth->broken_count, 0);
	conf_free(third);
	conf_free(fourth);
}

static void
a_bad_main_file_leaves_the_previous_alone(void **state)
{
	struct dir *d = *state;
	struct conf *first;

	dir_write(d, "sluice.conf", "");
	dir_write(d, "providers.d/a.conf", URL);
	first = dir_load_good(d);
	dir_write(d, "sluice.conf", "nope = 1;");
	dir_write(d, "providers.d/a.conf", "nonsense");
	assert_null(dir_load(d, first));
	assert_int_equal(first->providers[0]->refs, 1);
	assert_string_equal(first->providers[0]->name, "a");
	conf_free(first);
}

static void
a_name_is_not_taken_by_an_old_version(void **state)
{
	struct dir *d = *state;
	struct conf *first, *second;

	dir_write(d, "sluice.conf", "");
	dir_write(d, "providers.d/a.conf", URL);
	dir_write(d, "providers.d/b.conf", URL "name = \"x\";");
	first = dir_load_good(d);
	dir_write(d, "providers.d/a.conf", URL "name = \"x\";");
	dir_write(d, "providers.d/b.conf", "nonsense");
	second = dir_load(d, first);
	dir_expect_one(d, "providers.d/b.conf:1: syntax error");
	assert_int_equal(second->provider_count, 1);
	assert_int_equal(second->broken_count, 1);
	assert_string_equal(second->providers[0]->file,
	    dir_path(d, "providers.d/a.conf"));
	conf_free(first);
	conf_free(second);
}

static void
write_env(struct dir *d, const char *text)
{
	dir_write(d, "keys.env", text);
	assert_int_equal(chmod(dir_path(d, "keys.env"), 0600), 0);
}

static void
keys_come_from_the_env_file(void **state)
{
	struct dir *d = *state;
	struct conf *c;

	unsetenv("SLUICE_T1");
	setenv("SLUICE_T2", "process", 1);
	write_env(d, "SLUICE_T1=file\nSLUICE_T2=file\n");
	dir_write(d, "sluice.conf", "env_file = \"keys.env\";");
	dir_write(d, "providers.d/a.conf", URL "api_key_env = \"SLUICE_T1\";");
	c = dir_load_good(d);
	assert_string_equal(c->env_file, dir_path(d, "keys.env"));
	assert_string_equal(conf_getenv(c, "SLUICE_T1"), "file");
	assert_string_equal(conf_getenv(c, "SLUICE_T2"), "process");
	assert_null(conf_getenv(c, "SLUICE_T3"));
	assert_int_equal(c->provider_count, 1);
	conf_free(c);
	assert_int_equal(chmod(dir_path(d, "keys.env"), 0644), 0);
	assert_null(dir_load(d, NULL));
	dir_expect_one(d, "keys.env:0: others may read");
}

/* It may get its key yet; the last good version of its file waits for it too. */
static void
what_lacks_its_key_alone_is_kept_apart(void **state)
{
	struct dir *d = *state;
	struct conf *first, *second;

	unsetenv("SLUICE_T1");
	dir_write(d, "sluice.conf", "");
	dir_write(d, "providers.d/a.conf", URL "api_key_env = \"SLUICE_T1\";");
	first = dir_load(d, NULL);
	assert_int_equal(first->provider_count, 0);
	assert_int_equal(first->keyless_count, 1);
	assert_int_equal(first->broken_count, 1);
	assert_string_equal(first->keyless[0]->name, "a");
	dir_write(d, "providers.d/a.conf", "nonsense");
	second = dir_load(d, first);
	assert_ptr_equal(second->keyless[0], first->keyless[0]);
	assert_int_equal(second->broken_count, 1);
	conf_free(first);
	setenv("SLUICE_T1", "set", 1);
	first = dir_load(d, second);
	assert_int_equal(first->provider_count, 1);
	assert_int_equal(first->keyless_count, 0);
	conf_free(first);
	conf_free(second);
	unsetenv("SLUICE_T1");
}

static void
references_keep_it(void **state)
{
	struct dir *d = *state;
	struct conf *c;

	dir_write(d, "sluice.conf", "default_model = \"m\";");
	c = dir_load_good(d);
	assert_ptr_equal(conf_ref(c), c);
	conf_free(c);
	assert_string_equal(c->default_model, "m");
	conf_free(c);
}

/* Otherwise it would go on without its key. */
static void
a_key_that_goes_away_takes_its_provider_along(void **state)
{
	struct dir *d = *state;
	struct conf *first, *second;

	write_env(d, "SLUICE_T1=file\n");
	dir_write(d, "sluice.conf", "env_file = \"keys.env\";");
	dir_write(d, "providers.d/a.conf", URL "api_key_env = \"SLUICE_T1\";");
	first = dir_load_good(d);
	write_env(d, "SLUICE_T9=file\n");
	second = dir_load(d, first);
	dir_expect_one(d, "providers.d/a.conf:2: SLUICE_T1 is not set in the "
	    "environment or in env_file: this provider is disabled\n");
	assert_int_equal(second->provider_count, 0);
	assert_int_equal(second->broken_count, 1);
	conf_free(second);
	dir_write(d, "providers.d/a.conf", "nonsense");
	second = dir_load(d, first);
	assert_int_equal(second->provider_count, 0);
	assert_int_equal(second->broken_count, 1);
	conf_free(second);
	conf_free(first);
}

static void
the_fingerprint_follows_every_file(void **state)
{
	static const char *const files[] = {
		"sluice.conf", "keys.env", "providers.d/a.conf"
	};
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { 0 } };
	struct dir *d = *state;
	struct conf *c;
	uint64_t before, now;

	write_env(d, "");
	dir_write(d, "sluice.conf", "env_file = \"keys.env\";");
	dir_write(d, "providers.d/a.conf", URL);
	c = dir_load_good(d);
	before = conf_fingerprint(c);
	assert_int_equal(conf_fingerprint(c), before);
	assert_int_equal(c->fingerprint, before);
	for (int i = 0; i < 3; i++) {
		times[1] = (struct timespec){ 1700000000, i + 1 };
		assert_int_equal(utimensat(AT_FDCWD, dir_path(d, files[i]),
		    times, 0), 0);
		now = conf_fingerprint(c);
		assert_int_not_equal(now, before);
		before = now;
	}
	dir_write(d, "providers.d/b.conf", "");
	now = conf_fingerprint(c);
	assert_int_not_equal(now, before);
	before = now;
	assert_int_equal(rename(dir_path(d, "providers.d/b.conf"),
	    dir_path(d, "providers.d/c.conf")), 0);
	now = conf_fingerprint(c);
	assert_int_not_equal(now, before);
	before = now;
	dir_write(d, "providers.d/notes", "");
	assert_int_equal(conf_fingerprint(c), before);
	assert_int_equal(unlink(dir_path(d, "sluice.conf")), 0);
	assert_int_not_equal(conf_fingerprint(c), before);
	conf_free(c);
}

/* Also of a provider that cannot be used without it. */
static void
the_fingerprint_follows_a_ca_file(void **state)
{
	static const char *const texts[] = {
		"", "-----BEGIN CERTIFICATE-----\n", "none", "gone"
	};
	struct dir *d = *state;
	struct conf *c;
	uint64_t before;

	dir_write(d, "sluice.conf", "");
	dir_write(d, "providers.d/a.conf", URL "ca_file = \"../ca.pem\";");
	c = dir_load(d, NULL);
	for (int i = 0; i < 4; i++) {
		before = conf_fingerprint(c);
		assert_int_equal(c->fingerprint, before);
		dir_write(d, "ca.pem", texts[i]);
		assert_int_not_equal(conf_fingerprint(c), before);
		conf_free(c);
		c = dir_load(d, NULL);
		assert_int_equal(c->provider_count, i == 1);
		if (i == 1)
			assert_string_equal(c->providers[0]->ca_text, texts[1]);
	}
	conf_free(c);
}

static void
the_shipped_sample_is_fine(void **state)
{
	struct dir *d = *state;
	const char *src = getenv("SLUICE_SRC");
	struct conf *c;
	char path[512];

	setenv("OPENAI_API_KEY", "sk-x", 1);
	snprintf(path, sizeof(path), "%s/conf/sluice.conf",
	    src == NULL ? "." : src);
	c = conf_load(path, NULL, dir_report, d);
	assert_string_equal(d->reports, "");
	assert_non_null(c);
	assert_int_equal(c->provider_count, 1);
	conf_free(c);
	unsetenv("OPENAI_API_KEY");
	c = conf_load(path, NULL, dir_report, d);
	assert_non_null(strstr(d->reports, "OPENAI_API_KEY is not set"));
	assert_int_equal(d->report_count, 1);
	conf_free(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_file_has_every_default),
		TEST(a_byte_order_mark_is_no_part_of_a_file),
		TEST(channels_name_listed_variables_alone),
		TEST(empty_strings_mean_the_default),
		TEST(a_set_headers_timeout_counts_for_all),
		TEST(paths_begin_at_their_file),
		TEST(a_problem_in_the_main_file_is_final),
		TEST(every_problem_is_reported_in_one_go),
		TEST(a_main_file_that_is_not_there_is_an_error),
		TEST(only_the_built_in_path_may_be_missing),
		TEST(provider_files_come_in_byte_order),
		TEST(odd_provider_files_are_reported),
		TEST(a_broken_provider_keeps_its_last_good_version),
		TEST(a_bad_main_file_leaves_the_previous_alone),
		TEST(a_name_is_not_taken_by_an_old_version),
		TEST(keys_come_from_the_env_file),
		TEST(a_key_that_goes_away_takes_its_provider_along),
		TEST(what_lacks_its_key_alone_is_kept_apart),
		TEST(references_keep_it),
		TEST(the_fingerprint_follows_every_file),
		TEST(the_fingerprint_follows_a_ca_file),
		TEST(the_shipped_sample_is_fine),
	};

	return cmocka_run_group_tests_name("conf/conf", tests, NULL, NULL);
}
