/* The configuration as JSON: every key, and no secret. */
#include "config.h"

#include "conf/show_json.h"

#include <yajl/yajl_tree.h>

#include "base/buf.h"
#include "conf/keys.h"
#include "tests/unit/conf/dir.h"

/* The object of sluice.conf (no P), or of provider P; freed with yajl_tree_free. */
static yajl_val
object_of(const struct conf *conf, const struct conf_provider *p)
{
	struct buf out;
	yajl_val value;
	char	 error[256];

	buf_init(&out, 1 << 20);
	if (p == NULL)
		show_json_main(&out, conf);
	else
		show_json_provider(&out, conf, p);
	buf_append(&out, "", 1);
	assert_null(strstr(buf_data(&out), "sk-secret"));
	value = yajl_tree_parse(buf_data(&out), error, sizeof error);
	if (value == NULL)
		fail_msg("%s: %s", error, buf_data(&out));
	buf_fini(&out);
	return value;
}

/* What stands at the dotted NAME; NULL: nothing does. */
static yajl_val
get(yajl_val object, const char *name)
{
	char	 parts[128], *dot;
	const char *path[3] = { parts };

	snprintf(parts, sizeof parts, "%s", name);
	if ((dot = strchr(parts, '.')) != NULL) {
		*dot = '\0';
		path[1] = dot + 1;
	}
	return yajl_tree_get(object, path, yajl_t_any);
}

static void
expect_all_keys(yajl_val object, enum keys_scope scope)
{
	for (const struct key *key = keys; key->name != NULL; key++)
		if (key->scope == scope && get(object, key->name) == NULL)
			fail_msg("%s is missing", key->name);
}

static void
every_key_is_there(void **state)
{
	struct conf *c;
	yajl_val main, provider, model;

	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/p.conf", "base_url = \"http://h\";\n"
	    "headers = ( { name = \"A\"; value = \"b\"; } );\n"
	    "models = ( { name = \"m\"; endpoints = ( { path = \"a\"; } ); } );");
	c = dir_load_good(*state);
	main = object_of(c, NULL);
	provider = object_of(c, c->providers[0]);
	expect_all_keys(main, KEYS_MAIN);
	expect_all_keys(provider, KEYS_PROVIDER);
	expect_all_keys(get(provider, "headers")->u.array.values[0],
	    KEYS_HEADER);
	model = get(provider, "models")->u.array.values[0];
	expect_all_keys(model, KEYS_MODEL);
	expect_all_keys(get(model, "endpoints")->u.array.values[0],
	    KEYS_ENDPOINT);
	yajl_tree_free(main);
	yajl_tree_free(provider);
	conf_free(c);
}

static void
values_are_in_force(void **state)
{
	struct conf *c;
	yajl_val main;

	dir_write(*state, "sluice.conf", "timeouts: { connect = 0.001; "
	    "idle = 2; }; limits: { body = 4294967296L; };\n"
	    "breaker: { error_rate = 0.1; }; auth: { open = true; };\n"
	    "cors: { origins = [ \"*\", \"http://a\" ]; }; default_model = \"\\\"\";");
	c = dir_load_good(*state);
	main = object_of(c, NULL);
	assert_true(YAJL_GET_DOUBLE(get(main, "timeouts.connect")) == 0.001);
	assert_int_equal(YAJL_GET_INTEGER(get(main, "timeouts.idle")), 2);
	assert_int_equal(YAJL_GET_INTEGER(get(main, "limits.body")),
	    INT64_C(4294967296));
	assert_true(YAJL_GET_DOUBLE(get(main, "breaker.error_rate")) == 0.1);
	assert_true(YAJL_IS_TRUE(get(main, "auth.open")));
	assert_true(YAJL_IS_NULL(get(main, "timeouts.headers")));
	assert_int_equal(YAJL_GET_ARRAY(get(main, "cors.origins"))->len, 2);
	assert_string_equal(YAJL_GET_STRING(get(main, "default_model")), "\"");
	yajl_tree_free(main);
	conf_free(c);
}

static void
no_secret_is_shown(void **state)
{
	struct conf *c;
	yajl_val provider, header;

	setenv("SLUICE_T1", "sk-secret", 1);
	dir_write(*state, "sluice.conf", "");
	dir_write(*state, "providers.d/p.conf", "base_url = \"http://h\";\n"
	    "api_key_env = \"SLUICE_T1\"; proxy = \"http://me:sk-secret@h:1\";\n"
	    "headers = ( { name = \"A\"; value = \"sk-secret\"; } );\n");
	c = dir_load_good(*state);
	provider = object_of(c, c->providers[0]);
	assert_string_equal(YAJL_GET_STRING(get(provider, "proxy")),
	    "http://********@h:1");
	assert_string_equal(YAJL_GET_STRING(get(provider,
	    "api_key_env.variable")), "SLUICE_T1");
	assert_true(YAJL_IS_TRUE(get(provider, "api_key_env.is_set")));
	header = get(provider, "headers")->u.array.values[0];
	assert_string_equal(YAJL_GET_STRING(get(header, "value")), "********");
	assert_true(YAJL_IS_NULL(get(header, "value_env")));
	yajl_tree_free(provider);
	conf_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_key_is_there, dir_setup,
		    dir_teardown),
		cmocka_unit_test_setup_teardown(values_are_in_force, dir_setup,
		    dir_teardown),
		cmocka_unit_test_setup_teardown(no_secret_is_shown, dir_setup,
		    dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
