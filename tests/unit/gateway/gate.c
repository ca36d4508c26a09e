/* Who may come in. */
#include "config.h"

#include "gateway/gate.h"

#include <sodium.h>

#include "tests/unit/conf/dir.h"

static struct snapshot *
load(struct dir *d, const char *conf, const char *keys)
{
	dir_write(d, "sluice.conf", conf);
	setenv("SLUICE_API_KEYS", keys, 1);
	return snapshot_create(dir_load_good(d), NULL, NULL);
}

static const char *key_id;

/* gate_check, which leaves the id in key_id. */
static enum err
check(struct snapshot *s, const char *credential)
{
	static char id[64];
	struct arena arena;
	struct call call = { .arena = &arena, .snapshot = s,
		.path = "/v1/chat/completions", .key_id = "as it was" };
	enum err err;

	arena_init(&arena, 64);
	err = gate_check(&call, credential);
	key_id = call.key_id;
	if (key_id != NULL)
		key_id = strncpy(id, key_id, sizeof(id) - 1);
	arena_fini(&arena);
	return err;
}

static void
only_whole_keys_open(void **state)
{
	static const char *const wrong[] = {
		"", " ", "sk-on", "sk-one2", "SK-ONE", " sk-one", "sk-one ",
		"sk-one, sk-two", "sk-one,sk-two", ",", "Bearer sk-one",
	};
	struct snapshot *s = load(*state, "", "sk-one, sk-two ,sk-three");

	assert_int_equal(check(s, "sk-one"), ERR_NONE);
	assert_int_equal(check(s, "sk-two"), ERR_NONE);
	assert_int_equal(check(s, "sk-three"), ERR_NONE);
	assert_int_equal(check(s, NULL), ERR_INVALID_API_KEY);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(check(s, wrong[i]), ERR_INVALID_API_KEY);
	snapshot_unref(s);
}

static void
without_keys_nobody_comes_in(void **state)
{
	struct snapshot *s = load(*state, "", " , ,");

	assert_int_equal(check(s, NULL), ERR_INVALID_API_KEY);
	assert_int_equal(check(s, ""), ERR_INVALID_API_KEY);
	assert_int_equal(check(s, " "), ERR_INVALID_API_KEY);
	snapshot_unref(s);
}

static void
an_open_gate_asks_nothing(void **state)
{
	struct snapshot *s = load(*state, "auth: { open = true; };", "sk-one");

	assert_int_equal(check(s, NULL), ERR_NONE);
	assert_int_equal(check(s, "wrong"), ERR_NONE);
	snapshot_unref(s);
}

static void
a_key_that_is_accepted_has_an_id(void **state)
{
	struct snapshot *s = load(*state, "", "sk-one,sk-two");
	char	 first[33];

	check(s, "sk-one");
	assert_non_null(key_id);
	assert_int_equal(strlen(key_id), 32);
	assert_int_equal(key_id[0], 'k');
	strcpy(first, key_id);
	check(s, "sk-two");
	assert_int_equal(strlen(key_id), 32);
	assert_string_not_equal(key_id, first);
	check(s, "sk-one");
	assert_string_equal(key_id, first);
	snapshot_unref(s);
}

static void
what_is_refused_or_not_asked_has_no_id(void **state)
{
	struct snapshot *s = load(*state, "", "sk-one");

	check(s, "sk-wrong");
	assert_null(key_id);
	check(s, NULL);
	assert_null(key_id);
	snapshot_unref(s);
	s = load(*state, "auth: { open = true; };", "sk-one");
	check(s, "sk-one");
	assert_null(key_id);
	snapshot_unref(s);
}

/* ---- Keys of the store. ---- */

#define SECRET "sk-secret-secret"
#define NOW 1777852800LL

struct caller {
	struct arena	 arena;
	struct call	 call;
};

/* A call with a key that has these limits, at PATH. */
static enum err
enter(struct dir *d, struct snapshot *s, struct caller *x,
    const struct keys_change *limits, const char *path)
{
	struct db *db = db_create(d->path);
	struct watch *watch = watch_create(db);
	struct watch_found found;

	assert_true(sodium_init() >= 0);
	keys_delete(db, "a");
	assert_int_equal(keys_add(db, "a", SECRET, limits, NOW), KEYS_DONE);
	watch_read(watch, &found);
	arena_init(&x->arena, 64);
	x->call = (struct call){ .arena = &x->arena, .snapshot = s,
		.keys = watch_take(&found, WATCH_KEYS), .path = path,
		.start_wall_us = NOW * 1000000 };
	watch_drop(&found);
	watch_free(watch);
	db_free(db);
	return gate_check(&x->call, SECRET);
}

