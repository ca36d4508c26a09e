/* Which targets serve a model at a path, and in which order. */
#include "config.h"

#include "gateway/plan.h"

#include "tests/unit/conf/dir.h"

struct fixture {
	struct dir	*dir;
	struct snapshot	*snapshot;
	struct arena	 arena;
	struct plan	 plan;
};

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	dir_setup((void **)&x->dir);
	dir_write(x->dir, "sluice.conf", "");
	dir_write(x->dir, "providers.d/a.conf", "base_url = \"http://a/v1\";\n"
	    "models = ( { name = \"all\"; }, { name = \"some\"; "
	    "target = \"a-some\"; paths = [ \"embeddings\", \"rerank\" ]; } );");
	dir_write(x->dir, "providers.d/b.conf", "base_url = \"http://b/v1\";\n"
	    "models = ( { name = \"all\"; target = \"b-all\"; }, "
	    "{ name = \"some\"; endpoints = ( "
	    "{ path = \"embeddings\"; target = \"b-embed\"; }, "
	    "{ path = \"chat/completions\"; } ); } );");
	dir_write(x->dir, "providers.d/c.conf", "base_url = \"http://c/v1\";\n"
	    "prefix = \"any-\"; models = ( { name = \"*\"; } );");
	x->snapshot = snapshot_create(dir_load_good(x->dir));
	arena_init(&x->arena, 1000);
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	arena_fini(&x->arena);
	snapshot_unref(x->snapshot);
	dir_teardown((void **)&x->dir);
	free(x);
	return 0;
}

/* "provider:model provider:model" */
static const char *
plan(struct fixture *x, const char *model, const char *path)
{
	static char text[256];
	size_t	 len = 0;

	text[0] = '\0';
	if (plan_make(&x->plan, &x->arena, x->snapshot, model, path) !=
	    ERR_NONE)
		return "none";
	for (size_t i = 0; i < x->plan.count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s%s:%s", i > 0 ? " " : "",
		    x->plan.steps[i].target->provider->name,
		    x->plan.steps[i].model);
	return text;
}

static void
targets_come_in_the_order_of_the_files(void **state)
{
	assert_string_equal(plan(*state, "all", "chat/completions"),
	    "a:all b:b-all");
	assert_string_equal(plan(*state, "default/all", "anything/else"),
	    "a:all b:b-all");
}

static void
paths_and_endpoints_choose(void **state)
{
	assert_string_equal(plan(*state, "some", "embeddings"),
	    "a:a-some b:b-embed");
	assert_string_equal(plan(*state, "some", "rerank"), "a:a-some");
	assert_string_equal(plan(*state, "some", "chat/completions"),
	    "b:some");
}

static void
paths_are_whole_paths(void **state)
{
	struct fixture *x = *state;
	static const char *const paths[] = {
		"", "embedding", "embeddings/", "embeddings/x", "/embeddings",
		"Embeddings", "completions", "chat", "responses",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		assert_int_equal(plan_make(&x->plan, &x->arena, x->snapshot,
		    "some", paths[i]), ERR_MODEL_NOT_FOUND);
	assert_int_equal(x->plan.count, 0);
}

static void
a_wildcard_passes_the_rest_on(void **state)
{
	assert_string_equal(plan(*state, "any-thing/else", "embeddings"),
	    "c:thing/else");
	assert_string_equal(plan(*state, "any-", "embeddings"), "none");
}

static void
unknown_models_are_not_found(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(plan_make(&x->plan, &x->arena, x->snapshot,
	    "nothing", "embeddings"), ERR_MODEL_NOT_FOUND);
	assert_int_equal(plan_make(&x->plan, &x->arena, x->snapshot, "",
	    "embeddings"), ERR_MODEL_NOT_FOUND);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(targets_come_in_the_order_of_the_files),
		TEST(paths_and_endpoints_choose),
		TEST(paths_are_whole_paths),
		TEST(a_wildcard_passes_the_rest_on),
		TEST(unknown_models_are_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