static void
leave(struct caller *x)
{
	key_list_unref(x->call.keys);
	arena_fini(&x->arena);
}

static void
a_stored_key_must_be_in_force(void **state)
{
	static const struct { struct keys_change change; enum err err; }
	cases[] = {
		{ { .owner = "" }, ERR_NONE },
		{ { .has_enabled = true }, ERR_INVALID_API_KEY },
		{ { .has_expires = true, .expires = NOW + 1 }, ERR_NONE },
		{ { .has_expires = true, .expires = NOW },
		  ERR_INVALID_API_KEY },
		{ { .has_enabled = true, .endpoints = "no" },
		  ERR_INVALID_API_KEY },
		{ { .endpoints = "no" }, ERR_ENDPOINT_NOT_ALLOWED },
	};
	struct snapshot *s = load(*state, "", "sk-one");
	struct caller x;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(enter(*state, s, &x, &cases[i].change,
		    "/v1/embeddings"), cases[i].err);
		assert_true((x.call.key_id == NULL) ==
		    (cases[i].err == ERR_INVALID_API_KEY));
		assert_int_equal(gate_check(&x.call, SECRET "x"),
		    ERR_INVALID_API_KEY);
		assert_null(x.call.key_id);
		assert_int_equal(gate_check(&x.call, "sk-one"), ERR_NONE);
		assert_null(x.call.key);
		leave(&x);
	}
	snapshot_unref(s);
}

static void
whom_the_web_server_knows_is_judged_by_the_key(void **state)
{
	static const struct { struct keys_change change; enum err err; }
	cases[] = {
		{ { .remote_user = "alice" }, ERR_NONE },
		{ { .remote_user = "Alice" }, ERR_INVALID_API_KEY },
		{ { .owner = "alice" }, ERR_INVALID_API_KEY },
		{ { .remote_user = "alice", .has_enabled = true },
		  ERR_INVALID_API_KEY },
		{ { .remote_user = "alice", .has_expires = true,
		  .expires = NOW }, ERR_INVALID_API_KEY },
		{ { .remote_user = "alice", .endpoints = "no" },
		  ERR_ENDPOINT_NOT_ALLOWED },
	};
	struct snapshot *s = load(*state, "", "sk-one");
	struct caller x;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enter(*state, s, &x, &cases[i].change, "/v1/embeddings");
		assert_int_equal(gate_check_user(&x.call, "alice"),
		    cases[i].err);
		assert_true((x.call.key == NULL) ==
		    (cases[i].err == ERR_INVALID_API_KEY));
		assert_true((x.call.key_id == NULL) == (x.call.key == NULL));
		assert_int_equal(gate_check_user(&x.call, NULL),
		    ERR_INVALID_API_KEY);
		assert_int_equal(gate_check_user(&x.call, ""),
		    ERR_INVALID_API_KEY);
		assert_null(x.call.key);
		leave(&x);
	}
	snapshot_unref(s);
}

static void
endpoints_are_paths_under_v1(void **state)
{
	static const struct { const char *list, *path; bool ok; } cases[] = {
		{ "", "/v1/anything", true }, { "", "/health/m", true },
		{ "chat/completions", "/v1/chat/completions", true },
		{ "chat/completions", "/v1/chat/completions/x", false },
		{ "chat/completions", "/v1//chat/completions", false },
		{ "chat/completions", "/v1/chat", false },
		{ "a\nchat/*", "/v1/chat/completions", true },
		{ "health/*", "/health/m", false },
		{ "/health/*", "/health/m", true },
		{ "/health/*", "/v1/health/m", false },
		{ "*", "/health/m", true },
	};
	struct snapshot *s = load(*state, "", "sk-one");
	struct caller x;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct keys_change limits = {
			.endpoints = cases[i].list };

		if ((enter(*state, s, &x, &limits, cases[i].path) ==
		    ERR_NONE) != cases[i].ok)
			fail_msg("\"%s\" %s", cases[i].list, cases[i].path);
		leave(&x);
	}
	snapshot_unref(s);
}

/* What a name stands for counts, not how it is written. */
static void
models_are_judged_by_what_they_are(void **state)
{
	static const struct { const char *list, *name; bool ok; } cases[] = {
		{ "", "m", true }, { "", NULL, true }, { "m", NULL, false },
		{ "*", NULL, true }, { "m\n*", NULL, true },
		{ "m", "m", true }, { "m", "default/m", true },
		{ "default/m", "m", true }, { "default/*", "m", true },
		{ "default/*", "default/m", true },
		{ "default/*", "lab/m", false },
		{ "default/*", "default/lab/m", false },
		{ "default/*", "default/lab/any", false },
		{ "lab/*", "lab/m", true }, { "lab/*", "lab/any", true },
		{ "lab/*", "default/lab/any", true }, { "lab/*", "m", false },
		{ "m", "lab/m", false }, { "m", "M", false },
		{ "n*", "none", true }, { "m", "none", false },
	};
	struct snapshot *s;
	struct caller x;

	dir_write(*state, "providers.d/p.conf", "base_url = \"http://p/v1\"; "
	    "models = ( { name = \"m\"; } );");
	dir_write(*state, "providers.d/l.conf", "base_url = \"http://l/v1\"; "
	    "namespace = \"lab\"; models = ( { name = \"m\"; }, "
	    "{ name = \"*\"; } );");
	s = load(*state, "", "sk-one");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct keys_change limits = { .models = cases[i].list };

		assert_int_equal(enter(*state, s, &x, &limits, "/v1/x"),
		    ERR_NONE);
		if ((gate_check_model(&x.call, cases[i].name) == ERR_NONE) !=
		    cases[i].ok)
			fail_msg("\"%s\" %s", cases[i].list, cases[i].name);
		leave(&x);
	}
	snapshot_unref(s);
}

static void
the_admin_key_is_one_of_its_own(void **state)
{
	struct snapshot *s;

	unsetenv("SLUICE_ADMIN_KEY");
	s = load(*state, "auth: { open = true; };", "sk-one");
	assert_false(gate_is_admin(s, NULL));
	assert_false(gate_is_admin(s, ""));
	assert_false(gate_is_admin(s, "sk-one"));
	snapshot_unref(s);
	setenv("SLUICE_ADMIN_KEY", "", 1);
	s = load(*state, "", "sk-one");
	assert_false(gate_is_admin(s, ""));
	snapshot_unref(s);
	setenv("SLUICE_ADMIN_KEY", "sk-admin", 1);
	s = load(*state, "", "sk-one");
	assert_true(gate_is_admin(s, "sk-admin"));
	assert_false(gate_is_admin(s, "sk-admin "));
	assert_false(gate_is_admin(s, "sk-one"));
	assert_false(gate_is_admin(s, NULL));
	assert_int_equal(check(s, "sk-admin"), ERR_INVALID_API_KEY);
	snapshot_unref(s);
	setenv("OTHER_ADMIN_KEY", "sk-other", 1);
	s = load(*state, "auth: { admin_key_env = \"OTHER_ADMIN_KEY\"; };",
	    "sk-one");
	assert_true(gate_is_admin(s, "sk-other"));
	assert_false(gate_is_admin(s, "sk-admin"));
	snapshot_unref(s);
}

static void
metrics_are_for_those_in_the_list(void **state)
{
	struct snapshot *s = load(*state, "metrics: { allow = "
	    "[ \"10.0.0.0/8\", \"::1\" ]; };", "sk-one");

	assert_true(gate_allows_metrics(s, "10.2.3.4"));
	assert_true(gate_allows_metrics(s, "::ffff:10.2.3.4"));
	assert_true(gate_allows_metrics(s, "::1"));
	assert_false(gate_allows_metrics(s, "127.0.0.1"));
	assert_false(gate_allows_metrics(s, ""));
	assert_false(gate_allows_metrics(s, NULL));
	snapshot_unref(s);
	s = load(*state, "auth: { open = true; };", "sk-one");
	assert_false(gate_allows_metrics(s, "127.0.0.1"));
	assert_false(gate_allows_metrics(s, ""));
	assert_false(gate_allows_metrics(s, NULL));
	snapshot_unref(s);
}

static void
equal_is_equal(void **state)
{
	(void)state;
	assert_true(gate_equal("secret", "secret"));
	assert_true(gate_equal("", ""));
	assert_false(gate_equal("secret", "Secret"));
	assert_false(gate_equal("secret", "secret1"));
	assert_false(gate_equal("", "secret"));
	assert_false(gate_equal(NULL, "secret"));
	assert_false(gate_equal("secret", NULL));
	assert_false(gate_equal(NULL, NULL));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, dir_setup, dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(only_whole_keys_open),
		TEST(without_keys_nobody_comes_in),
		TEST(an_open_gate_asks_nothing),
		TEST(a_key_that_is_accepted_has_an_id),
		TEST(what_is_refused_or_not_asked_has_no_id),
		TEST(a_stored_key_must_be_in_force),
		TEST(whom_the_web_server_knows_is_judged_by_the_key),
		TEST(endpoints_are_paths_under_v1),
		TEST(models_are_judged_by_what_they_are),
		TEST(the_admin_key_is_one_of_its_own),
		TEST(metrics_are_for_those_in_the_list),
		cmocka_unit_test(equal_is_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
